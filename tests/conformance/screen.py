"""Where a picture of a viewer shows a mask, and whether it is painted there."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from inference.findings import Mask

#: Viewers draw an outline of a few pixels around what they fill: stay away from edges.
_EDGE_PIXELS = 6
#: Between the channels of what is gray.
_GRAY_TOLERANCE = 8
Colors = NDArray[np.float64]  #: (..., 3), 0..255


@dataclass(frozen=True, slots=True)
class Screen:
    """A picture, and the affine that takes (column, row) of the image to (x, y) in it."""

    pixels: Colors
    to_picture: NDArray[np.float64]

    def inside(self, mask: Mask) -> Mask:
        """The picture's pixels within a mask on the image's grid, well within its edge."""
        inside: Mask = ndimage.binary_erosion(self._place(mask), iterations=_EDGE_PIXELS)
        return inside

    def outside(self, mask: Mask) -> Mask:
        """The pixels that show the image but not the mask, well beyond its edge."""
        grown: Mask = ndimage.binary_dilation(self._place(mask), iterations=_EDGE_PIXELS)
        return self.inside(np.ones_like(mask)) & ~grown

    def colored(self, shape: tuple[int, int]) -> int:
        """How many of the pixels that show the image, of (rows, columns), are not gray."""
        shown = self.pixels[self.inside(np.ones(shape, np.bool_))]
        return int((np.ptp(shown, axis=-1) > _GRAY_TOLERANCE).sum())

    def middle_of(self, mask: Mask) -> float:
        """The x of the middle of the image that a mask lies on."""
        rows, columns = mask.shape
        return float(self.to_picture[0] @ (columns / 2, rows / 2, 1))

    def _place(self, mask: Mask) -> Mask:
        height, width = self.pixels.shape[:2]
        y, x = np.mgrid[:height, :width] + 0.5
        linear, shift = self.to_picture[:, :2], self.to_picture[:, 2]
        places = np.stack([x, y], axis=-1) - shift
        columns, rows = np.moveaxis(np.floor(places @ np.linalg.inv(linear).T), -1, 0).astype(int)
        exists = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
        placed = np.zeros((height, width), np.bool_)
        placed[exists] = mask[rows[exists], columns[exists]]
        return placed


def read_screen(picture: str, to_picture: list[list[float]]) -> Screen:
    with Image.open(Path(picture)) as image:
        pixels = np.asarray(image.convert("RGB"), np.float64)
    return Screen(pixels, np.array(to_picture))


def opacity(painted: Colors, beneath: Colors, color: tuple[int, int, int]) -> tuple[float, float]:
    """How opaque `color` lies over what is beneath, and how far off this leaves a pixel, 0..255."""
    wanted, found = np.array(color) - beneath, painted - beneath
    share = float((wanted * found).sum() / (wanted**2).sum())
    return share, float(np.abs(found - share * wanted).mean())
