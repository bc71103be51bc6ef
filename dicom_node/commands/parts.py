"""The composition root: builds one part of the node from the configuration and runs it.

Each part is a function of (config, stop, ready), so `up` runs them as children and `listen`,
`work`, `send` run them one per process, on as many hosts as wanted. Imports that are slow
(torch, highdicom) stay inside the part that needs them: the listener starts without them.
"""

import gc
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial

from dicom_node.commands.networks import load_networks, pipeline_id
from dicom_node.config import EMBEDDED_BROKER, Config
from dicom_node.ledger import Ledger
from dicom_node.ops.liveness import Owner
from dicom_node.ops.recovery import Recovery
from dicom_node.queueing import Queues
from dicom_node.spool import Spool
from dicom_node.threads import beside

logger = logging.getLogger(__name__)

#: Seconds between looks for what a crash or an outage left behind.
RECOVERY_INTERVAL_S = 5.0


class Part(StrEnum):
    """A part of the node that runs as a process of its own."""

    LISTEN = "listen"
    WORK = "work"
    SEND = "send"


Ready = Callable[[], None]


def run(part: Part, config: Config, stop: threading.Event, ready: Ready) -> None:
    """Run `part` until `stop`; calls `ready` once it can do its work."""
    {Part.LISTEN: _listen, Part.WORK: _work, Part.SEND: _send}[part](config, stop, ready)
    logger.info("stopped", extra={"part": part.value})


def open_ledger(config: Config) -> Ledger:
    config.state.mkdir(parents=True, exist_ok=True)
    return Ledger.open(config.ledger_url)


def open_queues(config: Config) -> Queues:
    """The broker the URL names; one id in hand at a time, so nothing waits behind a slow one."""
    embedded = config.broker_url == EMBEDDED_BROKER
    url = "filesystem://" if embedded else config.broker_url
    folder = config.queue_folder if embedded else None
    return Queues(url, folder, prefetch=1, prefix=config.queue_prefix)


def pipeline_of(config: Config) -> str:
    """What a job is of, besides its instance: how that is analysed, not who gets which results."""
    return pipeline_id(config.lung_model, config.infection_model)


def _listen(config: Config, stop: threading.Event, ready: Ready) -> None:
    from dicom_node.listener import Installation, Listener
    from inference.transfer_syntaxes import decodable
    from sr_writer.identity import Equipment

    spool, ledger, queues = Spool(config.spool), open_ledger(config), open_queues(config)
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
    spool, ledger, queues = Spool(config.spool), open_ledger(config), open_queues(config)
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

    spool, ledger, queues = Spool(config.spool), open_ledger(config), open_queues(config)
    with _recovered(config, Part.SEND, spool, ledger, queues, stop) as owner:
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
