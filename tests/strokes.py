"""Lungs and infection drawn as rectangles, of sizes that tell them apart."""

import numpy as np
from pydicom import Dataset

from tests.readers import Mask

SIDES = ("left", "right")


def rectangle(image: Dataset, rows: slice, columns: slice) -> Mask:
    mask = np.zeros((image.Rows, image.Columns), np.bool_)
    mask[rows, columns] = True
    return mask


def lungs_on(image: Dataset) -> dict[str, Mask]:
    """The patient's: the left one at the image's right. 100 x 100, and 100 x 80 pixels."""
    return {
        "left": rectangle(image, slice(60, 160), slice(180, 280)),
        "right": rectangle(image, slice(60, 160), slice(40, 120)),
    }


def infection_on(image: Dataset) -> dict[str, Mask]:
    """A quarter of the left lung, a tenth of the right."""
    return {
        "left": rectangle(image, slice(60, 110), slice(180, 230)),
        "right": rectangle(image, slice(100, 110), slice(40, 120)),
    }
