"""The audit trail of one process: what is recorded is told, now or later, and nobody waits for it.

Two threads: one brings messages to the backlog, so that a stop or a receiver that hangs loses none;
one tells what is in it, of all processes of this host, one process at a time.
"""

import logging
import os
import queue
import random
import socket
import sqlite3
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from dicom_node.audit import events
from dicom_node.audit.backlog import Backlog
from dicom_node.audit.message import Message, Participant, Source
from dicom_node.audit.targets import Target, targets_of, text_for
from dicom_node.backoff import backoff_s
from dicom_node.config import AuditSection

logger = logging.getLogger(__name__)

#: Messages in memory, for a disk that is slow or full.
MOST_HELD = 10_000
#: Messages told at once.
BATCH = 500
#: Seconds between looks for what other processes have kept; and what a batch is gathered in.
LOOK_S = 1.0
#: Seconds between looks for a turn, of a process that stops.
_TURN_S = 0.05
#: Seconds between tries, at most, while a target is away.
_CAP_S = 60.0
#: Seconds between two lines of the log about the same trouble.
_SAY_EVERY_S = 300.0
#: Seconds that a process which stops gives to what is just being told; the rest is told later.
_LAST_S = 2.0
_FOLDER = "audit"


class Trail:
    """Records messages; a context manager, within which this process is said to run."""

    def __init__(self, audit: AuditSection, state: Path, aet: str, part: str) -> None:
        """`part`: what this process is, for people. `state`: where what waits is kept."""
        self._hostname = socket.gethostname()
        self._targets = targets_of(audit)
        self._source = Source(audit.source or f"{aet}@{self._hostname}", audit.site)
        self._folder = state / _FOLDER
        self._most = audit.most_waiting
        self._messages: queue.Queue[Message] = queue.Queue(MOST_HELD)
        self._stop = threading.Event()
        self._kept = threading.Event()
        self._lost = 0  #: not kept, since that was last said
        self._said_at: dict[str, float] = {}
        #: This process, as it takes part in what it records.
        self.process = Participant(
            f"{self._hostname}:{part}:{os.getpid()}", aet=aet, name=f"cxr-node {part}",
            host=self._hostname, is_address=False,
        )  # fmt: skip
        self._keeper = threading.Thread(target=self._keep_all, name="audit, keep", daemon=True)
        self._teller = threading.Thread(target=self._tell_all, name="audit, tell", daemon=True)

    @classmethod
    def off(cls) -> Self:
        """One that tells nobody."""
        return cls(AuditSection(), Path(), "", "")

    @property
    def is_on(self) -> bool:
        """Whether anybody is told; where nobody is, nothing need be found out for a message."""
        return bool(self._targets)

    def record(self, message: Message) -> None:
        """Have it told. Returns at once, and raises nothing."""
        if not self.is_on:
            return
        try:
            self._messages.put_nowait(message)
        except queue.Full:
            self._lost += 1

    def keep(self, message: Message) -> None:
        """Have it told by the node's processes: for a command, which ends. Raises OSError."""
        if not self.is_on:
            return
        try:
            backlog = Backlog(self._folder, self._most)
            try:
                backlog.add(self._rows([message]))
            finally:
                backlog.close()
        except sqlite3.Error as exc:
            raise OSError(f"{self._folder}: {exc}") from exc

    def __enter__(self) -> Self:
        if self.is_on:
            self._keeper.start()
            self._teller.start()
            self.record(events.application(self.process, started=True))
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self.is_on:
            return
        self.record(events.application(self.process, started=False))
        self._stop.set()
        self._keeper.join()
        self._kept.set()
        self._teller.join(_LAST_S)

    # --- the thread that keeps ---------------------------------------------------------------

    def _keep_all(self) -> None:
        waiting: list[Message] = []
        backlog: Backlog | None = None
        while True:
            is_last = self._stop.is_set()
            waiting += self._gathered(wait_s=0.0 if is_last else LOOK_S)
            del waiting[: max(0, len(waiting) - MOST_HELD)]
            try:
                backlog = backlog or Backlog(self._folder, self._most)
                if waiting:
                    self._note_lost(backlog.add(self._rows(waiting)))
                    waiting.clear()
                    self._kept.set()
            except (OSError, sqlite3.Error) as exc:
                self._say("could not keep audit messages", str(exc), len(waiting))
                self._stop.wait(LOOK_S)
            if is_last:
                break
        if backlog is not None:
            backlog.close()

    def _gathered(self, wait_s: float) -> list[Message]:
        """All that is there, once there is any."""
        found: list[Message] = []
        try:
            found.append(
                self._messages.get(timeout=wait_s) if wait_s else self._messages.get(False)
            )
            while True:
                found.append(self._messages.get(block=False))
        except queue.Empty:
            return found

    def _rows(self, messages: list[Message]) -> list[tuple[str, str]]:
        return [
            (target.name, text_for(target, message, self._source, self._hostname))
            for message in messages
            for target in self._targets
        ]

    def _note_lost(self, excess: int) -> None:
        lost, self._lost = self._lost + excess, 0
        if lost:
            why = "too many wait (most_waiting)" if excess else "the disk did not take them"
            self._say("audit messages are lost", why, lost)

    # --- the thread that tells ---------------------------------------------------------------

    def _tell_all(self) -> None:
        failures = dict.fromkeys((target.name for target in self._targets), 0)
        due_at = dict.fromkeys(failures, 0.0)
        backlog: Backlog | None = None
        while True:
            is_last = self._stop.is_set() and not self._keeper.is_alive()
            had_turn = False
            try:
                backlog = backlog or Backlog(self._folder, self._most)
                with backlog.telling() as may_tell:
                    had_turn = may_tell
                    for target in self._targets if may_tell else ():
                        if time.monotonic() < due_at[target.name]:
                            continue
                        is_told = self._tell(backlog, target)
                        failures[target.name] = 0 if is_told else failures[target.name] + 1
                        due_at[target.name] = time.monotonic() + (
                            0.0 if is_told else _rest_s(failures[target.name])
                        )
            except (OSError, sqlite3.Error) as exc:
                self._say("could not read audit messages", str(exc), 0)
                had_turn = True
            if is_last and had_turn:
                break
            if is_last:
                # Another process tells just now; who stops last has nobody to leave the rest to.
                time.sleep(_TURN_S)
            else:
                self._kept.wait(LOOK_S)
                self._kept.clear()
        if backlog is not None:
            backlog.close()

    def _tell(self, backlog: Backlog, target: Target) -> bool:
        """All that waits for it; False where it does not take it."""
        while batch := backlog.oldest(target.name, BATCH):
            try:
                target.tell(text for _, text in batch)
            except OSError as exc:
                reason = exc.strerror or str(exc)
                self._say(f"could not tell audit messages to {target.name}", reason,
                          backlog.waiting(target.name))  # fmt: skip
                return False
            backlog.told(target.name, last=batch[-1][0])
            if self._said_at.pop(f"could not tell audit messages to {target.name}", None):
                logger.info("tells audit messages again", extra={"target": target.name})
        return True

    def _say(self, what: str, why: str, count: int) -> None:
        now = time.monotonic()
        if now - self._said_at.get(what, -_SAY_EVERY_S) >= _SAY_EVERY_S:
            self._said_at[what] = now
            logger.warning(what, extra={"reason": why, "messages": count})


def waiting(audit: AuditSection, state: Path) -> dict[str, int]:
    """How many messages wait on this host, by target; changes nothing. Raises OSError."""
    if not (state / _FOLDER / "backlog.sqlite").is_file():
        return {target.name: 0 for target in targets_of(audit)}
    try:
        backlog = Backlog(state / _FOLDER, audit.most_waiting)
        try:
            return {target.name: backlog.waiting(target.name) for target in targets_of(audit)}
        finally:
            backlog.close()
    except sqlite3.Error as exc:
        raise OSError(f"{state / _FOLDER}: {exc}") from exc


def _rest_s(failures: int) -> float:
    return min(_CAP_S, backoff_s(failures, random.random()))
