"""Earlier radiographs of a job's patient, for people: which are compared, and why others not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dicom_node.ledger import FindingsRecord
from sr_writer.progression import Omission, Progression

#: What an operator reads; reports say it in their own language.
WHY: Mapping[Omission, str] = {
    Omission.OTHER_PATIENT: "birth date or sex differ under this Patient ID",
    Omission.UNCONFIRMED: "no birth date confirms whose it is",
    Omission.OTHER_PIPELINE: "analysed by other networks or with other settings",
    Omission.UNDETERMINED: "undetermined",
    Omission.FAILED: "could not be analysed",
    Omission.WAITING: "was not analysed yet",
    Omission.NOT_RETRIEVED: "the archive did not give it",
    Omission.REJECTED: "rejected or withdrawn",
    Omission.TOO_OLD: "longer ago than [priors] days",
    Omission.TOO_MANY: "more recent ones fill [priors] most",
}


@dataclass(frozen=True, slots=True)
class Point:
    """One radiograph of the series, this one last."""

    taken: str
    left: float | None  #: infected, of that lung, 0..100; None: it cannot be said
    right: float | None
    study_instance_uid: str  #: "": this one


def points(told: Progression, found: FindingsRecord | None) -> list[Point]:
    """The oldest first."""
    then = [
        Point(one.taken, one.percent_left, one.percent_right, one.image.study_instance_uid)
        for one in told.priors
    ]
    is_said = found is not None and found.decision in ("positive", "negative")
    left, right = (found.percent_left, found.percent_right) if found and is_said else (None, None)
    return [*then, Point(told.taken, left, right, "")]


def earlier_lines(told: Progression, found: FindingsRecord | None) -> Iterator[str]:
    for one in points(told, found) if told.priors else ():
        is_this = "" if one.study_instance_uid else ", this one"
        yield f"  {one.taken}  left {_percent(one.left)}, right {_percent(one.right)}{is_this}"
    for omitted in told.omitted:
        yield f"  {omitted.taken}  not compared: {WHY[omitted.why]}"


def change(of: Sequence[Point]) -> tuple[float | None, float | None]:
    """Percentage points since the last prior, left and right."""
    if len(of) < 2:
        return None, None
    before, now = of[-2:]
    return _difference(before.left, now.left), _difference(before.right, now.right)


def _difference(before: float | None, now: float | None) -> float | None:
    return None if before is None or now is None else now - before


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} %"
