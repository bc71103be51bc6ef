"""What makes a radiograph harder to judge than usual, told from its gray values, and how they are
spread, to compare the images of a device over time.

A caution is no fault: the figures stand, and a reader is told why to look twice. All limits are on
the upright square of the networks and were chosen with COVID-QU-Ex Train (3728 images), so that an
ordinary radiograph gets none.
"""

from collections.abc import Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class GrayStatistics:
    """How the field of one radiograph looks to the networks.

    Of 200 images of COVID-QU-Ex Val: brightness 0.58 +- 0.10, contrast 0.17 +- 0.04, sharpness
    1.83 +- 0.19. Brightened by 0.3 it is 1.3 of these deviations brighter and 1.2 of them flatter;
    at half the resolution 5.1 of them less sharp, sharpened 1.7 more, and with noise of 0.05 6.7.
    """

    brightness: float  #: 0..1, mean
    contrast: float  #: 0..0.5, standard deviation
    sharpness: float  #: mean of the Laplacian's size over the gradient's, 0..4; 0 of a blank field


def gray_statistics(square: NDArray[np.float32]) -> GrayStatistics:
    """Of a (size, size) square, bright = dense; the same lying on any side."""
    field = _field(square)
    down, across = (np.diff(field, axis=axis) for axis in (0, 1))
    gradient = (np.abs(down).mean() + np.abs(across).mean()) / 2
    curve = np.abs(np.diff(down, axis=0)[:, 1:-1] + np.diff(across, axis=1)[1:-1]).mean()
    sharpness = float(curve / gradient) if gradient else 0.0
    return GrayStatistics(float(field.mean()), float(field.std()), sharpness)


def gray_cautions(square: NDArray[np.float32]) -> Iterator[Caution]:
    """What a (size, size) square gives cause for."""
    field = _field(square)
    low, high = np.percentile(field, (5, 95))
    if high - low < MIN_GRAY_RANGE:
        yield Caution.LOW_CONTRAST
    saturated = (field <= DISPLAY_STEP) | (field >= 1 - DISPLAY_STEP)
    if saturated.mean() > MAX_SATURATED:
        yield Caution.SATURATED


def _field(square: NDArray[np.float32]) -> NDArray[np.float32]:
    margin = round(len(square) * (1 - FIELD) / 2)
    return square[margin : len(square) - margin, margin : len(square) - margin]
