"""Stored values to 0..1, bright = dense: the whole gray chain as one lookup table.

Modality LUT or rescale (PS3.3 C.11.1), VOI LUT or window (C.11.2), inversion of MONOCHROME1
(C.7.6.3.1.2) are computed for each of the 256 or 65536 words there can be, then looked up once for
each pixel: 9 ms for 2544 x 3056, whatever the chain.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_rescale, apply_windowing
from pydicom.uid import ExplicitVRBigEndian, RLELossless

from inference.decoders import undecodable
from inference.elements import value_of

Values = NDArray[np.float64]

#: Percent of the pixels left out at either end where no usable window is given.
STRETCH_PERCENTILES = (0.5, 99.5)
#: A window that leaves fewer of the pixels than this between black and white is useless.
MIN_SHARE_BETWEEN = 0.05
#: As near to black or white as this counts as such: one step of an 8-bit display.
DISPLAY_STEP = 1 / 255
#: ITU-R BT.601 weights of red, green, blue.
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)

#: Rows looked up at a time: their indices stay in the cache.
_ROWS_AT_ONCE = 32
#: About this many pixels, evenly spread, stand for all in a histogram.
_SAMPLE = 500_000


def to_gray(stored: NDArray[Any], header: Dataset) -> NDArray[np.float32]:
    """(rows, columns) float32 0..1, bright = dense, of what `decoders.decode` gives."""
    if stored.ndim == 3:
        gray = stored @ (LUMINANCE / np.iinfo(stored.dtype).max)
        return np.asarray(gray, np.float32)
    native = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    words = native.view(f"u{native.dtype.itemsize}")
    return _look_up(_table(words, header), words)


def _table(words: NDArray[Any], header: Dataset) -> NDArray[np.float32]:
    """The gray of each word that `words` could hold."""
    values = _stored_values(words.dtype.itemsize, header)
    if header.PhotometricInterpretation == "PALETTE COLOR":
        try:
            colours = apply_color_lut(values.astype(words.dtype), header)
        except Exception as exc:
            # Tables that are absent, or shorter than they say.
            raise undecodable(header, f"the colour palette cannot be read ({exc})") from exc
        return np.asarray(colours @ (LUMINANCE / np.iinfo(colours.dtype).max), np.float32)
    counts = np.bincount(_sample(words).ravel(), minlength=len(values))
    padding = _padding(values, header)
    counts[padding] = 0
    gray = _windowed(_modality(values, header), counts, header)
    # Presentation LUT Shape INVERSE is MONOCHROME1's companion (C.8.11.3.1.2), not a second one.
    if header.PhotometricInterpretation == "MONOCHROME1":
        gray = 1 - gray
    # Padding is no tissue: as dark as air.
    gray[padding] = 0
    return gray.astype(np.float32)


def _look_up(table: NDArray[np.float32], words: NDArray[Any]) -> NDArray[np.float32]:
    gray = np.empty(words.shape, np.float32)
    for start in range(0, len(words), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        # No word is out of range; "clip" only spares the check that would buffer the output.
        np.take(table, words[rows], out=gray[rows], mode="clip")
    return gray


def _stored_values(itemsize: int, header: Dataset) -> NDArray[np.int64]:
    """The stored value in each word (PS3.5 8.1.1): High Bit, Bits Stored and sign."""
    words = np.arange(256**itemsize)
    bits = header.BitsStored
    high_bit = value_of(header, "HighBit")
    # The other codecs deliver their samples from bit 0 on, whatever High Bit says.
    syntax = header.file_meta.TransferSyntaxUID
    is_as_stored = not syntax.is_encapsulated or syntax == RLELossless
    if is_as_stored and isinstance(high_bit, int):
        words = words >> max(0, high_bit + 1 - bits)
    values = words & (2**bits - 1)
    if header.PixelRepresentation == 1:
        values = np.where(values >= 2 ** (bits - 1), values - 2**bits, values)
    return np.asarray(values, np.int64)


def _sample(words: NDArray[Any]) -> NDArray[Any]:
    step = max(1, round((words.size / _SAMPLE) ** 0.5))
    return words[::step, ::step]


def _padding(values: NDArray[np.int64], header: Dataset) -> NDArray[np.bool_]:
    """Which words are Pixel Padding Value (C.7.5.1.1.2)."""
    first = value_of(header, "PixelPaddingValue")
    if not isinstance(first, int):
        return np.zeros(len(values), np.bool_)
    limit = value_of(header, "PixelPaddingRangeLimit")
    last = limit if isinstance(limit, int) else first
    return (values >= min(first, last)) & (values <= max(first, last))


def _modality(values: NDArray[np.int64], header: Dataset) -> Values:
    plain = values.astype(np.float64)
    try:
        sequence = value_of(header, "ModalityLUTSequence")
        mapped = (
            _through_lut(plain, sequence[0], header)
            if sequence
            else np.asarray(apply_rescale(plain, header), np.float64)
        )
    except Exception:
        # A table that contradicts its own descriptor, a slope that is no number.
        return plain
    return mapped if np.isfinite(mapped).all() else plain


def _windowed(values: Values, counts: NDArray[np.int64], header: Dataset) -> Values:
    """The first of the header's VOI LUTs and windows that is of use, else a robust stretch."""
    for transform in _voi_transforms(header):
        try:
            gray = transform(values)
        except Exception:
            # Zero width, a table shorter than it says: as if it were not there.
            continue
        if np.isfinite(gray).all() and np.ptp(gray) > 0:
            gray = _scaled(gray, float(gray.min()), float(gray.max()))
            if _is_useful(gray, counts):
                return gray
    return _stretched(values, counts, header)


