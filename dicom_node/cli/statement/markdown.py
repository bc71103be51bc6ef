"""Tables as Markdown has them."""

from collections.abc import Iterable, Sequence

from pydicom.uid import UID


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """With an empty line neither before nor behind."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def named(uid: str) -> tuple[str, str]:
    """A UID's name in PS3.6, and the UID."""
    return UID(uid).name, uid


def _cell(content: object) -> str:
    return str(content).replace("|", "\\|").replace("\n", " ")
