"""Patient Orientation (0020,0020): how to turn an image upright, and back (PS3.3 C.7.6.1.1.1).

Upright means as radiographs are hung: the head up and the patient's right at the image's left.
"""

from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value", bound=np.generic)

_SIDEWAYS = "LR"
_ALONG = "HF"


@dataclass(frozen=True, slots=True)
class Orientation:
    """How the stored image lies: transpose, then mirror, to have it upright."""

    transposed: bool = False
    mirrored_rows: bool = False  #: top and bottom change places
    mirrored_columns: bool = False  #: left and right change places
    known: bool = True  #: False: the header does not say, so it was taken as upright

    def upright(self, array: NDArray[Value]) -> NDArray[Value]:
        """A (rows, columns) image of the stored grid, upright."""
        return self._mirror(array.T if self.transposed else array)

    def stored(self, array: NDArray[Value]) -> NDArray[Value]:
        """The exact inverse of `upright`."""
        array = self._mirror(array)
        return array.T if self.transposed else array

    def _mirror(self, array: NDArray[Value]) -> NDArray[Value]:
        rows = slice(None, None, -1 if self.mirrored_rows else 1)
        columns = slice(None, None, -1 if self.mirrored_columns else 1)
        return array[rows, columns]


UNKNOWN = Orientation(known=False)
#: The four ways a plate can be put in, none of them mirrored: upright, on its head, on either side.
TURNS = (
    UNKNOWN,
    Orientation(False, True, True, known=False),
    Orientation(True, True, False, known=False),
    Orientation(True, False, True, known=False),
)


def parse(patient_orientation: object) -> Orientation:
    """From the attribute's value: the direction of the rows, then of the columns.

    Each direction is a letter or several, the first the principal one ("LH": left, and a little
    up). The most principal letters that give a frontal image are taken; a value that gives none
    (absent, empty, a lateral's "A\\F") is UNKNOWN.
    """
    if isinstance(patient_orientation, str) or not hasattr(patient_orientation, "__iter__"):
        return UNKNOWN
    directions = [str(value).strip().upper() for value in patient_orientation]
    if len(directions) != 2:
        return UNKNOWN
    row, column = directions
    pairs = sorted(product(enumerate(row), enumerate(column)), key=lambda p: p[0][0] + p[1][0])
    for (_, along_row), (_, along_column) in pairs:
        if along_row in _SIDEWAYS and along_column in _ALONG:
            return Orientation(False, along_column == "H", along_row == "R")
        if along_row in _ALONG and along_column in _SIDEWAYS:
            return Orientation(True, along_row == "H", along_column == "R")
    return UNKNOWN
