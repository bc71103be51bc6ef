"""What the certainty of a result is worth: does infection come as often as it is said?

And where to set the operating point: what each certainty from which on an image is called positive
would say of the split and of every set of strangers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from inference.evaluation.evaluate import Result

BINS = 10  #: of equal width, from 0 to 1
#: Certainties tried as the least of a positive image.
OPERATING_POINTS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)


@dataclass(frozen=True, slots=True)
class Bin:
    """The images of about one certainty."""

    images: int
    said: float  #: mean certainty, 0..1
    seen: float  #: the share of them that has infection


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of images of which both a certainty and the truth are known, of both kinds."""

    area: float  #: under the ROC over the certainty
    brier: float  #: mean square of certainty less truth
    error: float  #: mean of |said - seen| over the bins, weighted by their images
    bins: tuple[Bin, ...]  #: those that have images, by certainty


def reliability_of(results: Sequence[Result]) -> Reliability | None:
    """None where there are not images of both kinds with a certainty."""
    known = [(r.certainty, r.is_covid) for r in results if r.certainty is not None]
    said = np.array([certainty for certainty, is_covid in known if is_covid is not None])
    true = np.array([is_covid for _, is_covid in known if is_covid is not None], np.bool_)
    if not (true.any() and not true.all()):
        return None
    place = np.minimum((said * BINS).astype(np.intp), BINS - 1)
    bins = tuple(
        Bin(int(inside.sum()), float(said[inside].mean()), float(true[inside].mean()))
        for inside in (place == number for number in range(BINS))
        if inside.any()
    )
    return Reliability(
        area=float(mannwhitneyu(said[true], said[~true]).statistic / true.sum() / (~true).sum()),
        brier=float(np.square(said - true).mean()),
        error=sum(b.images * abs(b.said - b.seen) for b in bins) / len(said),
        bins=bins,
    )


def reliability_fields(reliability: Reliability) -> dict[str, Any]:
    """For the summary."""
    return {
        "roc_area": reliability.area,
        "brier": reliability.brier,
        "calibration_error": reliability.error,
        "bins": [{"images": b.images, "said": b.said, "seen": b.seen} for b in reliability.bins],
    }


def reliability_table(reliability: Reliability) -> str:
    """As Markdown."""
    lines = ["| certainty said | images | of them with infection |", "|---|---|---|"]
    lines += [f"| {100 * b.said:.1f} | {b.images} | {100 * b.seen:.1f} |" for b in reliability.bins]
    return "\n".join(
        [
            *lines,
            "",
            f"Area under the ROC over the certainty: {reliability.area:.4f}; off by "
            f"{100 * reliability.error:.1f} points on average; Brier score {reliability.brier:.4f}",
            "",
        ]
    )


def operating_table(sets: Mapping[str, Sequence[Result]]) -> str:
    """The share of each class of each set that every operating point would call positive.

    "" where no image has a certainty. Images on which nothing is concluded are in no share.
    """
    certainties = {
        name: np.array(values)
        for name, results in sets.items()
        for name, values in _by_class(name, results).items()
    }
    if not certainties:
        return ""
    lines = [
        f"| positive from | {' | '.join(certainties)} |",
        "|---" * (1 + len(certainties)) + "|",
    ]
    for point in OPERATING_POINTS:
        shares = [f"{100 * _share(values, point):.1f}" for values in certainties.values()]
        lines.append(f"| {point:g} | {' | '.join(shares)} |")
    return "\n".join(lines)


def _by_class(title: str, results: Sequence[Result]) -> dict[str, list[float]]:
    """The certainties of each class, as far as there are any."""
    classes: dict[str, list[float]] = {}
    for result in results:
        if result.certainty is not None:
            of_class = result.name.rpartition("/")[0]
            name = f"{title}, {of_class}" if of_class else title
            classes.setdefault(name, []).append(result.certainty)
    return classes


def _share(values: NDArray[np.float64], point: float) -> float:
    return float((values >= point).mean())
