"""Probability maps to lung and infection masks (paper, section 3.2).

All decisions fall at the networks' own size: thresholds, holes, small regions, left and right.
What they leave of the probabilities is then enlarged and thresholded once more on the source's
grid, so that outlines are smooth there; on a source of the networks' size this changes nothing.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.decoding.flat_rows import Run, is_part_missing
from inference.extent import extent_of
from inference.findings import Caution, Laterality, Mask
from inference.lungs import Lungs
from inference.lungs.plausibility import lung_cautions
from inference.orientation import Orientation
from inference.pipeline import STANDARD, Calibration, Settings
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
    certainty: float | None  #: `Extent.certainty`; None where there is a fault
    fault: str | None  #: why nothing may be concluded from them; None where it may
    cautions: tuple[Caution, ...]


@dataclass(frozen=True, slots=True)
class Masks:
    """Both lungs and the infection in each, on the source's grid; lungs never overlap."""

    lung: Mapping[Laterality, Mask]  #: (rows, columns) each
    infection: Mapping[Laterality, Mask]  #: within the same side's lung
    certainty: float | None  #: `CleanMaps.certainty`
    fault: str | None  #: why there are none
    cautions: tuple[Caution, ...]


def clean(
    lungs: Lungs,
    infection: Probability,
    settings: Settings = STANDARD,
    doubt: str | None = None,
    calibration: Calibration | None = None,
) -> CleanMaps:
    """What is lung and what is infection, and whether to believe it; `infection` is (size, size).

    `doubt` is why it may not be believed whatever the lungs look like, `calibration` that of the
    infection network.
    """
    above, sides = settings.lung_above, lungs.sides
    fault = doubt or lungs.fault
    # A filled hole is lung whatever the network said; elsewhere its own values keep the outline.
    is_above = lungs.probability > above
    filled = np.where(lungs.mask & ~is_above, np.float32(1), lungs.probability)
    removed = is_above & ~lungs.mask
    right = np.where(sides.left | removed, np.float32(0), filled)
    left = np.where(sides.right | removed, np.float32(0), filled)
    extent = extent_of(infection[lungs.mask], lungs.mask.size, calibration, settings)
    cautions: tuple[Caution, ...] = ()
    if not fault:
        faint = (Caution.FAINT,) if extent.is_faint else ()
        cautions = (*sides.cautions, *lung_cautions(sides), *faint)
    certainty = None if fault else extent.certainty
    return CleanMaps(right, left, above, infection, extent.above, certainty, fault, cautions)


def restore_masks(maps: CleanMaps, orientation: Orientation, shape: tuple[int, int]) -> Masks:
    """The four masks on a source grid of `shape` (rows, columns); empty where there is a fault."""
    if maps.fault:
        nothing = dict.fromkeys(Laterality, np.zeros(shape, np.bool_))
        return Masks(nothing, nothing, None, maps.fault, maps.cautions)

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
    return Masks(lung, infection, maps.certainty, maps.fault, maps.cautions)


def note_missing(masks: Masks, runs: tuple[Run, ...]) -> Masks:
    """The masks with a caution where flat rows have taken the place of a part of the chest."""
    if not is_part_missing(np.logical_or(*masks.lung.values()), runs):
        return masks
    return replace(masks, cautions=(*masks.cautions, Caution.PART_MISSING))
