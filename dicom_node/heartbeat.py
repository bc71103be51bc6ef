"""A process says that it lives, and keeps the leases of what it is at work on; of nothing else.

Three things may be wrong with a holder, and each ends its leases. It is dead or cut off: no beat
comes, and a lease lasts no longer than `LEASE_S` from the last one. It lives and has lost a job
from sight, since it could not report in an outage: a beat names what is in hand. It lives and
hangs, in a decoder perhaps, while this thread goes on: then the process ends itself, for a thread
that hangs can be ended in no other way, and whoever runs the process starts it again.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Collection

from dicom_node.errors import NodeError
from dicom_node.ledger import GpuMemory, Ledger, Process
from dicom_node.ledger.work.workers import BEAT_S, LEASE_S

logger = logging.getLogger(__name__)

#: Exit code of a process that ends itself because its work hangs.
EXIT_HANGING = 1
#: It goes on while the computer sleeps, as leases do; macOS has none.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Hand:
    """What one thread is at work on: ids of jobs, or of deliveries."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: set[int] = set()
        self._lost: set[int] = set()
        self._idle_beats = 0

    def take(self, ids: Collection[int]) -> None:
        with self._lock:
            self._ids |= set(ids)
        self.get_on()

    def let_go(self, identifier: int) -> None:
        with self._lock:
            self._ids.discard(identifier)
            self._lost.discard(identifier)
        self.get_on()

    def get_on(self) -> None:
        """The work has got a step further."""
        self._idle_beats = 0

    @property
    def ids(self) -> set[int]:
        with self._lock:
            return set(self._ids)

    @property
    def has_lost(self) -> bool:
        """Whether something of it is another's by now."""
        return bool(self._lost)

    def on_beat(self, asked: set[int], kept: set[int]) -> None:
        with self._lock:
            self._lost |= (asked - kept) & self._ids
            self._idle_beats += 1 if self._ids else 0

    def idle_s(self) -> float:
        """How long the work has not got any further, in beats that were heard: neither a process
        that was stopped nor one that waits for the ledger hangs.
        """
        return self._idle_beats * BEAT_S


class Heartbeat:
    """Beats for one process, in a thread beside its work."""

    def __init__(
        self,
        ledger: Ledger,
        process: Process,
        stuck_after_s: float,
        gpu_memory: Callable[[], GpuMemory | None] = lambda: None,
    ) -> None:
        """`stuck_after_s`: work that has not got any further for so long hangs."""
        self._gpu_memory = gpu_memory
        self._ledger = ledger
        self._process = process
        self._stuck_after_s = stuck_after_s
        self._jobs: list[Hand] = []
        self._deliveries: list[Hand] = []
        self._heard_at = time.clock_gettime(_CLOCK)

    @property
    def owner(self) -> str:
        """By which this process owns leases."""
        return self._process.name

    def jobs(self) -> Hand:
        """For one thread that works on jobs."""
        self._jobs.append(Hand())
        return self._jobs[-1]

    def deliveries(self) -> Hand:
        """For one thread that sends."""
        self._deliveries.append(Hand())
        return self._deliveries[-1]

    def stands(self, hand: Hand) -> bool:
        """Whether what it holds is certainly nobody else's yet."""
        return self.silent_s() < LEASE_S and not hand.has_lost

    def silent_s(self) -> float:
        """How long ago the ledger last took a beat."""
        return time.clock_gettime(_CLOCK) - self._heard_at

    def run(self, done: threading.Event) -> None:
        """Beat until `done`, which is later than the end of the work."""
        while True:
            try:
                self.beat()
            except NodeError as exc:
                logger.warning("could not say that it lives", extra={"reason": str(exc)})
            except Exception:
                logger.exception("failed to say that it lives")
            if done.wait(BEAT_S):
                return

    def beat(self) -> None:
        """Once; raises LedgerUnavailable. Does not return where the work hangs."""
        self._end_if_stuck()
        hands = [(hand, hand.ids) for hand in (*self._jobs, *self._deliveries)]
        asked_at = time.clock_gettime(_CLOCK)
        jobs, deliveries = self._ledger.workers.beat(
            self._process, _union(self._jobs), _union(self._deliveries), self._gpu_memory()
        )
        self._heard_at = asked_at
        for hand, asked in hands:
            hand.on_beat(asked, jobs if hand in self._jobs else deliveries)

    def leave(self) -> bool:
        """A clean end: nothing is held. False where the ledger could not be told."""
        try:
            self._ledger.workers.leave([self.owner])
        except NodeError as exc:
            logger.warning("could not say that it ends", extra={"reason": str(exc)})
            return False
        return True

    def _end_if_stuck(self) -> None:
        for hand in (*self._jobs, *self._deliveries):
            if hand.idle_s() > self._stuck_after_s:
                extra = {
                    "part": self._process.part,
                    "for_s": hand.idle_s(),
                    "ids": sorted(hand.ids),
                }
                logger.error("hangs: ends itself", extra=extra)
                # Nothing else ends a thread; what is held is freed as that of any that died.
                os._exit(EXIT_HANGING)


def _union(hands: list[Hand]) -> set[int]:
    return set().union(*(hand.ids for hand in hands))
