"""Whether a JPEG codestream has the tables that its scan is decoded by (ITU T.81 B.2).

GDCM ends the process where one of them is missing: a header with a damaged byte is enough.
"""

import struct
from collections.abc import Iterator

from inference.decoding.codestream import (
    DHT,
    DQT,
    FRAME_HEADERS,
    SOF0,
    SOF1,
    SOF3,
    SOS,
    marker_segments,
)

#: Table B.5: of DC coefficients, or lossless; of AC coefficients.
_DC, _AC = 0, 1

#: Markers that have a segment, table B.1: not those reserved below, RST, SOI, EOI.
_SEGMENTS = frozenset(range(0xC0, 0xFF)) - frozenset(range(0xD0, 0xDA))


def has_its_tables(frame: bytes) -> bool:
    """Whether segment follows segment up to the first scan, and all that it names is there."""
    process, named = 0, set[int]()
    quantization, huffman = set[int](), set[tuple[int, int]]()
    try:
        for marker, start, end in marker_segments(frame):
            if marker not in _SEGMENTS:
                return False
            segment = frame[start:end]
            if marker in FRAME_HEADERS:
                process, named = marker, set(segment[8::3][: segment[5]])
            elif marker == DQT:
                quantization |= set(_quantization_tables(segment))
            elif marker == DHT:
                huffman |= set(_huffman_tables(segment))
            elif marker == SOS:
                needed = set(_needed(process, segment))
                is_quantized = process == SOF3 or named <= quantization
                return bool(process) and is_quantized and needed <= huffman
    except (struct.error, IndexError):
        pass
    return False


def _needed(process: int, scan: bytes) -> Iterator[tuple[int, int]]:
    """Class and identifier of each Huffman table that a scan header names (B.2.3)."""
    for number in range(scan[0]):
        selectors = scan[2 + 2 * number]
        yield _DC, selectors >> 4
        if process in (SOF0, SOF1):
            yield _AC, selectors & 0x0F


def _quantization_tables(segment: bytes) -> Iterator[int]:
    """B.2.4.1: 64 values of 8 or 16 bits each."""
    at = 0
    while at < len(segment):
        yield segment[at] & 0x0F
        at += 129 if segment[at] >> 4 else 65


def _huffman_tables(segment: bytes) -> Iterator[tuple[int, int]]:
    """B.2.4.2: how many codes there are of each length, then their values."""
    at = 0
    while at < len(segment):
        yield segment[at] >> 4, segment[at] & 0x0F
        at += 17 + sum(segment[at + 1 : at + 17])
