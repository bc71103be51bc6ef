"""What came from elsewhere, made fit for a terminal: harmless, one line, short; ages in words.

Reasons quote headers and answers of other machines, which may hold escape sequences (a terminal
obeys them), line breaks (a forged line) and anything else, of any length.
"""

import unicodedata
from datetime import datetime, timedelta

#: Characters of a text from elsewhere in one line, unless told.
WIDTH = 200
#: Unicode categories that a terminal does not print: controls, formats (bidirectional overrides
#: turn a line around), surrogates, private use, unassigned, line and paragraph separators.
_UNPRINTABLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def line(text: str, width: int = WIDTH) -> str:
    """`text` in one line of at most `width` characters, none of which a terminal obeys."""
    # Cut first: what is not shown need not be looked at.
    shown = " ".join(text[: 4 * width].split())
    safe = "".join(
        "?" if unicodedata.category(letter) in _UNPRINTABLE else letter for letter in shown
    )
    return safe if len(safe) <= width and len(text) <= 4 * width else f"{safe[: width - 1]}…"


def numbered(count: int, one: str, many: str) -> str:
    """`1 job`, `2 jobs`."""
    return f"{count} {one if count == 1 else many}"


def age(seconds: float) -> str:
    """`12 s`, `0:03:05`, `2 days, 1:00:00`."""
    return f"{seconds:.0f} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))


def moment(at: datetime) -> str:
    """To the second, in the zone it has: the ledger's is UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S}"
