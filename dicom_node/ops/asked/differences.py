"""How two pipelines differ on the images that both have analysed: decisions and percentages."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dicom_node.ledger import Assessment, Compared, Said, Verdict

#: What a pipeline may say, in the order of the table.
DECISIONS = ("positive", "undetermined", "negative", "")
#: How "" is told people: the image is no frontal chest, to that pipeline.
REFUSED = "refused"
#: Of the normal distribution: 95 % lie within so many standard deviations.
_WITHIN = 1.96


@dataclass(frozen=True, slots=True)
class Point:
    """One image of a Bland-Altman plot, percentages of both lungs."""

    job_id: int
    mean: float
    difference: float  #: tried minus sent


@dataclass(frozen=True, slots=True)
class Agreement:
    """Bland and Altman 1986, of the images of which both give a percentage."""

    points: tuple[Point, ...]
    bias: float  #: mean of the differences
    lower: float  #: limits of agreement: 95 % of the differences lie between
    upper: float


@dataclass(frozen=True, slots=True)
class Differences:
    """Of one pair of pipelines."""

    images: int
    since: datetime | None  #: when the first of them came; None: there is none
    same: int  #: decisions
    decisions: Counter[tuple[str, str]]  #: how often (sent, tried), "" for a refusal
    agreement: Agreement | None  #: None: no image has both percentages
    most: tuple[Compared, ...]  #: those that differ most, first


def differences(compared: Sequence[Compared], most: int = 12) -> Differences:
    """`most`: how many of those that differ most are named."""
    decisions = Counter((one.leading.decision, one.shadow.decision) for one in compared)
    worst = sorted(compared, key=_apart, reverse=True)[:most]
    return Differences(
        images=len(compared),
        since=min((one.received_at for one in compared), default=None),
        same=sum(count for (sent, tried), count in decisions.items() if sent == tried),
        decisions=decisions,
        agreement=_agreement(compared),
        most=tuple(one for one in worst if _apart(one) > (0, 0.0)),
    )


@dataclass(frozen=True, slots=True)
class Preferred:
    """What readers say of images that the two decide differently; each reader's word counts."""

    sent: int  #: that what leads is right
    tried: int
    neither: int


def preferred(
    compared: Sequence[Compared], said: Mapping[int, Sequence[Assessment]], pair: Sequence[str]
) -> Preferred:
    """`said`: by job; `pair`: the two pipelines. That a third one is right is not counted."""
    counts: Counter[Verdict] = Counter()
    for one in compared:
        if one.leading.decision == one.shadow.decision:
            continue
        for assessment in said.get(one.job_id, ()):
            verdict = assessment.verdict
            if assessment.pipeline and assessment.pipeline not in pair:
                continue
            if not one.is_sent_by_leading:
                verdict = _THE_OTHER_WAY.get(verdict, verdict)
            counts[verdict] += 1
    return Preferred(counts[Verdict.ACCEPT], counts[Verdict.OTHER], counts[Verdict.REJECT])


_THE_OTHER_WAY = {Verdict.ACCEPT: Verdict.OTHER, Verdict.OTHER: Verdict.ACCEPT}


def name_of(decision: str) -> str:
    return decision or REFUSED


def _agreement(compared: Sequence[Compared]) -> Agreement | None:
    points = tuple(
        Point(one.job_id, (sent + tried) / 2, tried - sent)
        for one in compared
        if (sent := one.leading.percent_both) is not None
        and (tried := one.shadow.percent_both) is not None
    )
    if not points:
        return None
    bias = sum(point.difference for point in points) / len(points)
    squares = sum((point.difference - bias) ** 2 for point in points)
    deviation = math.sqrt(squares / (len(points) - 1)) if len(points) > 1 else 0.0
    return Agreement(points, bias, bias - _WITHIN * deviation, bias + _WITHIN * deviation)


def _apart(one: Compared) -> tuple[int, float]:
    """A decision turned round before one that became unsure, then percentages."""
    said = {one.leading.decision, one.shadow.decision}
    steps = 2 if {"positive", "negative"} <= said else len(said) - 1
    return steps, _points(one.leading, one.shadow)


def _points(sent: Said, tried: Said) -> float:
    return abs((sent.percent_both or 0.0) - (tried.percent_both or 0.0))
