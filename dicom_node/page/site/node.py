"""The node as the page sees it; what is dear is asked once for all who look."""

import threading
import time
from collections.abc import Callable, Hashable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from dicom_node.audit import Trail
from dicom_node.config import Config
from dicom_node.errors import NodeError, UsageError
from dicom_node.ledger import Ledger
from dicom_node.ops.status import open_existing
from dicom_node.spool import Spool

if TYPE_CHECKING:
    from dicom_node.drawing.desk import Desk

_Made = TypeVar("_Made")
#: Answers that are kept: filters make many.
_MOST_KEPT = 200
#: An answer stands at least so many times as long as it took.
_TIMES = 10
#: Seconds for which a ledger that could not be opened is not tried again.
_AWAY_S = 2.0


class Node:
    """What all views ask, from as many threads as there are visitors."""

    def __init__(
        self,
        config: Config,
        pipeline: Callable[[], str],
        ask_broker: Callable[[], None],
        spool: Spool,
        trail: Trail | None = None,
        shadow: Callable[[], str] = lambda: "",
        desk: "Callable[[Node], Desk] | None" = None,
    ) -> None:
        """`pipeline`: that of what is analysed today; `shadow`: that of what is only tried, "" of
        nothing; `ask_broker` raises where it is away; `desk`: makes that at which readers draw.
        """
        self.config = config
        self.pipeline = pipeline
        self.shadow = shadow
        self.ask_broker = ask_broker
        self.spool = spool
        self.trail = trail or Trail.off()
        self._desk = desk
        self._ledger: Ledger | None = None
        self._away: tuple[float, NodeError] | None = None
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._kept: dict[Hashable, tuple[float, Any]] = {}
        self._making: dict[Hashable, threading.Lock] = {}

    @property
    def ledger(self) -> Ledger:
        """Opened when it is first asked; raises LedgerUnavailable, or NodeError: there is none."""
        with self._opening:
            if self._ledger is None:
                # Whoever waits for this lock need not wait as long once more.
                if self._away and time.monotonic() < self._away[0]:
                    raise self._away[1]
                try:
                    self._ledger = open_existing(self.config)
                except NodeError as exc:
                    self._away = (time.monotonic() + _AWAY_S, exc)
                    raise
            return self._ledger

    @cached_property
    def desk(self) -> "Desk":
        """Raises UsageError where the configuration lets nobody draw."""
        if self._desk is None or not self.config.corrections.accept:
            raise UsageError("nothing that readers draw is taken here: [corrections] accept = true"
                             " in the configuration")  # fmt: skip
        return self._desk(self)

    def once_in(
        self, seconds: float, key: Hashable, make: Callable[[], _Made], *, at_most_s: float = 3600.0
    ) -> _Made:
        """What `make` gives, or gave so lately: as many as look, the ledger is asked once.

        `at_most_s`: however long it took, it is no older than that.
        """
        with self._lock:
            mine = self._making.setdefault(key, threading.Lock())
        with mine:
            found = self._kept.get(key)
            if found is not None and time.monotonic() < found[0]:
                made: _Made = found[1]
                return made
            began = time.monotonic()
            made = make()
            # What took long is kept for longer: a page may not be what keeps the ledger busy.
            kept_s = min(at_most_s, max(seconds, _TIMES * (time.monotonic() - began)))
            with self._lock:
                if len(self._kept) >= _MOST_KEPT:
                    self._kept.clear()
                    self._making.clear()
                self._kept[key] = (time.monotonic() + kept_s, made)
            return made

    def forget(self) -> None:
        """What was asked before a person changed something."""
        with self._lock:
            self._kept.clear()

    def close(self) -> None:
        with self._opening:
            if self._ledger is not None:
                self._ledger.close()
                self._ledger = None
