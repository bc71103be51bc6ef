"""Probability maps to lung and infection masks (paper, section 3.2).

All decisions fall at the networks' own size: thresholds, holes, small regions, left and right.
What they leave of the probabilities is then enlarged and thresholded once more on the source's
grid, so that outlines are smooth there; on a source of the networks' size this changes nothing.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.engines import ProbabilityMaps
from inference.extent import extent_of
from inference.findings import Caution, Laterality, Mask
from inference.gray.quality import lung_cautions
from inference.lungs.laterality import divide
from inference.lungs.plausibility import fault_of
from inference.orientation import Orientation
from inference.pipeline import STANDARD, Settings
from inference.resize import restore_mask

Probability = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CleanMaps:
    """Probabilities on the upright square, after all that section 3.2 removes or fills."""

    right: Probability  #: (size, size), above `lung_above` exactly in the patient's right lung
    left: Probability
    lung_above: float
    infection: Probability  #: not yet masked by the lungs
    infected_above: float  #: `Extent.above`
    fault: str | None  #: why nothing may be concluded from them; None where it may
    cautions: tuple[Caution, ...]


@dataclass(frozen=True, slots=True)
class Masks:
    """Both lungs and the infection in each, on the source's grid; lungs never overlap."""

    lung: Mapping[Laterality, Mask]  #: (rows, columns) each
    infection: Mapping[Laterality, Mask]  #: within the same side's lung
    fault: str | None  #: why there are none
    cautions: tuple[Caution, ...]


def clean(
    maps: ProbabilityMaps, settings: Settings = STANDARD, doubt: str | None = None
) -> CleanMaps:
    """What is lung and what is infection, and whether to believe it.

    `doubt` is why it may not be believed whatever the lungs look like.
    """
    above = settings.lung_above
    lungs = lung_mask(maps.lung, settings)
    sides = divide(lungs)
    fault = doubt or fault_of(maps.lung, sides, settings)
    # A filled hole is lung whatever the network said; elsewhere its own values keep the outline.
    filled = np.where(lungs & (maps.lung <= above), np.float32(1), maps.lung)
    removed = (maps.lung > above) & ~lungs
    right = np.where(sides.left | removed, np.float32(0), filled)
    left = np.where(sides.right | removed, np.float32(0), filled)
    extent = extent_of(maps.infection[lungs], lungs.size, settings)
    cautions: tuple[Caution, ...] = ()
    if not fault:
        faint = (Caution.FAINT,) if extent.is_faint else ()
        cautions = (*sides.cautions, *lung_cautions(sides), *faint)
    return CleanMaps(right, left, above, maps.infection, extent.above, fault, cautions)


def lung_mask(probability: Probability, settings: Settings = STANDARD) -> Mask:
    """Both lungs: thresholded, holes filled, small regions dropped."""
    lungs: Mask = ndimage.binary_fill_holes(probability > settings.lung_above)
    labels, count = ndimage.label(lungs)
    if count == 0:
        return lungs
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    large = areas >= settings.least_region_share * areas.sum()
    large[0] = False
    return np.asarray(large[labels])


def restore_masks(maps: CleanMaps, orientation: Orientation, shape: tuple[int, int]) -> Masks:
    """The four masks on a source grid of `shape` (rows, columns); empty where there is a fault."""
    if maps.fault:
        nothing = dict.fromkeys(Laterality, np.zeros(shape, np.bool_))
        return Masks(nothing, nothing, maps.fault, maps.cautions)

    def restore_side(probability: Probability) -> tuple[Mask, Mask]:
        lung = restore_mask(probability, orientation, shape, maps.lung_above)
        near = ndimage.binary_dilation(probability > maps.lung_above, iterations=2)
        infected = np.where(near, maps.infection, np.float32(0))
        return lung, restore_mask(infected, orientation, shape, maps.infected_above) & lung

    # A core each: the enlargement is Pillow's, which lets go of Python meanwhile.
    with ThreadPoolExecutor(2) as pool:
        left, right = pool.map(restore_side, (maps.left, maps.right))
    sides = (Laterality.LEFT, left), (Laterality.RIGHT, right)
    lung = {side: masks[0] for side, masks in sides}
    infection = {side: masks[1] for side, masks in sides}
    return Masks(lung, infection, maps.fault, maps.cautions)