def _voi_transforms(header: Dataset) -> Iterator[Callable[[Values], Values]]:
    for item in value_of(header, "VOILUTSequence") or ():
        yield partial(_through_lut, item=item, header=header)
    windows = 0 if value_of(header, "WindowCenter") is None else header["WindowCenter"].VM
    for index in range(windows):
        yield partial(apply_windowing, ds=header, index=index)


def _through_lut(values: Values, item: Dataset, header: Dataset) -> Values:
    """One item of a Modality or VOI LUT Sequence (PS3.3 C.11.1.1.1, C.11.2.1.1).

    pydicom's own fail on files that exist: it knows no Modality LUT of other depths than 8 and 16,
    and counts the entries of an 8-bit VOI LUT in 8 bits.
    """
    entries, first, _ = (int(number) for number in item.LUTDescriptor)
    data = item.LUTData
    if isinstance(data, bytes):
        is_big = header.file_meta.TransferSyntaxUID == ExplicitVRBigEndian
        data = np.frombuffer(data, ">u2" if is_big else "<u2")
    table = np.asarray(data, np.float64)[: entries or 65536]
    return table[np.clip(np.rint(values).astype(np.int64) - first, 0, len(table) - 1)]


def _is_useful(gray: Values, counts: NDArray[np.int64]) -> bool:
    between = (gray > DISPLAY_STEP) & (gray < 1 - DISPLAY_STEP)
    return bool(counts[between].sum() >= MIN_SHARE_BETWEEN * counts.sum())


def _stretched(values: Values, counts: NDArray[np.int64], header: Dataset) -> Values:
    """8-bit images as they are, others between two percentiles of their pixels."""
    if header.BitsAllocated == 8 and not value_of(header, "ModalityLUTSequence"):
        return _scaled(values, float(values.min()), float(values.max()))
    return _scaled(values, *_percentiles(values, counts))


def _scaled(values: Values, low: float, high: float) -> Values:
    """0..1 between `low` and `high`."""
    return np.clip((values - low) / max(high - low, 1e-9), 0, 1)


def _percentiles(values: Values, counts: NDArray[np.int64]) -> tuple[float, float]:
    """The values below which STRETCH_PERCENTILES of the pixels lie."""
    order = np.argsort(values, kind="stable")
    share = np.cumsum(counts[order]) / max(1, counts.sum())
    places = np.searchsorted(share, np.array(STRETCH_PERCENTILES) / 100)
    low, high = values[order[np.minimum(places, len(order) - 1)]]
    return float(low), float(high)
