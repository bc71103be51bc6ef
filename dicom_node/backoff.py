"""How long to wait before trying again: one rule for jobs, deliveries and processes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

BASE_S = 1.0
CAP_S = 300.0


@dataclass(frozen=True, slots=True)
class Retry:
    """Work that is to be tried again, decided once: the log's line and the ledger's event are both
    of this record, and what is counted is counted of the event.
    """

    reason: str  #: for people
    wait_s: float
    is_try: bool = True  #: False: nothing was wrong with the work, and no try is counted

    @property
    def extra(self) -> dict[str, object]:
        """For the line in the log."""
        return {"reason": self.reason, "in_s": self.wait_s}

    def due_at(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self.wait_s)


def backoff_s(attempt: int, random_unit: float, *, base_s: float = BASE_S) -> float:
    """Seconds to wait after the `attempt`-th failure (from 1): doubling, capped, half jitter.

    `random_unit` is in 0..1; jitter keeps many nodes from knocking at a recovered PACS at once.
    """
    ceiling = min(CAP_S, base_s * 2.0 ** min(attempt - 1, 30))
    return ceiling * (0.5 + random_unit / 2)
