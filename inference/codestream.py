"""What a compressed frame says of itself, read without decoding it: its size and its end.

Decoders believe the codestream, not the DICOM header: one that declares 60,000 x 60,000 behind a
small header would take all memory before anybody could compare.
"""

import struct

_SOI, _EOI, _SOC, _SIZ = 0xD8, 0xD9, 0x4F, 0x51
#: SOF markers of JPEG (ITU T.81 table B.1) without DHT, JPG, DAC; and JPEG-LS's SOF55.
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
#: The signature box every JP2 file begins with; DICOM wants the bare codestream, not all comply.
_JP2_SIGNATURE = bytes.fromhex("0000000c6a502020")


def declared_size(frame: bytes) -> tuple[int, int] | None:
    """(rows, columns) of a JPEG, JPEG-LS or JPEG 2000 codestream; None where none is found."""
    if frame.startswith(_JP2_SIGNATURE):
        frame = frame[max(0, frame.find(bytes([0xFF, _SOC, 0xFF, _SIZ]))) :]
    try:
        if frame.startswith(bytes([0xFF, _SOC, 0xFF, _SIZ])):
            right, bottom, left, top = struct.unpack_from(">4I", frame, 8)
            return bottom - top, right - left
        if frame.startswith(bytes([0xFF, _SOI])):
            return _jpeg_size(frame)
    except (struct.error, IndexError):
        return None
    return None


def is_complete(frame: bytes) -> bool:
    """Whether a JPEG or JPEG-LS codestream comes to its End Of Image.

    Anywhere, since real files are padded behind it with 00 or FF; within the coded data FF D9
    cannot occur, since JPEG-LS follows each FF with a zero bit (ITU T.87).
    """
    return bytes([0xFF, _EOI]) in frame


def _jpeg_size(frame: bytes) -> tuple[int, int] | None:
    """Walk the marker segments up to the frame header (ITU T.81 B.2.2)."""
    at = 2
    while frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in _FRAME_HEADERS:
            rows, columns = struct.unpack_from(">2H", frame, at + 5)
            return rows, columns
        if marker == _EOI:
            return None
        at += 2 + struct.unpack_from(">H", frame, at + 2)[0]
    return None
