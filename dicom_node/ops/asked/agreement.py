"""How far readers and the node agree, month by month: of each radiograph what counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from dicom_node.ledger import Correction

#: Months that are shown, the last in which anything was drawn.
MOST_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Month:
    """What readers drew in one month, by when it came."""

    name: str  #: YYYY-MM, UTC
    radiographs: int
    dice_lungs: float | None  #: the mean; None where nothing can be compared
    dice_infection: float | None
    points: float | None  #: by how much the percentage of both lungs differs, the mean
    turned: int  #: of these one of the two says that nothing is infected, and the other does not


def by_month(counting: Sequence[Correction]) -> list[Month]:
    """The newest first; `counting` in the order they were kept."""
    months = groupby(counting, key=lambda one: f"{one.kept_at:%Y-%m}")
    found = [_month(name, list(drawn)) for name, drawn in months]
    return found[::-1][:MOST_MONTHS]


def _month(name: str, drawn: Sequence[Correction]) -> Month:
    counted = [one.counted for one in drawn]
    pairs = [
        (one.percent_both, one.node_both)
        for one in counted
        if one.percent_both is not None and one.node_both is not None
    ]
    lungs = (dice for one in counted for dice in (one.dice_lung_left, one.dice_lung_right))
    return Month(
        name,
        len(drawn),
        _mean(lungs),
        _mean(one.dice_infection for one in counted),
        _mean(abs(reader - node) for reader, node in pairs),
        sum((reader > 0) != (node > 0) for reader, node in pairs),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
