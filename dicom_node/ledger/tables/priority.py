"""Who goes first: three classes, and what keeps the most urgent from starving the others.

The most urgent that waits goes first, within a class what has been due longest. A class in which
one has waited longer than a cap takes turns with it: so a stream of STAT holds nothing up for ever,
nor do thousands that are all too late hold up what is STAT by more than one of each class.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import IntEnum

#: Seconds that anything waits at most while what came later goes before it.
LONGEST_WAIT_S = 120.0


class Priority(IntEnum):
    """In the terms of Requested Procedure Priority (0040,1003); the least goes first."""

    STAT = 0  #: HIGH too
    ROUTINE = 1
    LOW = 2  #: a backload: studies of long ago


class Turns:
    """Of one worker, or of one sender to a destination: whose turn is next."""

    def __init__(self, longest_wait_s: float = LONGEST_WAIT_S) -> None:
        self._longest_wait = timedelta(seconds=longest_wait_s)
        self._served = list(Priority)  #: the class whose last turn was longest ago first

    def next(self, due: Mapping[Priority, datetime], now: datetime) -> Priority | None:
        """The class that is served now; None where nothing waits.

        `due`: of each class in which any waits, since when the one is due that is due longest.
        """
        if not due:
            return None
        may = {one for one, since in due.items() if since < now - self._longest_wait} | {min(due)}
        turn = next(one for one in self._served if one in may)
        self._served.remove(turn)
        self._served.append(turn)
        return turn
