"""A lookup table of the header: Modality, VOI, palette (PS3.3 C.11.1.1.1, C.11.2.1.1, C.7.6.3.1.5).

Real tables contradict their descriptors in depth, in length and in sign. What the data show is
believed then, as DCMTK does, and the contradiction is told.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRBigEndian

from inference.header import numbers_of

#: A 16-bit number and the one that the same bits are in the other sign differ by this.
OTHER_SIGN = 1 << 16

#: Where a descriptor says 0 entries (C.11.1.1.1).
_ENTRIES_OF_ZERO = 1 << 16


@dataclass(frozen=True, slots=True)
class LookupTable:
    """What becomes of `first`, of the value after it, and so on."""

    entries: NDArray[np.uint16]
    first: int
    bits: int  #: of an entry, as the descriptor says: 8 to 16
    is_sound: bool  #: the data are as the descriptor says

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values before and after those mapped get the first and the last entry."""
        places = np.rint(values).astype(np.int64) - self.first
        return self.entries[np.clip(places, 0, len(self.entries) - 1)].astype(np.float64)


def read_table(
    item: Dataset, of: NDArray[np.float64], header: Dataset, prefix: str = "LUT"
) -> LookupTable:
    """The table whose descriptor and data begin with `prefix` in `item`, for the values `of`.

    Raises ValueError where there is none.
    """
    descriptor = [int(number) for number in numbers_of(item, f"{prefix}Descriptor")]
    if len(descriptor) != 3:
        raise ValueError("no lookup table descriptor")
    count, first, bits = descriptor
    count = count % OTHER_SIGN or _ENTRIES_OF_ZERO
    entries = _entries(_little_endian(item, f"{prefix}Data", header), count, bits)
    if not entries.size:
        raise ValueError("an empty lookup table")
    is_sound = entries.size == count and int(entries.max()) < 1 << max(bits, 0)
    return LookupTable(entries[:count], _start(first, count, of), bits, is_sound)


def _little_endian(item: Dataset, keyword: str, header: Dataset) -> bytes:
    """The data as bytes, the less significant of each word first."""
    element = item[keyword]
    data: Any = element.value
    if not isinstance(data, bytes):
        words = np.atleast_1d(np.asarray(data if data is not None else (), np.int64))
        return (words % OTHER_SIGN).astype("<u2").tobytes()
    is_big = header.file_meta.TransferSyntaxUID == ExplicitVRBigEndian
    if is_big and element.VR != "OB":
        return np.frombuffer(data, ">u2").astype("<u2").tobytes()
    return data


def _entries(data: bytes, count: int, bits: int) -> NDArray[np.uint16]:
    """8-bit entries may be packed, two to a word, or one to a word: the length tells."""
    if bits <= 8 and len(data) in (count, count + count % 2):
        return np.frombuffer(data, np.uint8)[:count].astype(np.uint16)
    return np.frombuffer(data[: len(data) // 2 * 2], "<u2")


def _start(first: int, count: int, of: NDArray[np.float64]) -> int:
    """The first value mapped, in the sign in which the table covers more of the values there are.

    The descriptor's VR follows Pixel Representation (C.11.1.1), which some writers forget.
    """
    low, high = float(of.min()), float(of.max())

    def covered(start: int) -> float:
        return min(high, start + count - 1) - max(low, start)

    return max((first, first - OTHER_SIGN, first + OTHER_SIGN), key=covered)
