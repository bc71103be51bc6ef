"""How the source says its stored values become gray (PS3.3 C.11.1, C.11.2), for a presentation
state to repeat: a viewer that applies one forgets the image's own.

Only what is well formed is repeated. A malformed table or window is left out, which shows the
stored values as they are; a viewer given it might show nothing.
"""

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.multival import MultiValue

from inference.findings import Caution, Findings
from inference.header import value_of

_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
#: Of PS3.3 C.11.1.1.2; any other word is replaced by "unspecified".
_RESCALE_TYPES = ("HU", "OD", "US")


def is_grayscale(header: Dataset) -> bool:
    """Whether a Grayscale Softcopy Presentation State may refer to this image."""
    return _text(header, "PhotometricInterpretation") in ("", "MONOCHROME1", "MONOCHROME2")


def grayscale_pipeline(header: Dataset, findings: Findings) -> Dataset:
    """Modality LUT, Softcopy VOI LUT and Presentation LUT Shape, as attributes of an image."""
    pipeline = _modality(header)
    voi = _voi(header)
    if voi is not None:
        pipeline.SoftcopyVOILUTSequence = [voi]
    # Shown as it was analysed: what the pixels contradict is not repeated.
    inverse = _is_inverse(header)
    inverse ^= Caution.POLARITY_CORRECTED in findings.cautions
    pipeline.PresentationLUTShape = "INVERSE" if inverse else "IDENTITY"
    return pipeline


def _is_inverse(header: Dataset) -> bool:
    """As the analysis reads it: the shape counts, where there is one (PS3.3 C.8.11.3.1.2)."""
    shape = _text(header, "PresentationLUTShape")
    if shape in ("INVERSE", "IDENTITY"):
        return shape == "INVERSE"
    return _text(header, "PhotometricInterpretation") == "MONOCHROME1"


def _modality(header: Dataset) -> Dataset:
    pipeline = Dataset()
    table = _first_table(header, "ModalityLUTSequence")
    slope, intercept = (_numbers(header, name) for name in ("RescaleSlope", "RescaleIntercept"))
    if table is not None:
        table.ModalityLUTType = "US"
        pipeline.ModalityLUTSequence = [table]
    elif slope and intercept and slope[0]:
        kind = _text(header, "RescaleType")
        pipeline.RescaleIntercept, pipeline.RescaleSlope = intercept[0], slope[0]
        pipeline.RescaleType = kind if kind in _RESCALE_TYPES else "US"
    return pipeline


def _voi(header: Dataset) -> Dataset | None:
    """The first table, else the first window, of the VOI LUT module."""
    item = Dataset()
    table = _first_table(header, "VOILUTSequence")
    centers, widths = (_numbers(header, name) for name in ("WindowCenter", "WindowWidth"))
    if table is not None:
        item.VOILUTSequence = [table]
        return item
    # PS3.3 C.11.2.1.2: the width of a linear window is at least one.
    if not centers or not widths or widths[0] < 1:
        return None
    item.WindowCenter, item.WindowWidth = centers[0], widths[0]
    function = _text(header, "VOILUTFunction")
    if function in _FUNCTIONS:
        item.VOILUTFunction = function
    return item


def _first_table(header: Dataset, keyword: str) -> Dataset | None:
    """The first item of a LUT sequence, rewritten with explicit VRs; None where malformed."""
    try:
        received = _value(header, keyword)[0]
        entries, first, bits = (int(number) for number in received.LUTDescriptor)
        data = received.LUTData
        if isinstance(data, bytes):
            # Entries of 8 bits may be packed, two to a word (PS3.3 C.11.1.1.1).
            is_packed = bits == 8 and len(data) in (entries, entries + entries % 2)
            data = np.frombuffer(data, "u1")[:entries] if is_packed else np.frombuffer(data, "<u2")
        table = np.asarray(data, np.int64)
    except Exception:
        # Whatever a sequence that is none holds.
        return None
    if len(table) != (entries or 1 << 16) or not 8 <= bits <= 16 or not _fits(table, bits):
        return None
    if not -(1 << 15) <= first < (1 << 16) or (first < 0 and entries >= 1 << 15):
        return None
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [entries, first, bits])
    item.add_new("LUTData", "OW", table.astype("<u2").tobytes())
    return item


def _fits(table: NDArray[np.int64], bits: int) -> bool:
    return bool(table.min(initial=0) >= 0 and table.max(initial=0) < 1 << bits)


def _numbers(header: Dataset, keyword: str) -> list[float]:
    """The values of a DS, each as DS can say it again; none where any is no finite number."""
    value = _value(header, keyword)
    several = value if isinstance(value, MultiValue) else [value]
    try:
        numbers = [float(f"{float(number):.10g}") for number in several]
    except (ValueError, TypeError, OverflowError):
        return []
    return numbers if all(math.isfinite(number) for number in numbers) else []


def _text(header: Dataset, keyword: str) -> str:
    return str(_value(header, keyword) or "").strip()


def _value(header: Dataset, keyword: str) -> Any:
    """The value of an attribute; None where it is absent or cannot be read."""
    with warnings.catch_warnings():
        # A malformed value is this header's habit, not news.
        warnings.simplefilter("ignore")
        return value_of(header, keyword)
