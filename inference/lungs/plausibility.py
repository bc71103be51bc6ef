"""Whether lungs can be a chest's: if not, nothing may be concluded from them.

How sure the network is says most: it hesitates over an image that is no upright chest. Limits were
chosen with 440 images of COVID-QU-Ex Train and the ten real DICOM files. Of the 932 Val images none
was found implausible (below 0.4 %, 95 % confidence); how many images of other kinds pass is not
known.
"""

import numpy as np
from numpy.typing import NDArray

from inference.findings import Mask
from inference.lungs.laterality import Lungs
from inference.pipeline import STANDARD, Settings


def certainty_of(probability: NDArray[np.float32], lungs: Mask) -> float:
    """Mean probability of lung within the lungs, 0..1; 0 where there are none."""
    return float(probability[lungs].mean()) if lungs.any() else 0.0


def fault_of(
    probability: NDArray[np.float32], sides: Lungs, settings: Settings = STANDARD
) -> str | None:
    """One sentence that says why these cannot be lungs; None if they can."""
    lungs = sides.right | sides.left
    area = float(lungs.mean())
    if area == 0:
        return "No lungs were found."
    if area < settings.least_lung_share:
        return f"What looks like lung is too small: {area:.1%} of the image."
    if area > settings.greatest_lung_share:
        return f"What looks like lung is too large: {area:.1%} of the image."
    certainty = certainty_of(probability, lungs)
    unusual, usual = settings.least_certainty_unusual, settings.least_certainty
    if certainty < (unusual if sides.cautions else usual):
        return f"The lung network is not sure enough that these are lungs ({certainty:.0%})."
    return None
