"""What a compressed frame says of itself, read without decoding it: its size, its depth, its end.

Decoders believe the codestream, not the DICOM header: one that declares 60,000 x 60,000 behind a
small header would take all memory before anybody could compare.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

SOI, EOI, SOS, DHT, DQT, DRI = 0xD8, 0xD9, 0xDA, 0xC4, 0xDB, 0xDD
#: Baseline, extended sequential, lossless.
SOF0, SOF1, SOF3 = 0xC0, 0xC1, 0xC3
_SOC, _SIZ, _SOT = 0x4F, 0x51, 0x90
#: SOF markers of JPEG (ITU T.81 table B.1) without DHT, JPG, DAC; and JPEG-LS's SOF55.
FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
#: The signature box every JP2 file begins with; DICOM wants the bare codestream, not all comply.
_JP2_SIGNATURE = bytes.fromhex("0000000c6a502020")
_J2K_START = bytes([0xFF, _SOC, 0xFF, _SIZ])


@dataclass(frozen=True, slots=True)
class Declared:
    """What a codestream says its image is."""

    rows: int
    columns: int
    precision: int  #: bits of a sample, the sign among them
    samples: int  #: of a pixel: each takes memory of its own


def declared(frame: bytes) -> Declared | None:
    """Of a JPEG, JPEG-LS or JPEG 2000 codestream; None where nothing is found."""
    frame = _bare(frame)
    try:
        if frame.startswith(_J2K_START):
            right, bottom, left, top = struct.unpack_from(">4I", frame, 8)
            (samples,) = struct.unpack_from(">H", frame, 40)
            return Declared(bottom - top, right - left, (frame[42] & 0x7F) + 1, samples)
        for marker, at, _ in marker_segments(frame):
            if marker in FRAME_HEADERS:
                precision, rows, columns, samples = struct.unpack_from(">B2HB", frame, at)
                return Declared(rows, columns, precision, samples)
    except (struct.error, IndexError):
        return None
    return None


def marker_segments(frame: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of what each segment of a JPEG or JPEG-LS codestream says, to the coded
    data (ITU T.81 B.1.1.4); raises struct.error or IndexError where it ends too early.
    """
    at = 2 if frame.startswith(bytes([0xFF, SOI])) else len(frame)
    while at < len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == EOI:
            return
        end = at + 2 + struct.unpack_from(">H", frame, at + 2)[0]
        yield marker, at + 4, end
        if marker == SOS:
            return
        at = end


def is_ended(frame: bytes) -> bool:
    """Whether a JPEG or JPEG-LS codestream comes to its End Of Image.

    Anywhere, since real files are padded behind it with 00 or FF; within the coded data FF D9
    cannot occur, since they follow each FF with a zero byte or bit (ITU T.81, T.87).
    """
    return bytes([0xFF, EOI]) in frame


def has_all_tile_parts(frame: bytes) -> bool:
    """Whether a JPEG 2000 codestream is as long as its tile-parts say (ITU T.800 A.4.2)."""
    frame = _bare(frame)
    at = 2
    try:
        while frame[at : at + 2] != bytes([0xFF, _SOT]):
            at += 2 + struct.unpack_from(">H", frame, at + 2)[0]
        while frame[at : at + 2] == bytes([0xFF, _SOT]):
            length = struct.unpack_from(">I", frame, at + 6)[0]
            if length == 0:  # up to the end, wherever that is
                return is_ended(frame[at:])
            if length < 14 or at + length > len(frame):
                return False
            at += length
    except (struct.error, IndexError):
        return False
    return True


def _bare(frame: bytes) -> bytes:
    """The codestream in a JP2 file."""
    if frame.startswith(_JP2_SIGNATURE):
        return frame[max(0, frame.find(_J2K_START)) :]
    return frame
