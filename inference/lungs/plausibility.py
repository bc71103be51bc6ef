"""Whether lungs can be a chest's, and what is unusual about those that can.

If they cannot, nothing may be concluded from them. How sure the network is says most: it hesitates
over an image that is no upright chest. Limits were chosen with 440 images of COVID-QU-Ex Train and
the ten real DICOM files. Of the 932 Val images none was found implausible (below 0.4 %, 95 %
confidence); how many images of other kinds pass is not known.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from inference.findings import Caution, Mask
from inference.lungs.laterality import Sides
from inference.pipeline import STANDARD, Settings

#: Least ratio of the smaller lung's area to the larger's. True lungs of Train: 0.30 (least), 0.44
#: (0.5th percentile), 0.82 (median).
MIN_LUNG_RATIO = 0.44
#: Share of one side of the image along which lung must touch it. True lungs of Train touch one in
#: 8.0 % of the images, this far in 3.7 %: chests that are cut off.
MIN_BORDER = 0.1


def certainty_of(probability: NDArray[np.float32], lungs: Mask) -> float:
    """Mean probability of lung within the lungs, 0..1; 0 where there are none."""
    return float(probability[lungs].mean()) if lungs.any() else 0.0


def fault_of(
    lungs: Mask, sides: Sides, certainty: float, settings: Settings = STANDARD
) -> str | None:
    """One sentence that says why these cannot be lungs; None if they can."""
    area = float(lungs.mean())
    if area == 0:
        return "No lungs were found."
    if area < settings.least_lung_share:
        return f"What looks like lung is too small: {area:.1%} of the image."
    if area > settings.greatest_lung_share:
        return f"What looks like lung is too large: {area:.1%} of the image."
    unusual, usual = settings.least_certainty_unusual, settings.least_certainty
    if certainty < (unusual if sides.cautions else usual):
        return f"The lung network is not sure enough that these are lungs ({certainty:.0%})."
    return None


def lung_cautions(sides: Sides) -> Iterator[Caution]:
    """What is unusual about lungs that are plausible."""
    lungs = sides.right | sides.left
    edges = lungs[0], lungs[-1], lungs[:, 0], lungs[:, -1]
    if max(edge.mean() for edge in edges) >= MIN_BORDER:
        yield Caution.LUNG_AT_BORDER
    smaller, larger = sorted((sides.right.sum(), sides.left.sum()))
    # Where one was not found, that is said already.
    if 0 < smaller < MIN_LUNG_RATIO * larger:
        yield Caution.LUNGS_UNEQUAL
