"""Rows that hold one value and nothing else: a part of the image that was lost and filled up.

Borders of one value are ordinary, and a transfer that breaks off looks like one. But no border runs
along a lung, and none is half of the image. Limits were chosen on COVID-QU-Ex Train, the
Radiography Database and Montgomery (9649 images), of which 245 end in flat rows, 2 % of the image
or more.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.decode import Radiograph
from inference.findings import Caution
from inference.postprocess import Masks

#: Greatest share of the rows that may be flat at the end. Those images: 0.56 (greatest), 0.40 (the
#: next), 0.38 (the next).
MAX_FLAT = 0.5
#: Share of the columns in which lung must come to the flat rows. Those images: 0.08 (greatest),
#: 0.02 (the next), 0 (all but four).
MIN_TOUCHED = 0.1
#: As near as this share of the rows is to come to them: the network shrinks from an edge.
NEAR = 0.02


def note_missing(masks: Masks, radiograph: Radiograph) -> Masks:
    """The masks with a caution where flat rows have taken the place of a part of the chest."""
    if not _is_part_missing(masks, radiograph.flat_rows, radiograph.pixels.shape):
        return masks
    return replace(masks, cautions=(*masks.cautions, Caution.PART_MISSING))


def _is_part_missing(
    masks: Masks, runs: tuple[tuple[int, int], ...], shape: tuple[int, ...]
) -> bool:
    rows, columns = shape[0], shape[1]
    near = max(1, round(NEAR * rows))
    lungs: NDArray[Any] = np.logical_or(*masks.lung.values())
    for start, stop in runs:
        if stop == rows and stop - start > MAX_FLAT * rows:
            return True
        around = lungs[max(0, start - near) : stop + near]
        if around.any(axis=0).sum() >= MIN_TOUCHED * columns:
            return True
    return False
