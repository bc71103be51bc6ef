"""The composition root: builds one part of the node from the configuration and runs it.

Each part is a function of (config, stop, ready), so `up` runs them as children and `listen`,
`work`, `send` run them one per process, on as many hosts as wanted. Imports that are slow
(torch, highdicom) stay inside the part that needs them: the listener starts without them.
"""

import gc
import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial

from dicom_node.backoff import backoff_s
from dicom_node.cli.node.networks import load_networks, pipeline_id
from dicom_node.config import EMBEDDED_BROKER, Config
from dicom_node.errors import LedgerUnavailable
from dicom_node.ledger import Ledger
from dicom_node.ops.liveness import Owner
from dicom_node.ops.recovery import Recovery
from dicom_node.queueing import Queues
from dicom_node.spool import Spool
from dicom_node.threads import beside

logger = logging.getLogger(__name__)

#: Seconds between looks for what a crash or an outage left behind.
RECOVERY_INTERVAL_S = 5.0
#: Seconds between tries, at most, while a database that is down is waited for.
LEDGER_CAP_S = 10.0


class Part(StrEnum):
    """A part of the node that runs as a process of its own."""

    LISTEN = "listen"
    WORK = "work"
    SEND = "send"


Ready = Callable[[], None]


def run(part: Part, config: Config, stop: threading.Event, ready: Ready) -> None:
    """Run `part` until `stop`; calls `ready` once it can do its work."""
    try:
        {Part.LISTEN: _listen, Part.WORK: _work, Part.SEND: _send}[part](config, stop, ready)
    except LedgerUnavailable:
        if not stop.is_set():
            raise
    logger.info("stopped", extra={"part": part.value})


def open_ledger(config: Config) -> Ledger:
    config.state.mkdir(parents=True, exist_ok=True)
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
    known = {destination.name for destination in config.destinations}
    waiting = ledger.reports.summary().deliveries_waiting
    if orphans := {name: count for name, count in waiting.items() if name not in known}:
        remedy = "cxr-node destinations move OLD NEW, or forget NAME"
        logger.warning(
            "deliveries wait for destinations that the configuration does not name",
            extra={"waiting": orphans, "remedy": remedy},
        )


def open_queues(config: Config) -> Queues:
    """The broker the URL names; one id in hand at a time, so nothing waits behind a slow one."""
    embedded = config.broker_url == EMBEDDED_BROKER
    url = "filesystem://" if embedded else config.broker_url
    folder = config.queue_folder if embedded else None
    return Queues(url, folder, prefetch=1, prefix=config.queue_prefix)


def pipeline_of(config: Config) -> str:
    """What a job is of, besides its instance: how that is analysed, not who gets which results."""
    return pipeline_id(config.lung_model, config.infection_model)


def _open(config: Config, stop: threading.Event) -> tuple[Spool, Ledger, Queues]:
    """The three places where state is, of which the ledger is the truth."""
    spool = Spool(config.spool, group_access=config.group_access)
    return spool, wait_for_ledger(config, stop), open_queues(config)


def _listen(config: Config, stop: threading.Event, ready: Ready) -> None:
    from dicom_node.listener import Installation, Listener
    from inference.transfer_syntaxes import decodable
    from sr_writer.identity import Equipment

    spool, ledger, queues = _open(config, stop)
    maker = Equipment()
    installation = Installation(
        pipeline_of(config), decodable(), maker.manufacturer, maker.model_name
    )
    listener = Listener(config, spool, ledger, queues, installation)
    listener.start()
    ready()
    stop.wait()
    listener.stop()
    queues.close()
    ledger.close()


def _work(config: Config, stop: threading.Event, ready: Ready) -> None:
    from dicom_node.worker import Worker
    from inference.pipeline import STANDARD
    from sr_writer.identity import Equipment
    from sr_writer.warmup import warm_up

    engine = load_networks(config.lung_model, config.infection_model, config.device)
    spool, ledger, queues = _open(config, stop)
    warm_up()
    # What torch and highdicom have made by now stays: the collector need not walk it for each job.
    gc.collect()
    gc.freeze()
    with _recovered(config, Part.WORK, spool, ledger, queues, stop) as owner:
        ready()
        Worker(
            engine,
            STANDARD,
            Equipment(),
            config.destinations,
            config.reports,
            spool,
            ledger,
            queues,
            owner,
            config.lease_s,
        ).run(stop)


def _send(config: Config, stop: threading.Event, ready: Ready) -> None:
    from dicom_node.delivery.sender import Sender

    spool, ledger, queues = _open(config, stop)
    with _recovered(config, Part.SEND, spool, ledger, queues, stop) as owner:
        name_orphans(config, ledger)
        ready()
        Sender(config.aet, config.destinations, spool, ledger, queues, owner).run(stop)


@contextmanager
def _recovered(
    config: Config, part: Part, spool: Spool, ledger: Ledger, queues: Queues, stop: threading.Event
) -> Iterator[str]:
    """An owner name for leases, with recovery swept once before and again and again beside."""
    with Owner(config.run_folder, part.value) as owner:
        recovery = Recovery(ledger, queues, spool, config.run_folder)
        recovery.sweep()
        sweeping = partial(recovery.run, interval_s=RECOVERY_INTERVAL_S)
        try:
            with beside(stop, {"recovery": sweeping}):
                yield owner.name
        finally:
            queues.close()
            ledger.close()
