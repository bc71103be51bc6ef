"""Results to one document: the paper's Tables 2 and 3, percentages, ROC, confusion.

Shares are fractions. Each block has an `interval` of the same shape with equation 2's half widths.
What cannot be said, because no case has what it takes, is null.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.evaluation.evaluate import PLACES, Result
from inference.evaluation.metrics import Z_95, Figure, detection, overlap, pixel_counts
from inference.evaluation.reliability import reliability_fields, reliability_of
from inference.findings import Decision, ModelIdentity, Task

#: Least numbers of infected pixels at which the decision is shown, beside all that occur.
MINIMA = (1, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


@dataclass(frozen=True, slots=True)
class Roc:
    """Sensitivity against specificity as the least number of infected pixels rises."""

    minimum: NDArray[np.int64]  #: (n,), rising
    sensitivity: NDArray[np.float64]  #: (n,), falling
    specificity: NDArray[np.float64]  #: (n,), rising

    @property
    def area(self) -> float:
        """Under the curve of sensitivity over 1 - specificity; not-a-number without both kinds."""
        false_alarms = np.concatenate([[1.0], 1 - self.specificity, [0.0]])
        found = np.concatenate([[1.0], self.sensitivity, [0.0]])
        return float(-np.trapezoid(found, false_alarms))


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the percentages said are from the true ones, in points (Bland and Altman 1986)."""

    images: int
    mean_absolute: float
    bias: float  #: mean of said - true
    spread: float  #: standard deviation of said - true
    correlation: float

    @property
    def limits(self) -> tuple[float, float]:
        """Between which 95 % of the differences lie."""
        return self.bias - Z_95 * self.spread, self.bias + Z_95 * self.spread


def summarise(results: Sequence[Result], models: Iterable[ModelIdentity]) -> dict[str, Any]:
    """All figures of a split, ready for JSON."""
    known = [result for result in results if result.is_covid is not None]
    said, is_covid = said_and_true(known)
    reliability = reliability_of(known)
    document = {
        "images": len(results),
        "covid_images": int(is_covid.sum()),
        "undetermined": sum(r.decision is Decision.UNDETERMINED for r in results),
        "models": [
            {"task": m.task.value, "name": m.name, "version": m.version, "sha256": m.sha256}
            for m in models
        ],
        "detection": _block(detection(said, is_covid)) if known else None,
        **{task.value: _overlap(results, task) for task in Task},
        "infected_percent_error": {
            place: _agreement_fields(agreement(results, place)) for place in PLACES
        },
        "confusion": {
            "true_positive": int((said & is_covid).sum()),
            "false_positive": int((said & ~is_covid).sum()),
            "false_negative": int((~said & is_covid).sum()),
            "true_negative": int((~said & ~is_covid).sum()),
        },
        "roc": _roc_fields(roc_of(known)),
        "certainty": reliability and reliability_fields(reliability),
    }
    cleaned: dict[str, Any] = _null(document)
    return cleaned


def said_and_true(known: Sequence[Result]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each was called positive, and whether it is; undetermined is no positive call."""
    said = np.array([result.decision is Decision.POSITIVE for result in known], np.bool_)
    return said, np.array([result.is_covid for result in known], np.bool_)


def percentages(results: Sequence[Result], place: str) -> NDArray[np.float64]:
    """(n, 2): said and true of each COVID-19 image where both can be said."""
    pairs = [
        (result.said_percent[place], result.true_percent[place])
        for result in results
        if result.is_covid and result.true_percent is not None
    ]
    return np.array([pair for pair in pairs if None not in pair], np.float64).reshape(-1, 2)


def agreement(results: Sequence[Result], place: str) -> Agreement:
    """Of one place over the COVID-19 images: elsewhere nothing is true, and nothing is learnt."""
    said, true = percentages(results, place).T
    if len(said) < 2:
        return Agreement(len(said), math.nan, math.nan, math.nan, math.nan)
    difference = said - true
    varies = said.std() > 0 and true.std() > 0
    return Agreement(
        images=len(said),
        mean_absolute=float(np.abs(difference).mean()),
        bias=float(difference.mean()),
        spread=float(difference.std(ddof=1)),
        correlation=float(np.corrcoef(said, true)[0, 1]) if varies else math.nan,
    )


def roc_of(known: Sequence[Result]) -> Roc:
    """Over every number of infected pixels that occurs, and 1, the paper's own (section 3.3)."""
    pixels = np.array([result.infected_pixels for result in known], np.int64)
    _, is_covid = said_and_true(known)
    # The greatest and one more: there nothing is called positive.
    minima = np.unique([1, *pixels[pixels > 0], pixels.max(initial=0) + 1])
    called = pixels[:, None] >= minima
    with np.errstate(invalid="ignore"):
        sensitivity = called[is_covid].sum(axis=0) / is_covid.sum()
        specificity = (~called[~is_covid]).sum(axis=0) / (~is_covid).sum()
    return Roc(minima, sensitivity, specificity)


def _overlap(results: Sequence[Result], task: Task) -> dict[str, Any] | None:
    having = [result for result in results if task in result.pixels]
    if not having:
        return None
    is_covid = np.array([bool(result.is_covid) for result in having])
    figures = overlap(pixel_counts([result.pixels[task] for result in having]), is_covid)
    blocks = {name: _block(ways) for name, ways in figures.items()}
    intervals = {name: block.pop("interval") for name, block in blocks.items()}
    return {**blocks, "interval": intervals, "images": len(having)}


def _block(figures: Mapping[str, Figure]) -> dict[str, Any]:
    values: dict[str, Any] = {name: figure.value for name, figure in figures.items()}
    return values | {"interval": {name: figure.interval for name, figure in figures.items()}}


def _agreement_fields(agreement: Agreement) -> dict[str, Any]:
    return {
        "images": agreement.images,
        "mean_absolute": agreement.mean_absolute,
        "bias": agreement.bias,
        "limits_of_agreement": list(agreement.limits),
        "correlation": agreement.correlation,
    }


def _roc_fields(roc: Roc) -> dict[str, Any]:
    """The area, and the curve at round numbers of pixels: each stands for the next that occurs."""
    last = len(roc.minimum) - 1
    at = [min(int(np.searchsorted(roc.minimum, minimum)), last) for minimum in MINIMA]
    return {
        "area": roc.area,
        "points": [
            {
                "minimum_infected_pixels": minimum,
                "sensitivity": float(roc.sensitivity[index]),
                "specificity": float(roc.specificity[index]),
            }
            for minimum, index in zip(MINIMA, at, strict=True)
        ],
    }


def _null(value: Any) -> Any:
    """JSON has no not-a-number."""
    if isinstance(value, dict):
        return {key: _null(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_null(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
