"""One lung mask to the patient's right and left lung, whether the lungs touch or one is missing.

A seam runs from the top of the upright image to its bottom, near the middle between the lungs and
through as few lung pixels as it can: beside the lungs where there is a gap, through the narrowest
place where they touch, around a lung that lies alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.findings import Caution, Mask

#: A second lung smaller than this share of both is a piece of the first (paper 3.2: 5 %).
MIN_LUNG_SHARE = 0.05
#: Two regions whose centres are nearer than this share of the width lie in the same lung.
#: True lungs of COVID-QU-Ex Train: 0.22 at the least, 0.42 in the median (3728 images).
MIN_LUNG_DISTANCE = 0.2
#: How far from the middle the seam may wander, in shares of the width.
MAX_WANDER = 0.3

#: Straight down before aside, so that the seam does not waver where all ways cost the same.
_STEPS = np.array([0, -1, 1])


@dataclass(frozen=True, slots=True)
class Sides:
    """Both lungs on the upright square; they never overlap."""

    right: Mask  #: (size, size), the patient's right lung, at the image's left; may be empty
    left: Mask
    cautions: tuple[Caution, ...]


def divide(lungs: Mask) -> Sides:
    """The sides of an upright (size, size) mask of both lungs."""
    if not lungs.any():
        return Sides(lungs, lungs, ())
    seam = _seam(lungs, _middle(lungs))
    is_right = np.arange(lungs.shape[1]) < seam[:, None]
    right, left = lungs & is_right, lungs & ~is_right
    if min(right.sum(), left.sum()) < MIN_LUNG_SHARE * lungs.sum():
        nothing = np.zeros_like(lungs)
        alone = (Caution.ONE_LUNG_ONLY,)
        if right.sum() > left.sum():
            return Sides(lungs, nothing, alone)
        return Sides(nothing, lungs, alone)
    touch = _touch(right, left)
    return Sides(right, left, (Caution.LUNGS_TOUCH,) if touch else ())


def _middle(lungs: Mask) -> float:
    """The column between the two largest regions if they lie side by side, else the image's."""
    labels, count = ndimage.label(lungs)
    width = lungs.shape[1]
    if count >= 2:
        largest = np.argsort(np.bincount(labels.ravel())[1:])[-2:] + 1
        first, second = (float(x) for _, x in ndimage.center_of_mass(lungs, labels, largest))
        if abs(first - second) > MIN_LUNG_DISTANCE * width:
            return (first + second) / 2
    return float(width - 1) / 2


def _seam(lungs: Mask, middle: float) -> NDArray[np.intp]:
    """For each row, the first column on the left lung's side: the cheapest way down.

    A lung pixel on the way costs 1, distance from the middle a whole lung's width about as much as
    a lung is high: so it cuts a bridge between two lungs, but never a lung that lies alone.
    """
    rows, columns = lungs.shape
    away = np.abs(np.arange(columns) - middle) / columns
    cost = np.where(away > MAX_WANDER, np.inf, lungs + away)
    came_from = np.zeros(lungs.shape, np.intp)
    total = cost[0]
    for row in range(1, rows):
        padded = np.pad(total, 1, constant_values=np.inf)
        ways = np.stack([padded[1:-1], padded[:-2], padded[2:]])
        step = ways.argmin(axis=0)
        came_from[row] = np.arange(columns) + _STEPS[step]
        total = cost[row] + ways.min(axis=0)
    seam = np.empty(rows, np.intp)
    seam[-1] = total.argmin()
    for row in range(rows - 1, 0, -1):
        seam[row - 1] = came_from[row, seam[row]]
    return seam


def _touch(right: Mask, left: Mask) -> bool:
    return bool((ndimage.binary_dilation(right) & left).any())
