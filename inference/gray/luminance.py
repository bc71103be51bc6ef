"""Colours to gray: a radiograph stored in colour is gray all the same."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels.processing import apply_color_lut

from inference.decoding.pixel_description import undecodable
from inference.gray.lookup_table import read_table
from inference.gray.transforms import Transformed

#: ITU-R BT.601 weights of red, green, blue.
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def luminance_of_colours(colours: NDArray[Any], header: Dataset) -> NDArray[np.float32]:
    """(rows, columns) 0..1 of (rows, columns, 3) red, green, blue."""
    peak = 2 ** int(header.BitsStored) - 1
    return np.clip(np.asarray(colours @ (LUMINANCE / np.float32(peak)), np.float32), 0, 1)


def luminance_of_palette(stored: NDArray[np.int64], header: Dataset) -> Transformed:
    """The gray of each stored value (C.7.6.3.1.5); raises UndecodableImage."""
    try:
        if "SegmentedRedPaletteColorLookupTableData" in header:
            colours = apply_color_lut(stored, header)
            peak = np.iinfo(colours.dtype).max
            return Transformed(np.clip(colours[..., :3] @ LUMINANCE / peak, 0, 1), is_sound=True)
        return _through_tables(stored.astype(np.float64), header)
    except Exception as exc:
        # Tables that are absent or empty: without them the pixels mean nothing.
        raise undecodable(header, f"the colour palette cannot be read ({exc})") from exc


def _through_tables(stored: NDArray[np.float64], header: Dataset) -> Transformed:
    gray = np.zeros(len(stored))
    is_sound = True
    for colour, weight in zip(("Red", "Green", "Blue"), LUMINANCE, strict=True):
        table = read_table(header, stored, header, f"{colour}PaletteColorLookupTable")
        peak = max(2**table.bits - 1, int(table.entries.max()))
        gray += float(weight) * table(stored) / peak
        is_sound &= table.is_sound
    return Transformed(np.clip(gray, 0, 1), is_sound)
