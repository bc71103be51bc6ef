"""What people are told of, judged from figures alone: one rule for each condition.

Prometheus has the same rules in deploy/prometheus; what to do about each is in OPERATING.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dicom_node.config import AlertsSection
from dicom_node.drift.words import name_of, said_of
from dicom_node.ledger import Day, Depth, Drift, Figures, Holding, Place, Standing
from dicom_node.ops.processes import PARTS
from dicom_node.ops.retention import Disk
from dicom_node.ops.wording import age, line, numbered

#: The subject of what concerns no destination.
ANALYSIS = "analysis"
_WAY = (Place.DELIVERY, Place.REBUILD)


class Condition(StrEnum):
    """By the names that Prometheus's rules have."""

    OLDEST = "CxrOldestWaiting"
    UNREACHABLE = "CxrDestinationUnreachable"
    PAUSED = "CxrDestinationPaused"
    DEAD_LETTERS = "CxrDeadLetters"
    DISK = "CxrDiskNearlyFull"
    SILENT = "CxrNoArrivals"
    GONE = "CxrPartGone"
    FAILURES = "CxrFailureRate"
    CERTIFICATE = "CxrCertificateExpires"
    DRIFT = "CxrDrift"


@dataclass(frozen=True, slots=True)
class Seen:
    """All that the conditions are judged by."""

    figures: Figures
    hour: Day  #: what came within the last hour
    disk: Disk
    local: datetime  #: now, in this host's own time
    known: Collection[str] | None  #: destinations that are configured; None: nobody says


def holding(seen: Seen, limits: AlertsSection) -> list[Holding]:
    """What holds now of the node as a whole."""
    judges = (_oldest, _destinations, _dead_letters, _disk, _silent, _gone, _failures, _drift)
    return [one for judge in judges for one in judge(seen, limits)]


def _oldest(seen: Seen, limits: AlertsSection) -> Iterator[Holding]:
    """Not of a destination to which nothing is sent: that is told by itself."""
    late = [one for one in seen.figures.depths if one.oldest_s > limits.oldest_s]
    if images := [one for one in late if not one.destination]:
        longest = max(one.oldest_s for one in images)
        yield Holding(
            Condition.OLDEST, ANALYSIS, f"an image has waited {age(longest)} for its analysis"
        )
    names = {one.destination for one in late if one.place in _WAY}
    for name in sorted(names):
        if _is_sent_to(seen, name):
            of_it = [one for one in late if one.destination == name and one.place in _WAY]
            yield Holding(Condition.OLDEST, name, _late_words(name, of_it))


def _late_words(name: str, late: Collection[Depth]) -> str:
    waits = numbered(sum(one.count for one in late), "result waits", "results wait")
    return f"{waits} for {line(name)}, the oldest since {age(max(one.oldest_s for one in late))}"


def _is_sent_to(seen: Seen, name: str) -> bool:
    standing = seen.figures.standings.get(name, Standing(name))
    return standing.reachable and not standing.is_paused(seen.figures.at)


def _destinations(seen: Seen, limits: AlertsSection) -> Iterator[Holding]:
    now = seen.figures.at
    for name, one in sorted(seen.figures.standings.items()):
        if seen.known is not None and name not in seen.known:
            continue
        if one.is_paused(now) and one.paused_at is not None:
            paused_s = (now - one.paused_at).total_seconds()
            if paused_s > limits.paused_s:
                said = f"{line(name)} has been paused for {age(paused_s)}"
                yield Holding(Condition.PAUSED, name, said)
        elif not one.reachable and one.since is not None:
            away_s = (now - one.since).total_seconds()
            if away_s > limits.unreachable_s:
                said = f"{line(name)} has not been reached for {age(away_s)}"
                yield Holding(Condition.UNREACHABLE, name, said)


def _dead_letters(seen: Seen, limits: AlertsSection) -> Iterator[Holding]:
    counts: dict[str, int] = {}
    for one in seen.figures.dead:
        counts[one.destination] = counts.get(one.destination, 0) + one.lately
    for name, count in sorted(counts.items()):
        if count < limits.dead_letters:
            continue
        what = (
            f"{numbered(count, 'result', 'results')} for {line(name)} refused, given up, lost or"
            " not confirmed within a day"
            if name
            else f"{numbered(count, 'image', 'images')} failed within a day"
        )
        yield Holding(Condition.DEAD_LETTERS, name or ANALYSIS, what)


def _disk(seen: Seen, _limits: AlertsSection) -> Iterator[Holding]:
    if seen.disk.is_low:
        yield Holding(Condition.DISK, "spool", f"disk of the spool: {seen.disk.words}")


def _silent(seen: Seen, limits: AlertsSection) -> Iterator[Holding]:
    """Silence is counted from when the working hours began."""
    hours_s = limits.hours.seconds_into(seen.local)
    last = seen.figures.last_arrival_at
    silent_s = hours_s if last is None else (seen.figures.at - last).total_seconds()
    if min(hours_s, silent_s) > limits.silent_s:
        yield Holding(Condition.SILENT, "", f"no image has come for {age(silent_s)}")


def _gone(seen: Seen, limits: AlertsSection) -> Iterator[Holding]:
    alive = {one.part for one in seen.figures.living}
    for part in PARTS:
        if part not in alive:
            said = f"nothing is alive, on any host, that does {part!r}"
            yield Holding(Condition.GONE, part, said, hold_s=limits.part_gone_s)


def _failures(seen: Seen, limits: AlertsSection) -> Iterator[Holding]:
    came, failed = seen.hour.received, seen.hour.failed
    if came >= limits.failed_least and failed > limits.failed_share * came:
        said = f"{failed} of the {came} images that came within an hour failed"
        yield Holding(Condition.FAILURES, ANALYSIS, said)


def _drift(seen: Seen, limits: AlertsSection) -> Iterator[Holding]:
    """One for each device, whatever of it has shifted: the least likely with its evidence."""
    found: dict[str, list[Drift]] = {}
    for one in seen.figures.drifts if limits.drift_false_alarm_days else ():
        found.setdefault(name_of(one.device), []).append(one)
    for name, (first, *others) in found.items():
        too = f"; shifted too: {', '.join(one.measure for one in others)}" if others else ""
        yield Holding(Condition.DRIFT, name, f"images of {name}: {said_of(first)}{too}")
