"""What makes a radiograph harder to judge than usual, told from its gray values.

A caution is no fault: the figures stand, and a reader is told why to look twice. All limits are on
the upright square of the networks and were chosen with COVID-QU-Ex Train (3728 images), so that an
ordinary radiograph gets none.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from inference.findings import Caution
from inference.gray.grayscale import DISPLAY_STEP

#: Share of the rows and of the columns, in the middle, that the gray values are judged by. The air
#: beside the patient, the collimator's blades and the belly, black or white by rights, lie outside.
FIELD = 0.6
#: Least difference between the 5th and the 95th percentile of gray there. Train: 0.13 (least), 0.20
#: (0.6th percentile), 0.52 (median).
MIN_GRAY_RANGE = 0.20
#: Greatest share of the field that is wholly black or wholly white. Train: 0 (median), 0.01 (98th
#: percentile), 0.10 (99.7th), 0.27 (greatest).
MAX_SATURATED = 0.10


def gray_cautions(square: NDArray[np.float32]) -> Iterator[Caution]:
    """What a (size, size) square gives cause for."""
    margin = round(len(square) * (1 - FIELD) / 2)
    field = square[margin : len(square) - margin, margin : len(square) - margin]
    low, high = np.percentile(field, (5, 95))
    if high - low < MIN_GRAY_RANGE:
        yield Caution.LOW_CONTRAST
    saturated = (field <= DISPLAY_STEP) | (field >= 1 - DISPLAY_STEP)
    if saturated.mean() > MAX_SATURATED:
        yield Caution.SATURATED
