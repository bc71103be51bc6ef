"""Whether compressed pixels are whole: a decoder invents what is missing, and says nothing.

libjpeg fills up with gray, OpenJPEG with nothing, a damaged byte moves all that follows; and what
comes out looks like a radiograph. So before decoding the codestream's own structure is followed to
its end, and afterwards it is asked whether the image ends where the data end.
"""

import re
from io import BytesIO
from struct import Struct
from typing import Any

from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSTransferSyntaxes,
    RLELossless,
)
from rle.rle import decode_segment

from inference.decoding.codestream import EOI, has_all_tile_parts, is_ended
from inference.decoding.jpeg_lossless import is_coded_whole
from inference.decoding.jpeg_steps import has_step
from inference.decoding.jpeg_tables import has_its_tables

_JPEG_DCT = (JPEGBaseline8Bit, JPEGExtended12Bit)
_JPEG_LOSSLESS = (JPEGLossless, JPEGLosslessSV1)
_JPEG_2000 = (JPEG2000Lossless, JPEG2000, HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K)

#: So many equal bytes are no arithmetic code, but a hole that was filled up.
_HOLE = re.compile(rb"(.)\1{511}", re.DOTALL)
#: Bytes in front of the end that the decoder may well read ahead of, or that are padding.
_READ_AHEAD = 8
#: The dearest there is to decode, and no marker: eight ones are no Huffman code (ITU T.81 K.3).
_ONES = b"\xff\0" * _READ_AHEAD

#: Bytes that a segment may give, decoded, before anybody has looked.
_MOST_AT_ONCE = 1 << 30
_RLE_HEADER = Struct("<16L")

CUT_SHORT = "the compressed pixels are cut short"
DAMAGED = "the compressed pixels are damaged"


def fault_before_decoding(frame: bytes, syntax: UID, header: Dataset) -> str | None:
    """What is wrong with a frame, so far as its structure shows; None where nothing is."""
    if syntax == RLELossless:
        return _rle_fault(frame, header)
    if syntax in _JPEG_2000:
        if not has_all_tile_parts(frame):
            return CUT_SHORT
        return f"{DAMAGED}: a part of them is missing" if _HOLE.search(frame) else None
    # CharLS, too, reads on past the end of a stream without one: 7 to 13 s, whatever its size.
    is_jpeg = syntax in (*_JPEG_DCT, *_JPEG_LOSSLESS, *JPEGLSTransferSyntaxes)
    if is_jpeg and not is_ended(frame):
        return CUT_SHORT
    if syntax in (*_JPEG_DCT, *_JPEG_LOSSLESS) and not has_its_tables(frame):
        return f"{DAMAGED}: what is to be decoded by is not there"
    return None


def fault_after_decoding(frame: bytes, syntax: UID, values: NDArray[Any]) -> str | None:
    """What is wrong with a frame that gave `values`; None where nothing is.

    JPEG-LS needs none: CharLS itself compares the two ends.
    """
    if syntax in _JPEG_DCT and values.itemsize == 1:
        return _dct_fault(frame, values)
    if syntax in _JPEG_LOSSLESS and not is_coded_whole(frame, values):
        return f"{DAMAGED}: they are not as long as the image they give"
    return None


def _rle_fault(frame: bytes, header: Dataset) -> str | None:
    """PS3.5 G.5: a segment for each byte of a sample, and each gives that byte of all pixels."""
    count = header.SamplesPerPixel * header.BitsAllocated // 8
    if len(frame) < _RLE_HEADER.size:
        return CUT_SHORT
    says, *starts = _RLE_HEADER.unpack_from(frame)
    ends = [*starts[1:count], len(frame)]
    if says != count or any(a < 64 or a + 2 > b for a, b in zip(starts, ends, strict=False)):
        return f"{DAMAGED}: their segments are not where they should be"
    segments = [frame[a:b] for a, b in zip(starts, ends, strict=False)]
    expected = header.Rows * header.Columns
    if any(_is_a_bomb(segment, expected) for segment in segments):
        return f"{DAMAGED}: they give too many pixels"
    try:
        lengths = {len(decode_segment(segment)) for segment in segments}
    except ValueError:
        return CUT_SHORT
    if lengths == {expected}:
        return None
    return CUT_SHORT if min(lengths) < expected else f"{DAMAGED}: they give too many pixels"


def _is_a_bomb(segment: bytes, expected: int) -> bool:
    """Whether a segment that could fill the memory gives too much: counted, PS3.5 G.3.2.

    Two bytes stand for 128 at most; so few are large enough that the slow way is taken for them.
    """
    if 64 * len(segment) <= max(_MOST_AT_ONCE, 2 * expected):
        return False
    at = size = 0
    while at < len(segment) and size <= 2 * expected:
        header = segment[at]
        at += header + 2 if header < 128 else 2 if header > 128 else 1
        size += header + 1 if header < 128 else 257 - header if header > 128 else 0
    return size > 2 * expected


def _dct_fault(frame: bytes, values: NDArray[Any]) -> str | None:
    """Whether libjpeg, which fills up where it meets the end marker too early and passes over what
    it has no use for, comes to the last row with all of the data, and not with less.
    """
    data = frame[: frame.rfind(bytes([0xFF, EOI]))].rstrip(b"\xff")
    if not _fills_the_image(data + _ONES):
        return CUT_SHORT
    if _fills_the_image(data[:-_READ_AHEAD]):
        return f"{DAMAGED}: the image ends before they do"
    if values.ndim == 2 and has_step(values):
        return f"{DAMAGED}: the image breaks off, and goes on brighter or darker"
    return None


def _fills_the_image(data: bytes) -> bool:
    """Whether data without an end marker, after which libjpeg would invent the rest, do."""
    try:
        with Image.open(BytesIO(data)) as image:
            image.load()
    except OSError:
        return False
    return True
