"""How urgent an instance is: by who sends it, how old it is, what it says, how it was sent.

The first of these that says anything decides. A migration sends what was STAT years ago: so who
sends, and how old it is, count before what the header says.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from dicom_node.config import PrioritySection
from dicom_node.ledger import Priority

#: Priority (0000,0700) of a C-STORE-RQ, PS3.7 9.1.1.1.
MEDIUM, HIGH, LOW = 0x0000, 0x0001, 0x0002
#: Values of attributes, by keyword; several where it has several, or stands in several places.
Said = Mapping[str, Sequence[str]]


class Ranking:
    """What `[priority]` makes of an instance."""

    def __init__(self, asked: PrioritySection) -> None:
        self._callers = {aet.strip(): Priority.STAT for aet in asked.stat_callers} | {
            aet.strip(): Priority.LOW for aet in asked.low_callers
        }
        self._low_after = timedelta(days=asked.low_after_days)
        self._low_after_days = asked.low_after_days
        self._attributes = [
            (priority, keyword, _pattern(value), f"{keyword}={value}")
            for priority, attributes in (
                (Priority.STAT, asked.stat_attributes),
                (Priority.LOW, asked.low_attributes),
            )
            for keyword, _, value in (one.partition("=") for one in attributes)
        ]
        self._requests = {
            "ignore": {},
            "high": {HIGH: Priority.STAT},
            "all": {HIGH: Priority.STAT, LOW: Priority.LOW},
        }[asked.c_store_priority]

    @property
    def keywords(self) -> tuple[str, ...]:
        """Of the attributes that it wants to know."""
        return tuple(dict.fromkeys(keyword for _, keyword, _, _ in self._attributes))

    def of(
        self, calling_aet: str, acquired_at: str, said: Said, request: int, now: datetime
    ) -> tuple[Priority, str]:
        """The class, and why.

        `acquired_at`: ISO 8601, "" where it is not known; `request`: the C-STORE's own priority.
        """
        if (ranked := self._callers.get(calling_aet)) is not None:
            return ranked, f"sent by {calling_aet}"
        # It has no zone, and a day more or less does not matter.
        if acquired_at and date.fromisoformat(acquired_at[:10]) < (now - self._low_after).date():
            return Priority.LOW, f"acquired more than {self._low_after_days} days ago"
        for priority, keyword, pattern, why in self._attributes:
            if any(pattern.fullmatch(value) for value in said.get(keyword, ())):
                return priority, why
        if (ranked := self._requests.get(request)) is not None:
            return ranked, "by the priority of its C-STORE"
        return Priority.ROUTINE, "no rule says otherwise"


def _pattern(value: str) -> re.Pattern[str]:
    """`*` and `?` as in matching by wild card, PS3.4 C.2.2.2.4; upper and lower case alike."""
    wild = {"*": ".*", "?": "."}
    pattern = "".join(wild.get(character) or re.escape(character) for character in value.strip())
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)
