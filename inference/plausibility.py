"""Whether a lung mask can be a chest's: if not, nothing may be concluded from it.

The limits come from COVID-QU-Ex: areas from the true lungs of Train (3728 images), the certainty
from 600 images, half of them Val, run through the shipped lung network.
"""

import numpy as np
from numpy.typing import NDArray

from inference.results import Mask

#: Least share of the image that is lung. True lungs: 4.7 % (least), 6.7 % (0.1st percentile),
#: 23 % (median); the smaller lung alone 2.0 % (least), so that one lung missing is no fault.
MIN_AREA = 0.02
#: Greatest share. True lungs: 54 % (99.9th percentile), 55 % (greatest).
MAX_AREA = 0.60
#: Least mean probability of lung within the lung mask. Chests: 0.921 (least of 600), 0.976
#: (median); the same images inverted: 0.902 (greatest); a hip 0.896, a tibia 0.880, a dog's
#: lateral thorax 0.841, a blank image 0.73, noise 0.57.
MIN_CERTAINTY = 0.91


def fault_of(probability: NDArray[np.float32], lungs: Mask) -> str | None:
    """One sentence that says why `lungs`, cleaned of `probability`, are none; None if they are."""
    area = float(lungs.mean())
    if area == 0:
        return "No lungs were found."
    if area < MIN_AREA:
        return f"What looks like lung is too small: {area:.1%} of the image."
    if area > MAX_AREA:
        return f"What looks like lung is too large: {area:.1%} of the image."
    certainty = float(probability[lungs].mean())
    if certainty < MIN_CERTAINTY:
        return f"The lung network is not sure enough that these are lungs ({certainty:.0%})."
    return None
