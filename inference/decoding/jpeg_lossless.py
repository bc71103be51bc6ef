"""Lossless JPEG (ITU T.81 annex H): how many bits an image takes when it is coded.

A decoder that meets the end of its data, or a damaged byte, invents the rest and says nothing. But
what it made of the stream takes, coded again, another number of bits than the stream has.
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.decoding.codestream import DHT, DRI, EOI, SOF3, SOS, marker_segments

#: Whole bytes of 0 that a writer may leave behind the last pixel.
_MAX_PADDING = 8
#: Rows taken at a time: they stay in the cache.
_ROWS_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class _Coding:
    """How the only component of a frame is coded."""

    precision: int
    predictor: int  #: 1..7 (table H.1)
    shift: int  #: point transform
    lengths: NDArray[np.int64]  #: (17,) bits of the code of each category; 0 where it has none
    data: bytes  #: coded, from behind the scan header


def is_coded_whole(frame: bytes, image: NDArray[Any]) -> bool:
    """Whether `image`, (rows, columns) as decoded, takes all of the frame's bits and no more.

    True too where the frame is coded as radiographs are not: in several components, in intervals.
    """
    try:
        coding = _coding(frame)
    except (struct.error, IndexError, KeyError):
        return False
    if coding is None or image.ndim != 2:
        return True
    needed = _bits_of(image, coding)
    if needed is None:
        return False
    data = _coded(coding.data)
    spare = data[-(-needed // 8) :]
    return needed <= 8 * len(data) and len(spare) <= _MAX_PADDING and not spare.strip(b"\0")


def _coding(frame: bytes) -> _Coding | None:
    tables: dict[int, NDArray[np.int64]] = {}
    precision = 0
    for marker, start, end in marker_segments(frame):
        if marker == SOF3 and frame[start + 5] == 1:
            precision = frame[start]
        elif marker == DHT:
            tables |= _code_lengths(frame[start:end])
        elif marker == DRI and any(frame[start:end]):
            return None
        elif marker == SOS and precision:
            table = tables[frame[start + 2] >> 4]
            predictor, shift = frame[start + 3], frame[start + 5] & 0x0F
            return _Coding(precision, predictor, shift, table, frame[end:])
    return None


def _code_lengths(segment: bytes) -> dict[int, NDArray[np.int64]]:
    """Of each table in a DHT segment, the bits that each category's code has (B.2.4.2)."""
    tables = {}
    while segment:
        counts = segment[1:17]
        lengths = np.zeros(17, np.int64)
        at = 17
        for bits, count in enumerate(counts, start=1):
            categories = [category for category in segment[at : at + count] if category <= 16]
            lengths[categories] = bits
            at += count
        tables[segment[0] & 0x0F] = lengths
        segment = segment[at:]
    return tables


def _coded(data: bytes) -> bytes:
    """The coded data up to its end, without what is stuffed in behind each FF."""
    end = data.find(bytes([0xFF, EOI]))
    return (data[:end] if end >= 0 else data).rstrip(b"\xff").replace(b"\xff\0", b"\xff")


def _bits_of(image: NDArray[Any], coding: _Coding) -> int | None:
    """None where the image has a difference that the frame has no code for."""
    samples = image.astype(np.uint16, copy=False)
    mask, shift = np.uint16(2**coding.precision - 1), np.uint16(coding.shift)
    first = 1 << (coding.precision - coding.shift - 1)
    cost = _cost_of_differences(coding.lengths)
    bits = 0
    for start in range(0, len(samples), _ROWS_AT_ONCE):
        # With the row above, of which nothing is counted but in the first.
        rows = (samples[max(0, start - 1) : start + _ROWS_AT_ONCE] & mask) >> shift
        differences = _differences(rows, coding.predictor, first)[bool(start) :]
        taken = np.take(cost, differences, mode="clip")
        if not taken.all():
            return None
        bits += int(taken.sum(dtype=np.int64))
    return bits


def _cost_of_differences(lengths: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Bits that each of the 65536 differences takes; 0 where it has no code."""
    difference = np.arange(1 << 16, dtype=np.int64).astype(np.uint16).view(np.int16)
    size = np.abs(difference.astype(np.int64))
    category = np.ceil(np.log2(size + 1)).astype(np.int64)
    code = lengths[category]
    # 32768 is a category of its own, and needs no more bits (H.1.2.2).
    return np.where(code > 0, code + np.where(category == 16, 0, category), 0).astype(np.uint8)


def _differences(samples: NDArray[np.uint16], predictor: int, first: int) -> NDArray[np.uint16]:
    """Each sample less what is predicted for it, modulo 65536 (H.1.2.1)."""
    predicted = np.empty_like(samples)
    predicted[0, 0] = first
    predicted[0, 1:] = samples[0, :-1]
    predicted[1:, 0] = samples[:-1, 0]
    predicted[1:, 1:] = _predicted(samples[1:, :-1], samples[:-1, 1:], samples[:-1, :-1], predictor)
    return samples - predicted


def _predicted(
    left: NDArray[np.uint16], above: NDArray[np.uint16], corner: NDArray[np.uint16], predictor: int
) -> NDArray[np.uint16]:
    """Table H.1."""
    if predictor <= 3:
        return (left, above, corner)[predictor - 1]
    if predictor == 4:
        return left + above - corner
    a, b, c = (side.astype(np.int32) for side in (left, above, corner))
    if predictor == 5:
        predicted = a + ((b - c) >> 1)
    elif predictor == 6:
        predicted = b + ((a - c) >> 1)
    else:
        predicted = (a + b) >> 1
    return predicted.astype(np.uint16)
