"""The composition root: builds one part of the node from the configuration and runs it.

Each part is a function of (config, stop, ready), so `up` runs them as children and `listen`,
`work`, `send` run them one per process, on as many hosts as wanted. Imports that are slow
(torch, highdicom) stay inside the part that needs them: the listener starts without them.
"""

import gc
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from dicom_node.audit import Trail, events, subject_of
from dicom_node.cli.node.alive import alive
from dicom_node.cli.node.networks import device_in_use, gpu_memory, load_networks
from dicom_node.cli.node.opening import (
    equipment_of,
    installation_of,
    once_it_answers,
    open_queues,
    open_spool,
    pipeline_of,
    reporters,
    shadow_pipeline_of,
    tls_of,
    wait_for_ledger,
)
from dicom_node.config import Config
from dicom_node.errors import LedgerUnavailable, MemoryUnavailable
from dicom_node.heartbeat import Heartbeat
from dicom_node.ledger import Job, Ledger, Turns
from dicom_node.ops.recovery import Recovery
from dicom_node.ops.retention import Retention
from dicom_node.queueing import Queues
from dicom_node.spool import Spool
from dicom_node.threads import beside

if TYPE_CHECKING:
    from dicom_node.delivery.kinds import DestinationKind

logger = logging.getLogger(__name__)

#: Seconds between looks for what a crash or an outage left behind.
RECOVERY_INTERVAL_S = 2.0
#: Seconds after which a batch that a sender has not ended hangs: longer than its associations,
#: their time-outs added up, may take.
STUCK_AFTER_S = 300.0
#: What is only tried has the processor when nobody else wants it (nice(2)).
_SHADOW_NICENESS = 15


class Part(StrEnum):
    """A part of the node that runs as a process of its own."""

    LISTEN = "listen"
    WORK = "work"
    SEND = "send"
    PAGE = "page"
    SHADOW = "shadow"


Ready = Callable[[], None]


def run(
    part: Part,
    config: Config,
    stop: threading.Event,
    ready: Ready,
    kinds: "Mapping[str, DestinationKind] | None" = None,
    workers: int = 1,
) -> None:
    """Run `part` until `stop`; calls `ready` once it can do its work.

    `kinds`: of destinations, for the sender; None: those that the node brings.
    `workers`: processes that share this host's cores, where this is one of them.
    """
    try:
        with Trail(config.audit, config.node.state, config.node.aet, part.value) as trail:
            match part:
                case Part.LISTEN:
                    _listen(config, stop, ready, trail)
                case Part.WORK:
                    _work(config, stop, ready, trail, workers)
                case Part.SEND:
                    _send(config, stop, ready, trail, kinds)
                case Part.PAGE:
                    _page(config, stop, ready, trail)
                case Part.SHADOW:
                    _shadow(config, stop, ready, trail)
    except (LedgerUnavailable, MemoryUnavailable):
        if not stop.is_set():
            raise
    logger.info("stopped", extra={"part": part.value})


def parts_of(config: Config) -> tuple[Part, ...]:
    """Those that a host needs that runs them all."""
    wanted = {Part.PAGE: bool(config.monitor.listen), Part.SHADOW: config.shadow.differs}
    return tuple(part for part in Part if wanted.get(part, True))


def name_orphans(config: Config, ledger: Ledger) -> None:
    """Say which deliveries wait for a destination that no sender will ever serve."""
    known = config.destination_names
    waiting = ledger.reports.deliveries_waiting()
    if orphans := {name: count for name, count in waiting.items() if name not in known}:
        remedy = "cxr-node destinations move OLD NEW, or forget NAME"
        logger.warning(
            "deliveries wait for destinations that the configuration does not name",
            extra={"waiting": orphans, "remedy": remedy},
        )


def _open(config: Config, stop: threading.Event) -> tuple[Spool, Ledger, Queues]:
    """The three places where state is, of which the ledger is the truth."""
    return open_spool(config), wait_for_ledger(config, stop), open_queues(config)


def _listen(config: Config, stop: threading.Event, ready: Ready, trail: Trail) -> None:
    from dicom_node.intake.listener import Listener

    spool, ledger, queues = _open(config, stop)
    with alive(config, Part.LISTEN.value, STUCK_AFTER_S, ledger, stop):
        listener = Listener(
            config.node,
            config.callers,
            spool,
            ledger,
            queues,
            installation_of(config),
            reporters(config),
            tls_of(config),
            config.priority,
            trail,
            config.corrections,
        )
        listener.start()
        ready()
        stop.wait()
        listener.stop()
    queues.close()
    ledger.close()


