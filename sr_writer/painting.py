"""The radiograph with what was found painted on it: lungs outlined, infection outlined and tinted.

Overlay and page show the same painting; each adds its own words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.findings import Findings, Laterality, Mask, Task
from sr_writer.palette import COLORS

#: The picture's longer side: half of the source's, within these. Text would not be readable on
#: less, and more tells a reader nothing new.
_LONG_EDGE_PX = (1024, 1600)
_INFECTION_OPACITY = 0.4


Sides = tuple[Laterality, Laterality]  #: whose side is where, from the picture's left


@dataclass(frozen=True, slots=True)
class Painting:
    """A picture without words."""

    image: Image.Image  #: RGB, its pixels square, whatever the source's are
    sides: Sides | None  #: None where no lung was found


@dataclass(frozen=True, slots=True)
class _Layer:
    """What is painted on the radiograph."""

    mask: Mask  #: (height, width) of the picture
    color: tuple[int, int, int]
    opacity: float  #: 0..1


def paint(pixels: NDArray[np.float32], findings: Findings) -> Painting:
    """`pixels` (rows, columns), 0..1, bright = dense, with the findings on them."""
    size = _size(pixels.shape, findings.spacing_mm)
    gray = Image.fromarray((pixels * 255).astype(np.uint8))
    # The box filter keeps the mean, so noise is averaged away rather than sampled.
    small = gray.resize(size, Image.Resampling.BOX, reducing_gap=1)
    masks = {
        (segment.task, segment.laterality): _shrink(segment.mask, size)
        for segment in findings.segments
    }
    filled = [(Task.INFECTION, side) for side in Laterality]
    layers = [_Layer(masks[key], COLORS[key], _INFECTION_OPACITY) for key in filled]
    layers += [_Layer(_edge(mask), COLORS[key], 1.0) for key, mask in masks.items()]
    lungs = {side: masks[Task.LUNG, side] for side in Laterality}
    return Painting(_painted(np.asarray(small), layers), _sides_across(lungs))


def _size(shape: tuple[int, ...], spacing_mm: tuple[float, float] | None) -> tuple[int, int]:
    """(width, height) of the picture, its aspect that of the body."""
    row_mm, column_mm = spacing_mm or (1.0, 1.0)
    height, width = shape[0] * row_mm / column_mm, float(shape[1])
    smallest, largest = _LONG_EDGE_PX
    scale = min(max(max(shape) / 2, smallest), largest) / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _shrink(mask: Mask, size: tuple[int, int]) -> Mask:
    """`mask` on a grid of `size` (width, height), each pixel that of the nearest centre."""
    width, height = size
    rows = ((np.arange(height) + 0.5) * mask.shape[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * mask.shape[1] / width).astype(np.intp)
    shrunk: Mask = np.take(mask[rows], columns, axis=1)
    return shrunk


def _painted(gray: NDArray[np.uint8], layers: Sequence[_Layer]) -> Image.Image:
    """The layers on `gray`, a later one over those before it: one look-up for every pixel."""
    top = np.zeros(gray.shape, np.uint16)
    ramp = np.arange(256.0)[:, None].repeat(3, axis=1)
    table = [ramp]
    for number, layer in enumerate(layers, 1):
        np.copyto(top, np.uint16(256 * number), where=layer.mask)
        table.append(ramp * (1 - layer.opacity) + np.multiply(layer.color, layer.opacity))
    colors = np.concatenate(table).astype(np.uint8)
    return Image.fromarray(np.take(colors, top + gray, axis=0))


def _edge(mask: Mask) -> Mask:
    """The inner edge of `mask`, about two pixels wide, one thousandth of the picture."""
    width = max(2, max(mask.shape) // 700)
    inner = mask.copy()
    for axis in (0, 1):
        for shift in (width, -width):
            inner &= np.roll(mask, shift, axis)
    return mask & ~inner


def _sides_across(lungs: Mapping[Laterality, Mask]) -> Sides | None:
    """Whose side is where, from the picture's left; None where no lung was found."""
    places = {side: _centre(mask) for side, mask in lungs.items() if mask.any()}
    if not places:
        return None
    right = places.get(Laterality.RIGHT, 1 - places.get(Laterality.LEFT, 0.5))
    left = places.get(Laterality.LEFT, 1 - right)
    if right <= left:
        return Laterality.RIGHT, Laterality.LEFT
    return Laterality.LEFT, Laterality.RIGHT


def _centre(mask: Mask) -> float:
    """The mean column of `mask`, 0..1 of its width."""
    columns = np.arange(mask.shape[1]) + 0.5
    return float(np.average(columns, weights=mask.sum(axis=0)) / mask.shape[1])
