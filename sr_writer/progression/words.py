"""What is said of earlier radiographs, in report and page alike."""

from collections.abc import Iterable
from itertools import groupby

from inference.findings import Findings, Laterality
from sr_writer.languages import Words
from sr_writer.progression import Omitted, Progression
from sr_writer.progression.change import change_of


def omissions(told: Progression, words: Words) -> list[str]:
    """A sentence for each reason why earlier radiographs were not compared, with their dates."""
    by_reason = sorted(told.omitted, key=lambda one: one.why)
    return [
        words(f"progression.{why}", dates=", ".join(_dates(ones)))
        for why, ones in groupby(by_reason, key=lambda one: one.why)
    ]


def since(findings: Findings, told: Progression, words: Words) -> str:
    """By how many points each lung has changed since the last prior; "" where none is known."""
    if told.last is None:
        return ""
    changed = [
        words(f"progression.{side}", points=_points(change))
        for side in Laterality
        if (change := change_of(findings, told, side)) is not None
    ]
    if not changed:
        return ""
    return words("progression.since", date=day(told.last.taken), changes=", ".join(changed))


def doubt(findings: Findings, told: Progression, words: Words) -> list[str]:
    """How much of a change may be chance; none where that was not measured, or nothing compared."""
    points = findings.percent_error_points
    if points is None or not told.priors:
        return []
    return [words("progression.doubt", number=max(1, round(points)))]


def day(taken: str) -> str:
    """YYYY-MM-DD: a page has no room for more."""
    return taken[: len("2026-11-28")]


def _points(change: float) -> str:
    """Whole ones: more would be noise."""
    return f"{round(change):+d}" if round(change) else "0"


def _dates(omitted: Iterable[Omitted]) -> list[str]:
    return list(dict.fromkeys(day(one.taken) for one in omitted))