def _work(config: Config, stop: threading.Event, ready: Ready, trail: Trail, workers: int) -> None:
    from dicom_node.drift.look import DriftLook
    from dicom_node.intake.ranking import Ranking
    from dicom_node.ops.finding import Finding
    from dicom_node.worker import Worker
    from dicom_node.worker.memory import keep_freed_memory, once_there_is_memory
    from sr_writer.warmup import warm_up

    keep_freed_memory()
    models = config.leading
    load = partial(load_networks, models.lung, models.infection, models.device, processes=workers)
    engine = once_there_is_memory(load, stop)
    spool, ledger, queues = _open(config, stop)
    warm_up()
    # What torch and highdicom have made by now stays: the collector need not walk it for each job.
    gc.collect()
    gc.freeze()
    runs_on = f"{type(engine).__name__} {device_in_use(models.device)}"
    with (
        closing(ledger),
        closing(queues),
        alive(
            config,
            Part.WORK.value,
            config.worker.lease_s,
            ledger,
            stop,
            runs_on,
            pipeline_of(config),
            gpu_memory,
        ) as heartbeat,
        _recovered(config, spool, ledger, queues, heartbeat, stop),
    ):
        ready()
        worker = Worker(
            engine,
            models.settings,
            equipment_of(config),
            config.destinations,
            config.reports,
            spool,
            ledger,
            queues,
            heartbeat,
            turns=Turns(config.priority.longest_wait_s),
            looked_at=partial(_tell_access, trail),
            priors=config.priors,
            corrections=config.corrections,
        )
        finding = Finding(
            ledger, spool, pipeline_of(config), Ranking(config.priority), config.corrections
        )
        drift = DriftLook(ledger, pipeline_of(config), config.alerts)
        with beside(stop, {"finding": finding.run, "drift": drift.run}):
            worker.run(stop)


def _send(
    config: Config,
    stop: threading.Event,
    ready: Ready,
    trail: Trail,
    kinds: "Mapping[str, DestinationKind] | None",
) -> None:
    from dicom_node.cli.node.priors import inquiry_loops
    from dicom_node.delivery.kinds import DESTINATION_KINDS
    from dicom_node.delivery.sender import Sender

    spool, ledger, queues = _open(config, stop)
    with (
        closing(ledger),
        closing(queues),
        alive(config, Part.SEND.value, STUCK_AFTER_S, ledger, stop) as heartbeat,
        _recovered(config, spool, ledger, queues, heartbeat, stop),
    ):
        once_it_answers(partial(name_orphans, config, ledger), stop)
        retention = Retention(ledger, spool, config.retention)
        ready()
        sender = Sender(
            config.node.aet,
            config.destinations,
            spool,
            ledger,
            queues,
            heartbeat,
            kinds or DESTINATION_KINDS,
            config.priority.longest_wait_s,
            trail,
        )
        asking = inquiry_loops(
            config, partial(pipeline_of, config), equipment_of(config), ledger, spool, queues,
            heartbeat.owner, trail, partial(tls_of, config),
        )  # fmt: skip
        with beside(stop, {"retention": retention.run} | asking):
            sender.run(stop)


def _shadow(config: Config, stop: threading.Event, ready: Ready, trail: Trail) -> None:
    from dicom_node.worker.memory import keep_freed_memory, once_there_is_memory
    from dicom_node.worker.shadow.loop import Trial

    pair, tried = (pipeline_of(config), shadow_pipeline_of(config)), config.shadowing
    if tried is None or not pair[1]:
        logger.warning("there is nothing to try: [shadow] differs in nothing from [models]")
        ready()
        stop.wait()
        return
    # A service's sandbox may forbid it, and then its unit says so itself.
    with suppress(OSError):
        os.nice(_SHADOW_NICENESS)
    keep_freed_memory()
    load = partial(load_networks, tried.lung, tried.infection, tried.device)
    engine = once_there_is_memory(load, stop)
    with (
        closing(wait_for_ledger(config, stop)) as ledger,
        alive(
            config, Part.SHADOW.value, config.worker.lease_s, ledger, stop,
            f"{type(engine).__name__} {device_in_use(tried.device)}", pair[1], gpu_memory,
        ) as heartbeat,
    ):  # fmt: skip
        ready()
        trial = Trial(
            engine, tried.settings, pair, config.shadow.days, equipment_of(config), ledger,
            open_spool(config), heartbeat.jobs(), partial(_tell_access, trail),
        )  # fmt: skip
        trial.run(stop)


def _tell_access(trail: Trail, job: Job, content: bytes) -> None:
    """That the worker looked at an image (PS3.15 A.5.3.6)."""
    if trail.is_on:
        subject = subject_of(content, job.study_instance_uid)
        trail.record(events.accessed(trail.process, subject, sop_classes={job.sop_class_uid: 1}))


def _page(config: Config, stop: threading.Event, ready: Ready, trail: Trail) -> None:
    from dicom_node.cli.node.drawing import desk_of
    from dicom_node.page.serving import serve
    from dicom_node.page.site.node import Node

    def ask_broker() -> None:
        with closing(open_queues(config)) as queues:
            queues.check()

    node = Node(
        config, partial(pipeline_of, config), ask_broker, open_spool(config), trail,
        partial(shadow_pipeline_of, config), desk_of,
    )  # fmt: skip
    with closing(node):
        serve(node, stop, ready)


@contextmanager
def _recovered(
    config: Config,
    spool: Spool,
    ledger: Ledger,
    queues: Queues,
    heartbeat: Heartbeat,
    stop: threading.Event,
) -> Iterator[None]:
    """Recovery swept once before and again and again beside."""
    recovery = Recovery(ledger, queues, spool, config.node.run_folder, heartbeat.silent_s)
    once_it_answers(recovery.sweep, stop)
    sweeping = partial(recovery.run, interval_s=RECOVERY_INTERVAL_S)
    with beside(stop, {"recovery": sweeping}):
        yield
