"""DICOM to a Radiograph: pixels that are bright where the body is dense, and what the header says.

Reads the pixels through `decoders` and `grayscale`, and nothing else of the header than spacing,
orientation and presentation intent. A real header is poor: everything but the pixels may be
missing, and each assumption is a Caution.
"""

import copy
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from inference.decoding.decoders import decode
from inference.decoding.flat_rows import Run, flat_rows
from inference.decoding.part10 import read_part10
from inference.decoding.pixel_description import UndecodableImage
from inference.findings import Caution, SpacingSource
from inference.gray.grayscale import to_gray
from inference.header import numbers_of, value_of
from inference.orientation import Orientation, parse
from inference.patient_age import is_minor

__all__ = ["Radiograph", "UndecodableImage", "read_radiograph"]

_PIXEL_DATA_GROUP = 0x7FE00000


@dataclass(frozen=True, slots=True)
class Radiograph:
    """One decoded image."""

    sop_instance_uid: str  #: "" where the header has none
    pixels: NDArray[np.float32]  #: (rows, columns), 0..1, bright = dense
    spacing_mm: tuple[float, float] | None  #: (row, column), None where unknown
    spacing_source: SpacingSource
    orientation: Orientation
    header: Dataset  #: the whole header without pixels; the reader's own copy
    cautions: tuple[Caution, ...]
    #: of rows that all hold one value, but for those at the top
    flat_rows: tuple[Run, ...] = ()

    def with_cautions(self, *cautions: Caution) -> "Radiograph":
        """The same, with further cautions."""
        return replace(self, cautions=(*self.cautions, *cautions))


def read_radiograph(source: Path | bytes | Dataset) -> Radiograph:
    """Decode a DICOM file, its bytes, or a data set, which is not altered.

    Raises UndecodableImage, and OSError where the file cannot be opened.
    """
    # Malformed values are these files' habit, not news: pydicom would warn of each one.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = source if isinstance(source, Dataset) else _read(source)
        uid = str(value_of(dataset, "SOPInstanceUID") or "")
        stored = decode(dataset)
        header = _without_pixels(dataset)
        gray = to_gray(stored, header)
        spacing_mm, spacing_source = _spacing(header)
        orientation = parse(value_of(header, "PatientOrientation"))
    return Radiograph(
        sop_instance_uid=uid,
        pixels=gray.pixels,
        spacing_mm=spacing_mm,
        spacing_source=spacing_source,
        orientation=orientation,
        header=header,
        flat_rows=flat_rows(stored.values),
        cautions=tuple(_cautions(header, spacing_source, orientation, gray.is_doubtful)),
    )


def _read(source: Path | bytes) -> Dataset:
    name = str(source) if isinstance(source, Path) else f"{len(source)} bytes"
    content = source.read_bytes() if isinstance(source, Path) else source
    try:
        return read_part10(content)
    except Exception as exc:
        # pydicom raises a dozen unrelated types, OSError too, on bytes that are no data set.
        raise UndecodableImage(f"{name}: not a readable DICOM file ({exc})") from exc


def _without_pixels(dataset: Dataset) -> Dataset:
    """A deep copy of all that lies before the pixels; they would be the bulk of it."""
    # A slice of pydicom's would parse what is empty, and stumble over a VR that nobody knows.
    before = sorted(tag for tag in dataset.keys() if tag < _PIXEL_DATA_GROUP)  # noqa: SIM118 - iterating parses
    header = Dataset({tag: dataset.get_item(tag, keep_deferred=True) for tag in before})
    is_implicit, is_little_endian = dataset.original_encoding
    header.set_original_encoding(is_implicit, is_little_endian, dataset.original_character_set)
    header = copy.deepcopy(header)
    header.file_meta = copy.deepcopy(dataset.file_meta)
    return header


def _spacing(header: Dataset) -> tuple[tuple[float, float] | None, SpacingSource]:
    """PS3.3 10.7: Pixel Spacing, else Imager Pixel Spacing; zero counts as absent."""
    for keyword, source in (
        ("PixelSpacing", SpacingSource.PIXEL_SPACING),
        ("ImagerPixelSpacing", SpacingSource.IMAGER_PIXEL_SPACING),
    ):
        spacing = _pair_of_lengths(header, keyword)
        if spacing is not None:
            return spacing, source
    return None, SpacingSource.NONE


def _pair_of_lengths(header: Dataset, keyword: str) -> tuple[float, float] | None:
    lengths = numbers_of(header, keyword)
    if len(lengths) != 2 or min(lengths) <= 0:
        return None
    return lengths[0], lengths[1]


def _cautions(
    header: Dataset,
    spacing_source: SpacingSource,
    orientation: Orientation,
    gray_is_doubtful: bool,
) -> Iterator[Caution]:
    if gray_is_doubtful:
        yield Caution.GRAY_VALUES_DOUBTFUL
    if not orientation.known:
        yield Caution.LATERALITY_ASSUMED
    if spacing_source is SpacingSource.NONE:
        yield Caution.SPACING_UNKNOWN
    elif spacing_source is SpacingSource.IMAGER_PIXEL_SPACING or _is_detector_spacing(header):
        yield Caution.SPACING_AT_DETECTOR
    if value_of(header, "PresentationIntentType") == "FOR PROCESSING":
        yield Caution.FOR_PROCESSING
    if is_minor(header):
        yield Caution.UNDER_18


def _is_detector_spacing(header: Dataset) -> bool:
    """Equal to the Imager Pixel Spacing: not corrected for magnification (PS3.3 10.7.1.3)."""
    return _pair_of_lengths(header, "PixelSpacing") == _pair_of_lengths(
        header, "ImagerPixelSpacing"
    )
