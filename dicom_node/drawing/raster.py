"""A radiograph's pixels and masks at the size of a screen, and masks back on its own grid.

Masks are (3, rows, columns), True inside: left lung, right lung, infection of both. As PNG they are
the red, green and blue of a picture, 255 inside: a browser can read and write that without loss.
"""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dicom_node.errors import UsageError

Masks = NDArray[np.bool_]

#: Longest side of what is drawn on, in pixels.
LONGEST = 1024
_QUALITY = 92
_HALF = 128


def size_of(rows: int, columns: int) -> tuple[int, int]:
    """(width, height) of what is drawn on."""
    scale = min(1.0, LONGEST / max(rows, columns))
    return max(1, round(columns * scale)), max(1, round(rows * scale))


def picture(pixels: NDArray[np.float32], size: tuple[int, int]) -> bytes:
    """WebP of (rows, columns), 0..1."""
    image = Image.fromarray((pixels * 255).astype(np.uint8)).resize(size, Image.Resampling.BOX)
    return _file(image, "WEBP", quality=_QUALITY)


def as_png(masks: Masks) -> bytes:
    return _file(Image.fromarray(np.moveaxis(masks, 0, -1).astype(np.uint8) * 255), "PNG")


def read_png(content: bytes, size: tuple[int, int]) -> Masks:
    """Raises UsageError where it is none, or of another size."""
    try:
        with Image.open(BytesIO(content), formats=["PNG"]) as image:
            # Asked before anything is decoded: a small file may hold a huge picture.
            is_right = image.size == size
            colors = np.asarray(image.convert("RGB")) if is_right else None
    except MemoryError:
        raise
    except Exception as exc:
        # Of hostile bytes Pillow raises what it likes.
        raise UsageError("what was drawn cannot be read") from exc
    if colors is None:
        width, height = size
        raise UsageError(f"what was drawn is not {width} x {height} pixels, as the radiograph is")
    return np.moveaxis(colors >= _HALF, -1, 0)


def shrunk(masks: Masks, size: tuple[int, int]) -> Masks:
    """Of each pixel of the screen the radiograph's in its middle."""
    width, height = size
    _, rows, columns = masks.shape
    return masks[:, _middles(height, rows)[:, None], _middles(width, columns)]


def enlarged(drawn: Masks, begun: Masks) -> Masks:
    """`drawn`, of the size of a screen, on the grid of `begun`, which it was begun from: where
    nobody drew, its edges stay as fine as they were. What is drawn nowhere is nowhere.
    """
    _, rows, columns = begun.shape
    _, height, width = drawn.shape
    is_changed = drawn != shrunk(begun, (width, height))
    places = np.s_[:, _middles(rows, height)[:, None], _middles(columns, width)]
    result: Masks = np.where(is_changed[places], drawn[places], begun)
    # An edge is finer than the screen shows it, on both sides: where what it was the edge of has
    # been erased, or filled, nothing of it is to be left.
    beside = _spread(is_changed)
    result &= ~(beside & ~_spread(drawn))[places]
    result |= (beside & ~_spread(~drawn))[places]
    return result & drawn.any(axis=(1, 2), keepdims=True)


def _spread(masks: Masks) -> Masks:
    """By one pixel, in all eight directions."""
    padded = np.pad(masks, ((0, 0), (1, 1), (1, 1)))
    _, rows, columns = masks.shape
    spread = np.zeros_like(masks)
    for down in range(3):
        for right in range(3):
            spread |= padded[:, down : down + rows, right : right + columns]
    return spread


def _middles(count: int, of: int) -> NDArray[np.intp]:
    """For `count` pixels in a row, which of `of` pixels in the same length their middles lie in."""
    return ((np.arange(count) + 0.5) * of / count).astype(np.intp)


def _file(image: Image.Image, kind: str, **options: int) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
