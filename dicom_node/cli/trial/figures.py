"""The silent weeks in figures: how many, what was decided, how long it took, by device.

Nothing of a patient is in them: no identifier, no accession number, no UID.
"""

import math
import re
import statistics
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from dicom_node.ledger import JobState, TrialCase

POSITIVE, NEGATIVE, UNDETERMINED = "positive", "negative", "undetermined"
#: In the order they are told.
DECISIONS = (POSITIVE, NEGATIVE, UNDETERMINED)
#: What reasons quote of an image: UIDs, other long numbers.
_NUMBERS = re.compile(r"\d[\d.]{7,}")
#: Reasons told of each kind, the most frequent.
_MOST_REASONS = 12
#: Of the normal distribution, for 95 %.
_Z = 1.959964


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Of what was measured; None where nothing was."""

    median: float | None
    p95: float | None
    highest: float | None


@dataclass(frozen=True, slots=True)
class Group:
    """Some images, of one device or of all."""

    name: str
    received: int
    states: Mapping[JobState, int]
    decisions: Mapping[str, int]
    percent: Quantiles  #: infected, of both lungs, 0..100, where it can be said
    cautioned: int  #: analysed with at least one caution

    @property
    def analysed(self) -> int:
        return sum(self.decisions.values())


@dataclass(frozen=True, slots=True)
class Agreement:
    """Decisions beside what readers said of the same images."""

    infected: Mapping[str, int]  #: decisions on those that readers called infected
    healthy: Mapping[str, int]  #: on those that they did not

    @property
    def sensitivity(self) -> tuple[float, float, float] | None:
        """Of the infected: called positive; with its 95 % interval. None: there are none."""
        return _share(self.infected[POSITIVE], sum(self.infected.values()))

    @property
    def specificity(self) -> tuple[float, float, float] | None:
        """Of the others: called negative; likewise."""
        return _share(self.healthy[NEGATIVE], sum(self.healthy.values()))


@dataclass(frozen=True, slots=True)
class Figures:
    """All that the report tells."""

    since: datetime
    until: datetime
    all: Group
    devices: Sequence[Group]  #: those with the most first
    days: Mapping[date, Group]
    took_s: Quantiles  #: from receipt until the results were there
    not_radiographs: int  #: by their SOP Class; not among those received above
    undetermined: Sequence[tuple[str, int]]  #: reasons, and how often
    skipped: Sequence[tuple[str, int]]
    failed: Sequence[tuple[str, int]]
    cautions: Sequence[tuple[str, int]]
    agreement: Agreement | None = None  #: None: nobody gave what readers said
    by_device: Mapping[str, Agreement] = field(default_factory=dict)
    unmatched: int = 0  #: what readers reported on and the node has not analysed


def figures_of(
    cases: Iterable[TrialCase],
    since: datetime,
    until: datetime,
    reports: Mapping[str, bool] | None = None,
) -> Figures:
    """`reports`: whether readers saw infection, by accession number."""
    every = list(cases)
    own = [case for case in every if case.is_radiograph]
    devices: dict[str, list[TrialCase]] = {}
    days: dict[date, list[TrialCase]] = {}
    for case in own:
        devices.setdefault(_device(case), []).append(case)
        days.setdefault(case.received_at.date(), []).append(case)
    read = {name: _agreement(some, reports) for name, some in devices.items() if reports}
    known = {case.accession_number for case in own if case.decision in DECISIONS}
    return Figures(
        since=since,
        until=until,
        all=_group("all", own),
        devices=sorted(
            (_group(name, some) for name, some in devices.items()),
            key=lambda group: (-group.received, group.name),
        ),
        days={day: _group(f"{day}", some) for day, some in sorted(days.items())},
        took_s=_quantiles(case.took_s for case in own if case.state is JobState.BUILT),
        not_radiographs=len(every) - len(own),
        undetermined=_reasons(case.why for case in own if case.decision == UNDETERMINED),
        skipped=_reasons(case.reason for case in own if case.state is JobState.SKIPPED),
        failed=_reasons(case.reason for case in own if case.state is JobState.FAILED),
        cautions=_reasons(one for case in own for one in case.cautions),
        agreement=_agreement(own, reports) if reports else None,
        by_device={name: found for name, found in read.items() if _is_any(found)},
        unmatched=len(set(reports or ()) - known),
    )


def _group(name: str, cases: Collection[TrialCase]) -> Group:
    states = Counter(case.state for case in cases)
    decisions = Counter(case.decision for case in cases)
    return Group(
        name,
        len(cases),
        {state: states[state] for state in JobState},
        {decision: decisions[decision] for decision in DECISIONS},
        _quantiles(case.percent for case in cases),
        sum(bool(case.cautions) for case in cases if case.decision in DECISIONS),
    )


def _device(case: TrialCase) -> str:
    return " ".join(filter(None, case.device)) or "does not say"


def _quantiles(values: Iterable[float | None]) -> Quantiles:
    found = sorted(value for value in values if value is not None)
    if not found:
        return Quantiles(None, None, None)
    p95 = found[min(len(found) - 1, math.ceil(0.95 * len(found)) - 1)]
    return Quantiles(statistics.median(found), p95, found[-1])


def _reasons(said: Iterable[str]) -> list[tuple[str, int]]:
    counted = Counter(_NUMBERS.sub("…", reason) or "no reason" for reason in said)
    most = counted.most_common(_MOST_REASONS)
    if others := counted.total() - sum(count for _, count in most):
        most.append(("other reasons", others))
    return most


def _agreement(cases: Iterable[TrialCase], reports: Mapping[str, bool]) -> Agreement:
    """Of a study with several images, each counts."""
    counted = {True: Counter[str](), False: Counter[str]()}
    for case in cases:
        if case.decision in DECISIONS and case.accession_number in reports:
            counted[reports[case.accession_number]][case.decision] += 1
    infected, healthy = (
        {decision: counted[said][decision] for decision in DECISIONS} for said in (True, False)
    )
    return Agreement(infected, healthy)


def _is_any(found: Agreement) -> bool:
    return bool(sum(found.infected.values()) + sum(found.healthy.values()))


def _share(part: int, whole: int) -> tuple[float, float, float] | None:
    """With the interval of Wilson (1927), which holds for few and for extremes as well."""
    if not whole:
        return None
    share, square = part / whole, _Z**2
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    half = (
        _Z / (1 + square / whole)
        * math.sqrt(share * (1 - share) / whole + square / (4 * whole**2))
    )  # fmt: skip
    return share, max(0.0, middle - half), min(1.0, middle + half)
