"""The stored value in each word of the pixels: High Bit, Bits Stored, sign, padding (PS3.5 8.1.1).

Words of more bits than Bits Stored says wrap round and make a picture that looks like one, so they
are looked for.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import RLELossless

from inference.gray.lookup_table import OTHER_SIGN
from inference.header import number_of, value_of

#: Share of the pixels that must hold more than Bits Stored, and unlike bits, to be no accident.
MIN_SHARE_BEYOND = 0.001
#: Padding of more than this share of the pixels is none: the value was never meant so.
MAX_PADDING = 0.95

#: About this many pixels, evenly spread, stand for all in a histogram.
_SAMPLE = 500_000


@dataclass(frozen=True, slots=True)
class StoredValues:
    """Of each of the 256 or 65536 words there can be."""

    values: NDArray[np.int64]  #: (words,)
    counts: NDArray[np.int64]  #: (words,) about how many pixels hold it; 0 for padding
    is_padding: NDArray[np.bool_]  #: (words,)
    is_doubtful: bool  #: pixels hold more bits than are said to be stored


def stored_values(words: NDArray[Any], precision: int | None, header: Dataset) -> StoredValues:
    """The values in `words`, unsigned (rows, columns).

    `precision` is how many bits a codestream says its samples have, None where nothing does.
    """
    counts = np.bincount(_sample(words).ravel(), minlength=256**words.dtype.itemsize)
    whole = _aligned(len(counts), header)
    bits = int(header.BitsStored)
    is_padding = _padding(_signed(whole, bits, header), counts, header)
    counts = np.where(is_padding, 0, counts)
    is_beyond = _are_beyond(whole, bits, counts, header)
    is_told = precision is not None and precision > bits
    if is_beyond and is_told:
        # The codestream knows what was put into it: the header, written later, is wrong.
        bits = precision or bits
    return StoredValues(_signed(whole, bits, header), counts, is_padding, is_beyond and not is_told)


def _sample(words: NDArray[Any]) -> NDArray[Any]:
    step = max(1, round((words.size / _SAMPLE) ** 0.5))
    return words[::step, ::step]


def _aligned(count: int, header: Dataset) -> NDArray[np.int64]:
    """Each word with its lowest stored bit at 0."""
    words = np.arange(count, dtype=np.int64)
    high_bit = value_of(header, "HighBit")
    # The other codecs deliver their samples from bit 0 on, whatever High Bit says.
    syntax = header.file_meta.TransferSyntaxUID
    is_as_stored = not syntax.is_encapsulated or syntax == RLELossless
    if is_as_stored and isinstance(high_bit, int):
        words = words >> max(0, high_bit + 1 - header.BitsStored)
    return words


def _signed(whole: NDArray[np.int64], bits: int, header: Dataset) -> NDArray[np.int64]:
    """The lowest `bits` of each."""
    values = whole & (2**bits - 1)
    if header.PixelRepresentation != 1:
        return np.asarray(values)
    return np.asarray(np.where(values >= 2 ** (bits - 1), values - 2**bits, values))


def _are_beyond(
    whole: NDArray[np.int64], bits: int, counts: NDArray[np.int64], header: Dataset
) -> bool:
    """Whether the bits above those stored say something: not the sign, not an overlay, and not the
    same of all pixels.
    """
    above = whole >> bits
    overlay = _overlay_bits(header) >> bits
    meaningful = above & ~overlay
    if header.PixelRepresentation == 1:
        # Filled up with the sign, as is usual.
        sign = (whole >> (bits - 1)) & 1
        extended = above == np.where(sign, (len(whole) - 1) >> bits, 0)
        meaningful = np.where(extended, 0, meaningful)
    held = counts > 0
    beyond = held & (meaningful != 0)
    is_varied = len(np.unique(meaningful[held])) > 1
    return bool(is_varied and counts[beyond].sum() > MIN_SHARE_BEYOND * counts.sum())


def _overlay_bits(header: Dataset) -> int:
    """Bits of the pixels in which old files keep overlays (Overlay Bit Position, retired)."""
    bits = 0
    for group in range(0x6000, 0x6020, 2):
        element = header.get((group, 0x0102))
        position = element.value if element is not None else None
        if isinstance(position, int) and (group, 0x3000) not in header:
            bits |= 1 << position
    return bits


def _padding(
    values: NDArray[np.int64], counts: NDArray[np.int64], header: Dataset
) -> NDArray[np.bool_]:
    """Which words are Pixel Padding Value (C.7.5.1.1.2), in whichever sign it is written."""
    first = number_of(header, "PixelPaddingValue")
    if first is None:
        return np.zeros(len(values), np.bool_)
    limit = number_of(header, "PixelPaddingRangeLimit")
    ends = [_in_range(end, values) for end in (first, first if limit is None else limit)]
    low, high = min(ends), max(ends)
    is_padding = (values >= low) & (values <= high)
    # All sixteen bits of the word, where the value is greater than can be stored.
    is_padding[int(first) % len(values)] |= limit is None
    share = counts[is_padding].sum() / max(1, counts.sum())
    return is_padding if share <= MAX_PADDING else np.zeros(len(values), np.bool_)


def _in_range(value: float, values: NDArray[np.int64]) -> float:
    """The value, or what the same bits are in the other sign if only that can be stored."""
    low, high = values.min(), values.max()
    for candidate in (value, value - OTHER_SIGN, value + OTHER_SIGN):
        if low <= candidate <= high:
            return candidate
    return value
