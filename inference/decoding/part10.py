"""A Part 10 file to a data set, its pixels included where pydicom alone gives up."""

import struct
import warnings

from pydicom import DataElement, Dataset, dcmread

from inference.decoding.bounded import bounded, refuse_the_too_deep

_PIXEL_DATA = 0x7FE00010
#: (7FE0,0010), OB or OW, of undefined length: compressed pixels, always explicit VR little endian
#: (PS3.5 A.4).
_START = struct.Struct("<HH2sHL")
_ITEM = struct.pack("<HH", 0xFFFE, 0xE000)


def read_part10(content: bytes, *, header_only: bool = False) -> Dataset:
    """The data set, without elements where the file ends before there are any.

    Raises one of many unrelated types where the bytes are no data set.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "End of file reached before delimiter")
        dataset: Dataset = dcmread(bounded(content), stop_before_pixels=header_only)
    if not len(dataset) and not header_only:
        # Where the pixels lack the delimiter at their end, pydicom loses the data set with it.
        dataset = _without_delimiter(content)
    refuse_the_too_deep(dataset)
    return dataset


def length_of_items(data: bytes) -> int:
    """Where the items of compressed pixels end, beyond `data` where the last is cut short.

    Each says its length, so the Sequence Delimitation Item after them adds nothing.
    """
    end = 0
    while data[end : end + 4] == _ITEM and end + 8 <= len(data):
        end += 8 + int(struct.unpack_from("<L", data, end + 4)[0])
    return end


def _without_delimiter(content: bytes) -> Dataset:
    file = bounded(content)
    dataset = dcmread(file, stop_before_pixels=True)
    rest = file.read()
    if len(rest) < _START.size:
        return dataset
    group, element, vr, _, length = _START.unpack_from(rest)
    if (group << 16 | element, length) == (_PIXEL_DATA, 0xFFFFFFFF) and vr in (b"OB", b"OW"):
        items = rest[_START.size :]
        pixels = DataElement(_PIXEL_DATA, vr.decode(), items[: length_of_items(items)])
        pixels.is_undefined_length = True
        dataset.add(pixels)
    return dataset
