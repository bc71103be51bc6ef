"""The composition root: builds one part of the node from the configuration and runs it.

Each part is a function of (config, stop, ready), so `up` runs them as children and `listen`,
`work`, `send` run them one per process, on as many hosts as wanted. Imports that are slow
(torch, highdicom) stay inside the part that needs them: the listener starts without them.
"""

import gc
import logging
import os
import random
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from enum import StrEnum
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from dicom_node.backoff import backoff_s
from dicom_node.cli.node.networks import load_networks, pipeline_id
from dicom_node.config import EMBEDDED_BROKER, Config
from dicom_node.errors import LedgerUnavailable
from dicom_node.heartbeat import Heartbeat
from dicom_node.ledger import Ledger, Process
from dicom_node.ops.liveness import Owner
from dicom_node.ops.recovery import Recovery
from dicom_node.queueing import Queues
from dicom_node.spool import Spool
from dicom_node.threads import beside
from sr_writer.equipment import Equipment

if TYPE_CHECKING:
    from dicom_node.delivery.kinds import DestinationKind

logger = logging.getLogger(__name__)

#: Seconds between looks for what a crash or an outage left behind.
RECOVERY_INTERVAL_S = 2.0
#: Seconds after which a batch that a sender has not ended hangs: longer than its associations,
#: their time-outs added up, may take.
SENDER_STUCK_AFTER_S = 300.0
#: Seconds between tries, at most, while a database that is down is waited for.
LEDGER_CAP_S = 10.0


class Part(StrEnum):
    """A part of the node that runs as a process of its own."""

    LISTEN = "listen"
    WORK = "work"
    SEND = "send"


Ready = Callable[[], None]


def run(
    part: Part,
    config: Config,
    stop: threading.Event,
    ready: Ready,
    kinds: "Mapping[str, DestinationKind] | None" = None,
) -> None:
    """Run `part` until `stop`; calls `ready` once it can do its work.

    `kinds`: of destinations, for the sender; None: those that the node brings.
    """
    try:
        match part:
            case Part.LISTEN:
                _listen(config, stop, ready)
            case Part.WORK:
                _work(config, stop, ready)
            case Part.SEND:
                _send(config, stop, ready, kinds)
    except LedgerUnavailable:
        if not stop.is_set():
            raise
    logger.info("stopped", extra={"part": part.value})


def open_ledger(config: Config) -> Ledger:
    config.node.state.mkdir(parents=True, exist_ok=True)
    return Ledger.open(config.ledger_url)


def wait_for_ledger(config: Config, stop: threading.Event) -> Ledger:
    """The ledger, once its database answers; LedgerUnavailable where `stop` comes first."""
    tries = 0
    while True:
        try:
            return open_ledger(config)
        except LedgerUnavailable as exc:
            tries += 1
            wait_s = min(LEDGER_CAP_S, backoff_s(tries, random.random(), base_s=0.2))
            extra = {"reason": str(exc), "retry_in_s": wait_s}
            logger.warning("waits for the ledger", extra=extra)
            if stop.wait(wait_s):
                raise


def name_orphans(config: Config, ledger: Ledger) -> None:
    """Say which deliveries wait for a destination that no sender will ever serve."""
    known = config.destination_names
    waiting = ledger.reports.summary().deliveries_waiting
    if orphans := {name: count for name, count in waiting.items() if name not in known}:
        remedy = "cxr-node destinations move OLD NEW, or forget NAME"
        logger.warning(
            "deliveries wait for destinations that the configuration does not name",
            extra={"waiting": orphans, "remedy": remedy},
        )


def open_queues(config: Config) -> Queues:
    """The broker the URL names; one id in hand at a time, so nothing waits behind a slow one."""
    url = config.broker.url.get_secret_value()
    embedded = url == EMBEDDED_BROKER
    folder = config.node.queue_folder if embedded else None
    prefix = config.broker.queue_prefix
    return Queues("filesystem://" if embedded else url, folder, prefetch=1, prefix=prefix)


def pipeline_of(config: Config) -> str:
    """What a job is of, besides its instance: how that is analysed, not who gets which results."""
    return pipeline_id(config.models.lung, config.models.infection)


def open_spool(config: Config) -> Spool:
    return Spool(config.spool_folder, group_access=config.node.group_access)


