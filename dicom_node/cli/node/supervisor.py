"""`cxr-node up`: the whole node on one host, a child process a part, each restarted if it dies;
of worker and listener as many as asked for.

Processes, not threads: a decoder that crashes on a hostile image takes down the worker alone, and
the listener goes on answering.
"""

import logging
import multiprocessing
import random
import signal
import threading
import time
from contextlib import closing
from functools import partial
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event as ProcessEvent
from types import FrameType

from dicom_node import logs
from dicom_node.backoff import backoff_s
from dicom_node.cli.node.opening import once_it_answers, pipeline_of, wait_for_ledger
from dicom_node.cli.node.parts import Part, parts_of, run
from dicom_node.cli.node.preflight import check, check_folders
from dicom_node.cli.node.room import listeners_of, workers_of
from dicom_node.config import Config
from dicom_node.errors import LedgerUnavailable, NodeError, UsageError
from dicom_node.ops.privacy import keep_private
from dicom_node.ops.running import only_one

logger = logging.getLogger(__name__)

#: Seconds the parts get to finish what they hold before they are killed, besides `drain_s`.
STOP_WITHIN_S = 15.0
#: How often the supervisor looks at its children.
LOOK_S = 0.2
#: Exit code of a part that only a person can help; see `__main__`.
EXIT_USAGE = 2
#: A part that has run this long has recovered from whatever killed it before.
STEADY_S = 60.0


