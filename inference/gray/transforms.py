"""What the header does to stored values: Modality LUT or rescale (PS3.3 C.11.1), VOI LUTs and
windows (C.11.2).

Each is applied to all values there can be. The direction is the header's own: a slope below zero
turns the picture round, and a window after it does not turn it back.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from inference.gray.lookup_table import read_table
from inference.header import number_of, numbers_of, stored, value_of

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Transformed:
    """What becomes of the values."""

    values: Values  #: (words,)
    is_sound: bool  #: the header says it without contradicting itself


def modality(stored: NDArray[np.int64], header: Dataset) -> Transformed:
    """Stored values in the units of the modality; as they are where the header cannot be used."""
    plain = stored.astype(np.float64)
    sequence = value_of(header, "ModalityLUTSequence")
    if sequence:
        return _through_table(plain, sequence, header)
    slope, intercept = number_of(header, "RescaleSlope"), number_of(header, "RescaleIntercept")
    if slope is None or intercept is None:
        # Absent or empty means none; what is there and is no number was meant to be one.
        return Transformed(plain, not _is_garbled(header, "RescaleSlope", "RescaleIntercept"))
    rescaled = plain * slope + intercept
    # A slope of 0 leaves nothing of the image: it was never meant, and DCMTK ignores it too.
    if slope == 0 or not np.isfinite(rescaled).all():
        return Transformed(plain, is_sound=False)
    return Transformed(rescaled, is_sound=True)


def voi_alternatives(values: Values, header: Dataset) -> Iterator[Transformed]:
    """The VOI LUTs and then the windows, in the header's order and each in units of its own."""
    for item in value_of(header, "VOILUTSequence") or ():
        yield _through_table(values, [item], header)
    centers, widths = numbers_of(header, "WindowCenter"), numbers_of(header, "WindowWidth")
    function = str(value_of(header, "VOILUTFunction")).strip().upper()
    for center, width in zip(centers, widths, strict=False):
        yield Transformed(_through_window(values, center, width, function), is_sound=True)


def _through_table(values: Values, sequence: object, header: Dataset) -> Transformed:
    try:
        table = read_table(sequence[0], values, header)  # type: ignore[index]
    except MemoryError:
        raise
    except Exception:
        # What is called a sequence need not be one, nor hold a table.
        return Transformed(values, is_sound=False)
    return Transformed(table(values), table.is_sound)


def _through_window(values: Values, center: float, width: float, function: str) -> Values:
    """0..1 (C.11.2.1.2, C.11.2.1.3); all 0 where the width is none."""
    if function == "SIGMOID":
        # Beyond 700 the exponential is no longer a number.
        slope = np.clip(-4 * (values - center) / width, -700, 700) if width > 0 else None
        return np.zeros_like(values) if slope is None else 1 / (1 + np.exp(slope))
    if function != "LINEAR_EXACT":
        center, width = center - 0.5, width - 1
    if width <= 0:
        return np.zeros_like(values)
    return np.asarray(np.clip((values - center) / width + 0.5, 0, 1))


def _is_garbled(header: Dataset, *keywords: str) -> bool:
    """Whether one of them holds something, but no number."""
    return any(
        not numbers_of(header, keyword) and str(stored(header, keyword) or "").strip()
        for keyword in keywords
    )