def _open(config: Config, stop: threading.Event) -> tuple[Spool, Ledger, Queues]:
    """The three places where state is, of which the ledger is the truth."""
    return open_spool(config), wait_for_ledger(config, stop), open_queues(config)


def equipment_of(config: Config) -> Equipment:
    """Who results say has made them: as built in, but for what the configuration says."""
    return Equipment(**config.equipment.model_dump(exclude_none=True))


def _listen(config: Config, stop: threading.Event, ready: Ready) -> None:
    from dicom_node.intake.listener import Installation, Listener
    from inference.decoding.transfer_syntaxes import decodable

    spool, ledger, queues = _open(config, stop)
    maker = equipment_of(config)
    installation = Installation(
        pipeline_of(config), decodable(), maker.manufacturer, maker.model_name
    )
    with _alive(config, Part.LISTEN, ledger, stop):
        listener = Listener(config.node, config.callers, spool, ledger, queues, installation)
        listener.start()
        ready()
        stop.wait()
        listener.stop()
    queues.close()
    ledger.close()


def _work(config: Config, stop: threading.Event, ready: Ready) -> None:
    from dicom_node.worker import Worker
    from inference.pipeline import STANDARD
    from sr_writer.warmup import warm_up

    models = config.models
    engine = load_networks(models.lung, models.infection, models.device)
    spool, ledger, queues = _open(config, stop)
    warm_up()
    # What torch and highdicom have made by now stays: the collector need not walk it for each job.
    gc.collect()
    gc.freeze()
    runs_on = f"{type(engine).__name__} {models.device}"
    with (
        closing(ledger),
        closing(queues),
        _alive(config, Part.WORK, ledger, stop, runs_on, pipeline_of(config)) as heartbeat,
        _recovered(config, spool, ledger, queues, stop),
    ):
        ready()
        Worker(
            engine,
            STANDARD,
            equipment_of(config),
            config.destinations,
            config.reports,
            spool,
            ledger,
            queues,
            heartbeat,
        ).run(stop)


def _send(
    config: Config,
    stop: threading.Event,
    ready: Ready,
    kinds: "Mapping[str, DestinationKind] | None",
) -> None:
    from dicom_node.delivery.kinds import DESTINATION_KINDS
    from dicom_node.delivery.sender import Sender

    spool, ledger, queues = _open(config, stop)
    with (
        closing(ledger),
        closing(queues),
        _alive(config, Part.SEND, ledger, stop) as heartbeat,
        _recovered(config, spool, ledger, queues, stop),
    ):
        name_orphans(config, ledger)
        ready()
        Sender(
            config.node.aet,
            config.destinations,
            spool,
            ledger,
            queues,
            heartbeat,
            kinds or DESTINATION_KINDS,
        ).run(stop)


@contextmanager
def _alive(
    config: Config,
    part: Part,
    ledger: Ledger,
    stop: threading.Event,
    engine: str = "",
    pipeline: str = "",
) -> Iterator[Heartbeat]:
    """An owner of leases whose heart beats until the block, and all that it held, has ended."""
    stuck_after_s = config.worker.lease_s if part is Part.WORK else SENDER_STUCK_AFTER_S
    with Owner(config.node.run_folder, part.value) as owner:
        process = Process(
            name=owner.name,
            part=part.value,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=version("cxr-node"),
            engine=engine,
            pipeline=pipeline,
        )
        heartbeat = Heartbeat(ledger, process, stuck_after_s)

        def beat(done: threading.Event) -> None:
            try:
                heartbeat.run(done)
            finally:
                # Work must not go on without it.
                stop.set()

        with beside(threading.Event(), {"heartbeat": beat}):
            yield heartbeat
        heartbeat.leave()


@contextmanager
def _recovered(
    config: Config, spool: Spool, ledger: Ledger, queues: Queues, stop: threading.Event
) -> Iterator[None]:
    """Recovery swept once before and again and again beside."""
    recovery = Recovery(ledger, queues, spool, config.node.run_folder)
    recovery.sweep()
    sweeping = partial(recovery.run, interval_s=RECOVERY_INTERVAL_S)
    with beside(stop, {"recovery": sweeping}):
        yield
