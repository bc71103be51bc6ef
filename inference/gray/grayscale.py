"""Stored values to 0..1, bright = dense: the whole gray chain as one lookup table.

Modality LUT or rescale (PS3.3 C.11.1), VOI LUT or window (C.11.2), inversion of MONOCHROME1
(C.7.6.3.1.2) are computed for each of the 256 or 65536 words there can be, then looked up once for
each pixel: 9 ms for 2544 x 3056, whatever the chain. The picture is DCMTK's
(`tests/inference/gray/test_dcmtk_picture.py`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from inference.decoding.decoders import StoredPixels
from inference.gray.luminance import luminance_of_colours, luminance_of_palette
from inference.gray.stored_values import StoredValues, stored_values
from inference.gray.transforms import Transformed, Values, modality, voi_alternatives
from inference.header import value_of

#: Percent of the pixels left out at either end where no usable window is given.
STRETCH_PERCENTILES = (0.5, 99.5)
#: A window that leaves fewer of the pixels than this between black and white is useless.
MIN_SHARE_BETWEEN = 0.05
#: As near to black or white as this counts as such: one step of an 8-bit display.
DISPLAY_STEP = 1 / 255

#: Rows looked up at a time: their indices stay in the cache.
_ROWS_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Gray:
    """The picture, and whether it is surely the one that was meant."""

    pixels: NDArray[np.float32]  #: (rows, columns), 0..1, bright = dense
    is_doubtful: bool  #: the header contradicts the stored values, or itself


def to_gray(stored: StoredPixels, header: Dataset) -> Gray:
    """The picture of what `decoders.decode` gives; raises UndecodableImage."""
    if stored.values.ndim == 3:
        return Gray(luminance_of_colours(stored.values, header), is_doubtful=False)
    native = stored.values.astype(stored.values.dtype.newbyteorder("="), copy=False)
    words = native.view(f"u{native.dtype.itemsize}")
    of_words = stored_values(words, stored.precision, header)
    gray = _gray(of_words, header)
    pixels = _look_up(gray.values.astype(np.float32), words)
    return Gray(pixels, of_words.is_doubtful or not gray.is_sound)


def _gray(stored: StoredValues, header: Dataset) -> Transformed:
    """The gray of each word there can be."""
    if header.PhotometricInterpretation == "PALETTE COLOR":
        return luminance_of_palette(stored.values, header)
    rescaled = modality(stored.values, header)
    shown = _windowed(rescaled.values, stored.counts, header)
    gray = 1 - shown.values if _is_inverse(header) else shown.values
    # Padding is no tissue: as dark as air.
    gray = np.where(stored.is_padding, 0, gray)
    return Transformed(gray, rescaled.is_sound and shown.is_sound)


def _look_up(table: NDArray[np.float32], words: NDArray[Any]) -> NDArray[np.float32]:
    gray = np.empty(words.shape, np.float32)
    for start in range(0, len(words), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        # No word is out of range; "clip" only spares the check that would buffer the output.
        np.take(table, words[rows], out=gray[rows], mode="clip")
    return gray


def _is_inverse(header: Dataset) -> bool:
    """Presentation LUT Shape INVERSE goes with MONOCHROME1 (C.8.11.3.1.2) and does not invert it
    once more; where the two contradict each other, DCMTK and dcm4che believe the shape.
    """
    shape = value_of(header, "PresentationLUTShape")
    if shape in ("INVERSE", "IDENTITY"):
        return bool(shape == "INVERSE")
    return bool(header.PhotometricInterpretation == "MONOCHROME1")


def _windowed(values: Values, counts: NDArray[np.int64], header: Dataset) -> Transformed:
    """The first of the header's VOI LUTs and windows that is of use, else a robust stretch."""
    is_sound = True
    for voi in voi_alternatives(values, header):
        is_sound &= voi.is_sound
        if np.isfinite(voi.values).all() and np.ptp(voi.values) > 0:
            gray = _scaled(voi.values, float(voi.values.min()), float(voi.values.max()))
            if _is_useful(gray, counts):
                return Transformed(gray, is_sound)
    return Transformed(_stretched(values, counts, header), is_sound)


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
