"""What stops a result that waits: whether something is sent to its destination, and when."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from dicom_node.config import Config
from dicom_node.ledger import Delivery, Ledger, Standing
from dicom_node.ops.running import known_destinations
from dicom_node.ops.standing import standing_words
from dicom_node.ops.wording import line


@dataclass(frozen=True, slots=True)
class Outlook:
    """How the destinations of some deliveries stand now."""

    now: datetime
    known: Collection[str] | None  #: destinations configured; None: nobody says
    standings: Mapping[str, Standing]

    @classmethod
    def of(cls, config: Config, ledger: Ledger, deliveries: Collection[Delivery]) -> Self:
        names = {delivery.destination for delivery in deliveries}
        standings = {name: ledger.breakers.of(name) for name in names}
        return cls(ledger.now(), known_destinations(config), standings)

    def standing(self, name: str) -> Standing:
        return self.standings.get(name) or Standing(name)

    def is_gone(self, name: str) -> bool:
        """Whether nobody sends to it, since the configuration no longer names it."""
        return self.known is not None and name not in self.known

    def is_paused(self, name: str) -> bool:
        return self.standing(name).is_paused(self.now)

    def what_stops(self, name: str) -> str:
        """Why nothing is sent there now; empty where something is."""
        if self.is_gone(name):
            return f"{line(name)} is not configured: nobody sends to it"
        standing = self.standing(name)
        stopped = self.is_paused(name) or standing.is_resting(self.now) or not standing.reachable
        return f"{line(name)}: {standing_words(standing, self.now)}" if stopped else ""

    def next_at(self, delivery: Delivery) -> datetime | None:
        """When it is sent next; None: when a person has done something about its destination."""
        opens_at = self.standing(delivery.destination).opens_at(self.now)
        if opens_at is None or self.is_gone(delivery.destination):
            return None
        return delivery.due_at if opens_at == self.now else max(delivery.due_at, opens_at)
