"""Regions of the source image as closed polylines, in image coordinates (PS3.3 C.18.6.1.2).

Coordinates are (column, row); 0, 0 is the upper left corner of the upper left pixel, so the
centre of pixel (row r, column c) is (c + 0.5, r + 0.5).
"""

import numpy as np
from numpy.typing import NDArray
from skimage.measure import approximate_polygon, find_contours

from inference.findings import Findings, Laterality, Mask, Task
from sr_writer.case import Case

Polyline = NDArray[np.float64]  #: (points, 2): column, row; the first point again at the end

#: Outlines are traced on every n-th pixel, so that the longer side has about this many: 7 ms
#: instead of 200 ms at 2544 x 3056, and finer than the networks' own grid.
_TRACE_SIZE = 512
#: How far, in traced pixels, a simplified outline may leave the traced one.
_TOLERANCE = 0.7


class Outlines:
    """The outlines of one radiograph's segments, each traced when it is first asked for."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._traced: dict[tuple[Task, Laterality], tuple[Polyline, ...]] = {}

    def of(self, task: Task, side: Laterality) -> tuple[Polyline, ...]:
        """As `trace` gives them."""
        if (task, side) not in self._traced:
            self._traced[task, side] = trace(self._findings.segment(task, side).mask)
        return self._traced[task, side]


def outlines_of(case: Case) -> Outlines:
    """Those that report and presentation state share."""
    return Outlines(case.findings)


def trace(mask: Mask) -> tuple[Polyline, ...]:
    """The outer outline of every region of `mask`, the largest first; none of an empty mask."""
    if not mask.any():
        return ()
    step = max(1, max(mask.shape) // _TRACE_SIZE)
    start = step // 2
    # A frame of background closes the outline of a region that touches the border.
    traced = np.pad(mask[start::step, start::step], 1).astype(np.float32)
    # Holes run the other way round: their area is negative.
    areas = [(_enclosed_area(c), c) for c in find_contours(traced, 0.5)]
    regions = sorted((pair for pair in areas if pair[0] > 0), key=lambda pair: -pair[0])
    simplified = [approximate_polygon(contour, _TOLERANCE)[:, ::-1] for _, contour in regions]
    rows, columns = mask.shape
    polylines = []
    for points in simplified:
        if len(points) >= 4:
            closed: Polyline = np.clip((points - 1) * step + start + 0.5, 0, (columns, rows))
            closed[-1] = closed[0]
            polylines.append(closed)
    # What is too small to be traced is still shown.
    return tuple(polylines) or (bounds(mask),)


def bounds(mask: Mask) -> Polyline:
    """The rectangle around all True pixels of `mask`, which has at least one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return rectangle(columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)


def rectangle(left: float, top: float, right: float, bottom: float) -> Polyline:
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return np.array(corners, np.float64)


def _enclosed_area(contour: NDArray[np.float64]) -> float:
    """By the shoelace formula, in traced pixels; positive around what is inside the mask."""
    y, x = contour[:, 0], contour[:, 1]
    return float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2
