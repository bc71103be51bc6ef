"""What makes a radiograph harder to judge than usual, told from its gray values and its lungs.

A caution is no fault: the figures stand, and a reader is told why to look twice. All limits are on
the upright square of the networks and were chosen with COVID-QU-Ex Train (3728 images), so that an
ordinary radiograph gets none.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inference.decode import Radiograph
from inference.findings import Caution
from inference.gray.grayscale import DISPLAY_STEP
from inference.lungs.laterality import Lungs

#: Share of the rows and of the columns, in the middle, that the gray values are judged by. The air
#: beside the patient, the collimator's blades and the belly, black or white by rights, lie outside.
FIELD = 0.6
#: Least difference between the 5th and the 95th percentile of gray there. Train: 0.13 (least), 0.20
#: (0.6th percentile), 0.52 (median).
MIN_GRAY_RANGE = 0.20
#: Greatest share of the field that is wholly black or wholly white. Train: 0 (median), 0.01 (98th
#: percentile), 0.10 (99.7th), 0.27 (greatest).
MAX_SATURATED = 0.10
#: Least ratio of the smaller lung's area to the larger's. True lungs of Train: 0.30 (least), 0.44
#: (0.5th percentile), 0.82 (median).
MIN_LUNG_RATIO = 0.44
#: Share of one side of the image along which lung must touch it. True lungs of Train touch one in
#: 8.0 % of the images, this far in 3.7 %: chests that are cut off.
MIN_BORDER = 0.1


def note_quality(radiograph: Radiograph, square: NDArray[np.float32]) -> Radiograph:
    """The radiograph with the cautions that its (size, size) square gives cause for."""
    return replace(radiograph, cautions=(*radiograph.cautions, *_gray_cautions(square)))


def lung_cautions(sides: Lungs) -> Iterator[Caution]:
    """What is unusual about lungs that are plausible."""
    lungs = sides.right | sides.left
    edges = lungs[0], lungs[-1], lungs[:, 0], lungs[:, -1]
    if max(edge.mean() for edge in edges) >= MIN_BORDER:
        yield Caution.LUNG_AT_BORDER
    smaller, larger = sorted((sides.right.sum(), sides.left.sum()))
    # Where one was not found, that is said already.
    if 0 < smaller < MIN_LUNG_RATIO * larger:
        yield Caution.LUNGS_UNEQUAL


def _gray_cautions(square: NDArray[np.float32]) -> Iterator[Caution]:
    margin = round(len(square) * (1 - FIELD) / 2)
    field = square[margin : len(square) - margin, margin : len(square) - margin]
    low, high = np.percentile(field, (5, 95))
    if high - low < MIN_GRAY_RANGE:
        yield Caution.LOW_CONTRAST
    saturated = (field <= DISPLAY_STEP) | (field >= 1 - DISPLAY_STEP)
    if saturated.mean() > MAX_SATURATED:
        yield Caution.SATURATED
