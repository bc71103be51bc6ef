"""The paper's figures (section 3.5), each with the way it averages named, and its interval.

The paper does not say how it averages, so every overlap is given three ways.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from inference.findings import Mask

#: Equation 2: the level of significance of a 95 % confidence interval.
Z_95 = 1.96

Counts = NDArray[np.int64]


class Averaging(StrEnum):
    """Over what a figure is the mean."""

    #: Each image counts the same; nothing predicted where nothing is true counts 1.
    IMAGES = "mean_over_images"
    #: The same, over COVID-19 images alone: no empty truth flatters it.
    COVID_IMAGES = "mean_over_covid_images"
    #: Every pixel counts the same: one figure of all images' pixels together.
    PIXELS = "pooled_over_pixels"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one table."""

    value: float  #: 0..1; not-a-number where there is nothing to measure
    images: int  #: N of equation 2

    @property
    def interval(self) -> float:
        """Equation 2: half the width of the 95 % confidence interval."""
        if not self.images:
            return math.nan
        return Z_95 * math.sqrt(self.value * (1 - self.value) / self.images)


@dataclass(frozen=True, slots=True)
class PixelCounts:
    """How a prediction and its truth meet, image by image."""

    true_positive: Counts  #: (n,)
    false_positive: Counts
    false_negative: Counts
    true_negative: Counts

    def accuracy(self) -> NDArray[np.float64]:
        """Equation 3."""
        wrong = self.false_positive + self.false_negative
        right = self.true_positive + self.true_negative
        return right / (right + wrong)

    def iou(self) -> NDArray[np.float64]:
        """Equation 4; 1 where prediction and truth are both empty."""
        union = self.true_positive + self.false_positive + self.false_negative
        return _share(self.true_positive, union)

    def dsc(self) -> NDArray[np.float64]:
        """Equation 5; 1 where prediction and truth are both empty."""
        both = 2 * self.true_positive
        return _share(both, both + self.false_positive + self.false_negative)

    def pooled(self) -> "PixelCounts":
        """All images as one."""
        return PixelCounts(*(counts.sum(keepdims=True) for counts in self._all()))

    def pick(self, chosen: NDArray[np.bool_]) -> "PixelCounts":
        return PixelCounts(*(counts[chosen] for counts in self._all()))

    def _all(self) -> Iterator[Counts]:
        yield from (
            self.true_positive, self.false_positive, self.false_negative, self.true_negative,
        )  # fmt: skip


def count_pixels(predicted: Mask, truth: Mask) -> tuple[int, int, int, int]:
    """True positive, false positive, false negative and true negative pixels of one image."""
    both = int(np.count_nonzero(predicted & truth))
    found, there = int(np.count_nonzero(predicted)), int(np.count_nonzero(truth))
    return both, found - both, there - both, truth.size - found - there + both


def pixel_counts(rows: list[tuple[int, int, int, int]]) -> PixelCounts:
    """From one row of `count_pixels` per image."""
    return PixelCounts(*np.asarray(rows, np.int64).reshape(-1, 4).T)


def overlap(counts: PixelCounts, is_covid: NDArray[np.bool_]) -> dict[str, dict[str, Figure]]:
    """Table 2: accuracy, IoU and DSC, each by every `Averaging`."""
    ways = {
        Averaging.IMAGES: (counts, len(is_covid)),
        Averaging.COVID_IMAGES: (counts.pick(is_covid), int(is_covid.sum())),
        Averaging.PIXELS: (counts.pooled(), len(is_covid)),
    }
    measures = {"accuracy": PixelCounts.accuracy, "iou": PixelCounts.iou, "dsc": PixelCounts.dsc}
    return {
        name: {
            way.value: Figure(float(measure(of).mean()) if images else math.nan, images)
            for way, (of, images) in ways.items()
        }
        for name, measure in measures.items()
    }


def detection(said: NDArray[np.bool_], is_covid: NDArray[np.bool_]) -> dict[str, Figure]:
    """Table 3, equations 3 and 6 to 9; N is all images, as the paper's intervals have it."""
    true_positive = int((said & is_covid).sum())
    true_negative = int((~said & ~is_covid).sum())
    positive, negative = int(is_covid.sum()), int((~is_covid).sum())
    claimed, images = int(said.sum()), len(said)
    shares = {
        "accuracy": (true_positive + true_negative, images),
        "precision": (true_positive, claimed),
        "sensitivity": (true_positive, positive),
        "f1": (2 * true_positive, claimed + positive),
        "specificity": (true_negative, negative),
    }
    return {
        name: Figure(part / whole if whole else math.nan, images)
        for name, (part, whole) in shares.items()
    }


def _share(part: Counts, whole: Counts) -> NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), 1.0)
