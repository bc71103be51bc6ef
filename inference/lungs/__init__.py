"""The lungs as the lung network shows them: found once for each way an image is looked at.

laterality ► right and left    plausibility ► whether they can be a chest's
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.findings import Mask
from inference.lungs.laterality import Sides, divide
from inference.lungs.plausibility import certainty_of, fault_of
from inference.pipeline import STANDARD, Settings


@dataclass(frozen=True, slots=True)
class Lungs:
    """What one map of the lung network shows."""

    probability: NDArray[np.float32]  #: (size, size), 0..1: the map itself
    mask: Mask  #: (size, size): both lungs
    sides: Sides
    certainty: float  #: 0..1; 0 where there are none
    fault: str | None  #: why they cannot be lungs; None where they can


def find_lungs(probability: NDArray[np.float32], settings: Settings = STANDARD) -> Lungs:
    """The lungs in a (size, size) map."""
    mask = lung_mask(probability, settings)
    sides = divide(mask)
    certainty = certainty_of(probability, mask)
    return Lungs(probability, mask, sides, certainty, fault_of(mask, sides, certainty, settings))


def lung_mask(probability: NDArray[np.float32], settings: Settings = STANDARD) -> Mask:
    """Both lungs (paper, section 3.2): thresholded, holes filled, small regions dropped."""
    lungs: Mask = ndimage.binary_fill_holes(probability > settings.lung_above)
    labels, count = ndimage.label(lungs)
    if count == 0:
        return lungs
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    large = areas >= settings.least_region_share * areas.sum()
    large[0] = False
    return np.asarray(large[labels])
