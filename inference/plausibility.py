"""Whether lungs can be a chest's: if not, nothing may be concluded from them.

How sure the network is says most: it hesitates over an image that is no upright chest. Limits were
chosen with 440 images of COVID-QU-Ex Train and the ten real DICOM files. Of the 932 Val images none
was found implausible (below 0.4 %, 95 % confidence); how many images of other kinds pass is not
known.
"""

import numpy as np
from numpy.typing import NDArray

from inference.laterality import Lungs
from inference.results import Mask

#: Least share of the image that is lung. True lungs of COVID-QU-Ex Train (3728 images): 4.7 %
#: (least), 6.7 % (0.1st percentile), 23 % (median); the smaller lung alone 2.0 % (least), so that
#: one lung missing is no fault.
MIN_AREA = 0.02
#: Greatest share. True lungs: 54 % (99.9th percentile), 55 % (greatest).
MAX_AREA = 0.60
#: Least certainty of two lungs that lie apart, as in every one of 440 of those images: there 0.908
#: (least), 0.935 (0.5th percentile), 0.984 (median). Drawn lateral chests reach 0.857, and 0.899
#: turned or inverted; a hip, a dog's lateral thorax, a ramp or a blank image less.
MIN_CERTAINTY = 0.90
#: Least certainty of lungs that touch or of one alone: a dog's lateral thorax on its side 0.945, a
#: tibia inverted and on its head 0.927, drawn lateral chests on their sides 0.930.
MIN_CERTAINTY_UNUSUAL = 0.95


def certainty_of(probability: NDArray[np.float32], lungs: Mask) -> float:
    """Mean probability of lung within the lungs, 0..1; 0 where there are none."""
    return float(probability[lungs].mean()) if lungs.any() else 0.0


def fault_of(probability: NDArray[np.float32], sides: Lungs) -> str | None:
    """One sentence that says why these cannot be lungs; None if they can."""
    lungs = sides.right | sides.left
    area = float(lungs.mean())
    if area == 0:
        return "No lungs were found."
    if area < MIN_AREA:
        return f"What looks like lung is too small: {area:.1%} of the image."
    if area > MAX_AREA:
        return f"What looks like lung is too large: {area:.1%} of the image."
    certainty = certainty_of(probability, lungs)
    if certainty < (MIN_CERTAINTY_UNUSUAL if sides.cautions else MIN_CERTAINTY):
        return f"The lung network is not sure enough that these are lungs ({certainty:.0%})."
    return None
