"""Rows that hold one value and nothing else: a part of the image that was lost and filled up.

Borders of one value are ordinary, and a transfer that breaks off looks like one. But no border runs
along a lung, and none is half of the image. Limits were chosen on COVID-QU-Ex Train, the
Radiography Database and Montgomery (9649 images), of which 245 end in flat rows, 2 % of the image
or more.
"""

from itertools import groupby
from typing import Any, TypeAlias

from numpy.typing import NDArray

from inference.findings import Mask

#: Least share of the rows that count as flat where they hold one value together.
MIN_FLAT = 0.01
#: Greatest share of the rows that may be flat at the end. Those images: 0.56 (greatest), 0.40 (the
#: next), 0.38 (the next).
MAX_FLAT = 0.5
#: Share of the columns in which lung must come to the flat rows. Those images: 0.08 (greatest),
#: 0.02 (the next), 0 (all but four).
MIN_TOUCHED = 0.1
#: As near as this share of the rows is to come to them: the network shrinks from an edge.
NEAR = 0.02

_SKIPPED = 50

#: The first row of several, and the first after them.
Run: TypeAlias = tuple[int, int]


def flat_rows(stored: NDArray[Any]) -> tuple[Run, ...]:
    """All but those at the top.

    Of what is stored: in the picture a window makes much flat that is not.

    What is lost on the way is lost after the rows that came first, so a flat top is a border; and
    a row or two is a fault of the detector.
    """
    # Most rows are none by the look of a few pixels.
    is_flat = (stored[:, ::_SKIPPED] == stored[:, :1]).reshape(len(stored), -1).all(axis=1)
    is_flat[is_flat] = [bool((row == row[0]).all()) for row in stored[is_flat]]
    values = [stored[row, 0].tobytes() if flat else None for row, flat in enumerate(is_flat)]
    runs, stop = [], 0
    for value, rows in groupby(values):
        start, stop = stop, stop + len(list(rows))
        if value is not None and start > 0 and stop - start >= MIN_FLAT * len(stored):
            runs.append((start, stop))
    return tuple(runs)


def is_part_missing(lungs: Mask, runs: tuple[Run, ...]) -> bool:
    """Whether flat rows have taken the place of a part of the chest; `lungs` is both of them on
    the same (rows, columns) as the runs.
    """
    rows, columns = lungs.shape
    near = max(1, round(NEAR * rows))
    for start, stop in runs:
        if stop == rows and stop - start > MAX_FLAT * rows:
            return True
        around = lungs[max(0, start - near) : stop + near]
        if around.any(axis=0).sum() >= MIN_TOUCHED * columns:
            return True
    return False
