"""The plane a phantom is drawn on, and the rods, tubes and lines drawn there.

Lengths across the image are in chest units: 1 is half the short side of the field, about 18 cm. x
runs to the image's right, y to the feet, (0, 0) is the spine's middle. Thickness along the beam is
in centimetres.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.draw import line

Map = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Centimetres in a chest unit.
UNIT_CM = 18.0


@dataclass(frozen=True, slots=True)
class Grid:
    """Where each pixel of the drawing lies in the patient."""

    x: Map  #: (rows, columns), chest units
    y: Map  #: likewise
    step: float  #: chest units per pixel

    @property
    def shape(self) -> tuple[int, int]:
        return self.x.shape[0], self.x.shape[1]


def lay_grid(
    rows: int,
    columns: int,
    *,
    scale: float = 1.0,
    tilt: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
) -> Grid:
    """A patient seen `scale` times smaller, `tilt` radians askew and moved by `shift`."""
    step = 2.0 * scale / min(rows, columns)
    row, column = np.mgrid[:rows, :columns].astype(np.float64)
    x = (column - (columns - 1) / 2) * step - shift[0]
    y = (row - (rows - 1) / 2) * step - shift[1]
    cos, sin = np.cos(tilt), np.sin(tilt)
    return Grid(x * cos + y * sin, y * cos - x * sin, step)


def blur(values: NDArray[np.generic], grid: Grid, width: float) -> Map:
    """Gaussian of that many chest units."""
    soft: Map = ndimage.gaussian_filter(
        values.astype(np.float64), width / grid.step, mode="nearest", truncate=3.0
    )
    return soft


def disc(grid: Grid, centre: tuple[float, float], radius: float) -> Mask:
    inside: Mask = np.hypot(grid.x - centre[0], grid.y - centre[1]) < radius
    return inside


def rod_cm(grid: Grid, curves: Iterable[Map], radius: float) -> Map:
    """The way through solid rods along the curves."""
    return 2 * UNIT_CM * _half_chord(_distance(grid, curves), radius)


def tube_cm(grid: Grid, curves: Iterable[Map], radius: float, wall: float) -> Map:
    """The way through the walls of hollow rods, as bones are: bright at their edges."""
    away = _distance(grid, curves)
    marrow = 0.85 * _half_chord(away, radius - wall)
    return 2 * UNIT_CM * (_half_chord(away, radius) - marrow)


def lines(grid: Grid, curves: Iterable[Map]) -> Mask:
    """The pixels under the curves, each (points, 2) of (x, y) in chest units."""
    drawn = np.zeros(grid.shape, bool)
    rows, columns = grid.shape
    for curve in curves:
        pixels = _to_pixels(grid, curve)
        for start, end in pairwise(pixels):
            row, column = line(*start, *end)
            keep = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
            drawn[row[keep], column[keep]] = True
    return drawn


def arc(points: Sequence[tuple[float, float]]) -> Map:
    """A smooth curve, (40, 2), from the first of three points by the second to the third."""
    first, middle, last = (np.array(point) for point in points)
    t = np.linspace(0, 1, 40)[:, None]
    control = 2 * middle - (first + last) / 2  # of the quadratic Bezier curve
    return np.asarray((1 - t) ** 2 * first + 2 * t * (1 - t) * control + t**2 * last)


def _distance(grid: Grid, curves: Iterable[Map]) -> Map:
    """Chest units from each pixel to the nearest of the curves."""
    drawn = lines(grid, curves)
    if not drawn.any():
        return np.full(grid.shape, np.inf)
    away: Map = ndimage.distance_transform_edt(~drawn) * grid.step
    return away


def _half_chord(away: Map, radius: float) -> Map:
    return np.sqrt(np.clip(radius**2 - away**2, 0, None))


def _to_pixels(grid: Grid, curve: Map) -> NDArray[np.int64]:
    """(points, 2) of (row, column): the grid is a turned lattice, its corner says it all."""
    corner = np.array([grid.x[0, 0], grid.y[0, 0]])
    right = (np.array([grid.x[0, 1], grid.y[0, 1]]) - corner) / grid.step
    down = np.array([-right[1], right[0]])
    offset = (curve - corner) / grid.step
    pixels: NDArray[np.int64] = np.rint(np.stack([offset @ down, offset @ right], 1)).astype(
        np.int64
    )
    return pixels
