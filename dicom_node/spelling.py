"""What somebody may have meant who wrote a name that is not known."""

from collections.abc import Collection
from difflib import get_close_matches


def did_you_mean(word: str, known: Collection[str]) -> str:
    """`: did you mean host?` where one of the known is close, else nothing."""
    close = get_close_matches(word, sorted(known), n=1)
    return f": did you mean {close[0]}?" if close else ""