class Node:
    """Starts the parts, keeps them alive, stops them in order."""

    def __init__(self, config: Config, *, json_logs: bool) -> None:
        self._config = config
        self._json_logs = json_logs
        self._context = multiprocessing.get_context("spawn")
        self._stop = threading.Event()
        self._children: list[_Child] = []

    def run(self) -> int:
        """Until SIGTERM or Ctrl-C; the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        try:
            self._prepare_ledger()
        except LedgerUnavailable:
            return 1
        workers = workers_of(self._config)
        processes = {Part.WORK: workers, Part.LISTEN: listeners_of(self._config)}
        config = _sharing(self._config, processes[Part.LISTEN])
        for part in parts_of(self._config):
            for _ in range(processes.get(part, 1)):
                child = _Child(part, self._context, config, self._json_logs, workers)
                self._children.append(child)
        announced = False
        while not self._stop.wait(LOOK_S):
            for child in self._children:
                child.keep_alive()
                if child.gave_up:
                    self._stop.set()
            needed = (child for child in self._children if child.is_needed)
            if not announced and all(child.is_ready for child in needed):
                announced = True
                self._announce()
        return self._shut_down()

    def _prepare_ledger(self) -> None:
        """Migrate it once, before three processes open it together."""
        with closing(wait_for_ledger(self._config, self._stop)) as ledger:
            # What waits for a pipeline of before an upgrade has nobody else: this host is alone.
            adopt = partial(ledger.jobs.adopt, pipeline_of(self._config))
            adopted = once_it_answers(adopt, self._stop)
        if adopted:
            logger.info("took over jobs of another pipeline", extra={"job_ids": adopted})

    def _announce(self) -> None:
        node = self._config.node
        logger.info(
            f"ready: {node.aet} listens on {node.host}:{node.port}",
            extra={"destinations": [*self._config.destination_names] or "none: kept here"},
        )

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        logger.info("stopping", extra={"signal": signal.Signals(number).name})
        self._stop.set()

    def _shut_down(self) -> int:
        """All at once: what one of them still needs of another, the ledger keeps."""
        deadline = time.monotonic() + STOP_WITHIN_S + self._config.node.drain_s
        for child in self._children:
            child.terminate()
        for child in self._children:
            child.join(max(0.0, deadline - time.monotonic()))
        gave_up = [child.exit_code for child in self._children if child.gave_up]
        logger.info("stopped the node")
        return max(gave_up, default=0)


def _sharing(config: Config, listeners: int) -> Config:
    """For the parts, of which so many listen on one address."""
    if listeners == 1:
        return config
    node = config.node.model_copy(update={"share_port": True})
    return config.model_copy(update={"node": node})


class _Child:
    """One part in a process of its own."""

    #: Deaths before it was ever ready after which the node ends: the fault will not go away.
    MAX_FAILED_STARTS = 3

    def __init__(
        self,
        part: Part,
        context: multiprocessing.context.SpawnContext,
        config: Config,
        json_logs: bool,
        workers: int,
    ) -> None:
        self.part = part
        self._context = context
        self._config = config
        self._json_logs = json_logs
        self._workers = workers  #: that share the cores
        self._deaths = 0
        self._was_ready = False
        self._restart_at: float | None = None
        self._start()

    @property
    def is_ready(self) -> bool:
        return self._ready.is_set()

    @property
    def is_needed(self) -> bool:
        """What is only tried holds up nothing that is sent."""
        return self.part is not Part.SHADOW

    @property
    def gave_up(self) -> bool:
        if not self.is_needed:
            return False
        hopeless = self._deaths >= self.MAX_FAILED_STARTS or self.exit_code == EXIT_USAGE
        return not self._was_ready and self._deaths > 0 and hopeless

    @property
    def exit_code(self) -> int:
        """Of the node, should this part end it."""
        return EXIT_USAGE if self._process.exitcode == EXIT_USAGE else 1

    def keep_alive(self) -> None:
        """Start it again, after a while, if it has died."""
        self._was_ready = self._was_ready or self.is_ready
        now = time.monotonic()
        if self._process.is_alive():
            if now - self._started_at > STEADY_S:
                self._deaths = 0
        elif self._restart_at is None:
            self._deaths += 1
            wait_s = backoff_s(self._deaths, random.random(), base_s=0.2)
            self._restart_at = now + wait_s
            extra = {
                "part": self.part.value,
                "exit": self._process.exitcode,
                "restart_in_s": wait_s,
            }
            logger.error("a part died", extra=extra)
        elif now >= self._restart_at:
            self._start()

    def terminate(self) -> None:
        if self._process.is_alive():
            self._process.terminate()

    def join(self, within_s: float) -> None:
        """Wait for it to end, and end it when it does not."""
        self._process.join(within_s)
        if self._process.is_alive():
            logger.warning("killed a part that did not stop", extra={"part": self.part.value})
            self._process.kill()
            self._process.join()

    def _start(self) -> None:
        self._restart_at = None
        self._started_at = time.monotonic()
        self._ready: ProcessEvent = self._context.Event()
        arguments = (self.part, self._config, self._json_logs, self._ready, self._workers)
        self._process: SpawnProcess = self._context.Process(
            target=_child_main, args=arguments, name=f"cxr-{self.part.value}"
        )
        self._process.start()
        extra = {"part": self.part.value, "pid": self._process.pid}
        logger.info("started a part", extra=extra)


def _child_main(
    part: Part, config: Config, json_logs: bool, ready: ProcessEvent, workers: int
) -> None:
    logs.configure(as_json=json_logs, is_child=True)
    keep_private(config.node.state, config.spool_folder, group_access=config.node.group_access)
    stop = stop_on_signals(orphan_too=True)
    try:
        run(part, config, stop, ready.set, workers=workers)
    except (NodeError, OSError) as exc:
        logger.error("a part cannot run", extra={"part": part.value, "reason": str(exc)})
        raise SystemExit(EXIT_USAGE if isinstance(exc, UsageError) else 1) from exc
    except Exception as exc:
        logger.exception("a part failed", extra={"part": part.value})
        raise SystemExit(1) from exc


def stop_on_signals(*, orphan_too: bool = False) -> threading.Event:
    """An event that SIGTERM and Ctrl-C set; with `orphan_too`, the parent's death as well."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    parent = multiprocessing.parent_process()
    if orphan_too and parent is not None:

        def watch() -> None:
            try:
                parent.join()
            finally:
                # Also where it cannot be waited for: a part that nobody watches must not go on.
                stop.set()

        threading.Thread(target=watch, name="watch parent", daemon=True).start()
    return stop


def up(config: Config, *, json_logs: bool) -> int:
    """Run the whole node; the exit code. Raises UsageError where only a person can help."""
    keep_private(config.node.state, config.spool_folder, group_access=config.node.group_access)
    check_folders(config)
    with only_one(config.node, config.destination_names):
        check(config, set(parts_of(config)))
        return Node(config, json_logs=json_logs).run()
