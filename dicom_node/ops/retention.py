"""Removes what was delivered long ago, and says when the disk gets full.

In small steps, each a short transaction and then a pause: the node goes on beside it. Several
senders may do it at once.
"""

import logging
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from dicom_node.config import Config, RetentionSection
from dicom_node.disk import Room, room_of
from dicom_node.errors import NodeError
from dicom_node.ledger import Kept, Ledger
from dicom_node.spool import Spool

logger = logging.getLogger(__name__)

#: Seconds between two looks for what may go.
INTERVAL_S = 3600.0
#: Seconds between two looks at the disk.
LOOK_S = 30.0
#: Jobs in one transaction: about 0.1 s, for which SQLite takes no other write.
STEP = 50
#: The pause after each step, as many times as long as it took: the node comes first.
_PAUSES = 1.0
#: It is warned of so many times `min_free_mb`.
WARN_TIMES = 4


@dataclass(frozen=True, slots=True)
class Purge:
    """What went, or would."""

    jobs: int = 0
    size_bytes: int = 0  #: of files, as they were when they came


@dataclass(frozen=True, slots=True)
class Disk:
    """How much room there is on the spool's disk, as seen from this host, and what that means."""

    words: str
    is_low: bool = False  #: somebody should make room
    is_full: bool = False  #: nothing is received any more

    @classmethod
    def of(cls, config: Config) -> Self:
        try:
            room = room_of(config.spool_folder)
        except OSError as exc:
            return cls(f"not to be seen from here ({exc.strerror})")
        return cls.with_room(room, config.retention.min_free_bytes)

    @classmethod
    def with_room(cls, room: Room, min_free: int) -> Self:
        if room.is_too_little(min_free):
            words = f"{room} free: every instance is answered 0xA700"
            return cls(words, is_low=True, is_full=True)
        is_low = room.is_too_little(min_free, WARN_TIMES)
        return cls(f"{room} free{': nearly full' if is_low else ''}", is_low)


class Retention:
    """The spool and the ledger, kept as long as was asked."""

    def __init__(self, ledger: Ledger, spool: Spool, kept: RetentionSection) -> None:
        self._ledger = ledger
        self._spool = spool
        self._asked = kept
        self._has_warned = False

    def run(self, stop: threading.Event) -> None:
        """Purge and look until `stop`."""
        next_purge = time.monotonic()
        while not stop.is_set():
            try:
                self.look_at_disk()
                if time.monotonic() >= next_purge:
                    next_purge = time.monotonic() + INTERVAL_S
                    self.purge(stop)
            except NodeError as exc:
                logger.warning("could not purge", extra={"reason": str(exc)})
            except Exception:
                # Without it the disk fills, with a word in the log; nothing else depends on it.
                logger.exception("failed to purge")
            stop.wait(LOOK_S)

    def purge(self, stop: threading.Event, *, dry_run: bool = False) -> Purge:
        """All that may go now; raises LedgerUnavailable or SpoolUnavailable in between."""
        kept, after = self._kept(), 0
        jobs = size_bytes = 0
        while not stop.is_set():
            window = self._ledger.pruning.look(kept, after)
            size_bytes += window.size_bytes
            if dry_run:
                jobs += len(window.job_ids)
            else:
                jobs += self.forget(kept, window.job_ids, stop)
            if window.next_after is None:
                break
            after = window.next_after
        if jobs and not dry_run:
            logger.info("purged", extra={"jobs": jobs, "bytes": size_bytes})
        return Purge(jobs, size_bytes)

    def look_at_disk(self) -> None:
        """Warn once when it gets full, and say when there is room again."""
        room = self._spool.room()
        is_low = room.is_too_little(self._asked.min_free_bytes, WARN_TIMES)
        if is_low and not self._has_warned:
            extra = {"free": str(room), "min_free_mb": self._asked.min_free_mb}
            logger.warning("the disk of the spool is nearly full", extra=extra)
        if self._has_warned and not is_low:
            logger.info("the disk of the spool has room again", extra={"free": str(room)})
        self._has_warned = is_low

    def forget(self, kept: Kept, job_ids: tuple[int, ...], stop: threading.Event) -> int:
        """Those of the jobs that may go, some at a time; how many went."""
        gone = 0
        for start in range(0, len(job_ids), STEP):
            began = time.monotonic()
            step = job_ids[start : start + STEP]
            gone += self._ledger.pruning.forget(kept, step, self._spool.remove)
            if stop.wait(_PAUSES * (time.monotonic() - began)):
                break
        return gone

    def _kept(self) -> Kept:
        now = self._ledger.now()
        asked = self._asked
        delivered, skipped, held = (
            None if days is None else now - timedelta(days=days)
            for days in (asked.delivered_days, asked.skipped_days, asked.held_days)
        )
        return Kept(delivered, skipped, held)
