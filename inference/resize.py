"""To the network's upright square, and back to the source's own grid.

The networks were trained on radiographs stretched to a square, so the aspect ratio is given up
here too. Both ways map pixel centres the same, so a mask lies where its pixels were.
"""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.findings import Mask
from inference.orientation import Orientation

_BILINEAR = Image.Resampling.BILINEAR


def fit(pixels: NDArray[np.float32], orientation: Orientation, size: int) -> NDArray[np.float32]:
    """The (size, size) upright square of a (rows, columns) image."""
    # Downwards Pillow widens its kernel to the scale: an average over area, without aliasing.
    square = Image.fromarray(pixels).resize((size, size), _BILINEAR)
    # Turning the small image gives the same as turning the large one.
    return np.ascontiguousarray(orientation.upright(np.asarray(square)))


def restore(
    square: NDArray[np.float32], orientation: Orientation, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """The inverse of `fit`: a map of the upright square on a grid of `shape` (rows, columns)."""
    stored = np.ascontiguousarray(orientation.stored(square))
    return np.asarray(Image.fromarray(stored).resize((shape[1], shape[0]), _BILINEAR))


def restore_mask(
    square: NDArray[np.float32],
    orientation: Orientation,
    shape: tuple[int, int],
    threshold: float,
) -> Mask:
    """Where `restore` is above `threshold`, computed only where it can be.

    Thresholding after the enlargement, not before, gives outlines as smooth as the map.
    """
    mask = np.zeros(shape, np.bool_)
    stored = np.ascontiguousarray(orientation.stored(square))
    above: Mask = stored > threshold
    if not above.any():
        return mask
    rows = _reach(np.asarray(above.any(axis=1)), shape[0])
    columns = _reach(np.asarray(above.any(axis=0)), shape[1])
    scale_y, scale_x = (side / length for side, length in zip(stored.shape, shape, strict=True))
    # Pillow's box takes the neighbours outside it into account: the values are restore's own.
    box = (
        columns.start * scale_x, rows.start * scale_y, columns.stop * scale_x, rows.stop * scale_y,
    )  # fmt: skip
    size = (columns.stop - columns.start, rows.stop - rows.start)
    part = Image.fromarray(stored).resize(size, _BILINEAR, box=box)
    mask[rows, columns] = np.asarray(part) > threshold
    return mask


def _reach(inside: Mask, length: int) -> slice:
    """On an axis of `length`, all that bilinear interpolation can make of the cells `inside`."""
    first, last = np.flatnonzero(inside)[[0, -1]]
    scale = length / len(inside)
    return slice(
        max(0, math.floor((first - 1) * scale)), min(length, math.ceil((last + 2) * scale))
    )
