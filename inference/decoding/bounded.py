"""A data set read in so many pieces at most, and in items so deep.

pydicom keeps an object for each element and item: of 20 MB of empty items it makes 2 GB, in
minutes. And what it has read, nobody can copy where the items lie too deep within each other.
"""

import zlib
from collections.abc import Callable
from io import BytesIO

from pydicom import DataElement, Dataset
from pydicom.filereader import _read_file_meta_info, read_dataset, read_preamble
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian
from pydicom.valuerep import VR

from inference.decoding.deflated import inflates_beyond

#: Pieces: two for an element, one for an item. Real radiographs have some hundreds.
MOST_PIECES = 20_000
#: Items within items; reports have ten.
DEEPEST = 40
#: Bytes of a data set that comes deflated: the largest radiograph there is, several times over.
MAX_INFLATED = 1 << 30
#: Bytes in which the File Meta Information names the transfer syntax (PS3.10 7.1).
_META_WITHIN = 4096

#: Whether not to read on, of an element's tag, VR and length.
StopWhen = Callable[[BaseTag, str | None, int], bool]


class _Bounded(BytesIO):
    """Raises ValueError instead of the piece that is one too many."""

    def __init__(self, content: bytes, most: int) -> None:
        super().__init__(content)
        self._most = self._left = most

    def read(self, size: int | None = -1) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"it has more than {self._most // 2} elements and items")
        return super().read(size)


def bounded(content: bytes, stop_when: StopWhen | None = None) -> BytesIO:
    """A Part 10 file for pydicom to read; `stop_when`: as pydicom will be told.

    Raises ValueError, or what pydicom does, where a deflated data set is too much: there pydicom
    reads from a buffer of its own.
    """
    if DeflatedExplicitVRLittleEndian.encode() in content[:_META_WITHIN]:
        _try_inflated(content, stop_when)
    return _Bounded(content, MOST_PIECES)


def refuse_the_too_deep(dataset: Dataset) -> None:
    """Raises ValueError. What has a length pydicom has not read yet, and copies as it is."""
    waiting = [(dataset, 0)]
    while waiting:
        one, depth = waiting.pop()
        if depth > DEEPEST:
            raise ValueError(f"it has items within items, more than {DEEPEST} deep")
        for element in one.values():
            if isinstance(element, DataElement) and element.VR == VR.SQ:
                waiting += [(item, depth + 1) for item in element.value]


def _try_inflated(content: bytes, stop_when: StopWhen | None) -> None:
    file = BytesIO(content)
    read_preamble(file, force=False)
    meta = _read_file_meta_info(file)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return
    deflated = content[file.tell() :]
    if inflates_beyond(deflated, MAX_INFLATED):
        raise ValueError(f"inflated, it is larger than {MAX_INFLATED >> 20} MiB")
    inflated = zlib.decompress(deflated, -zlib.MAX_WBITS)
    read_dataset(_Bounded(inflated, MOST_PIECES), False, True, stop_when=stop_when)
