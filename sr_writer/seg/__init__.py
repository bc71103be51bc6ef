"""Segmentation (PS3.3 A.51): the four masks."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sr_writer.kind import Kind

if TYPE_CHECKING:
    from pydicom import Dataset

    from sr_writer.case import Case

#: Type 1 attributes of the IOD.
# fmt: off
_REQUIRED = (
    "DeviceSerialNumber", "ImageType", "Rows", "Columns", "BitsAllocated", "NumberOfFrames",
    "SegmentationType", "SegmentSequence", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", "ReferencedSeriesSequence", "DimensionIndexSequence",
    "ContentLabel", "PixelData", "ContentDate", "ContentTime",
)
# fmt: on


def _build(case: "Case") -> "Dataset":
    from sr_writer.seg.build import build

    return build(case)


def _verify(dataset: "Dataset", case: "Case") -> Iterable[str]:
    from sr_writer.seg.verify import faults

    return faults(dataset, case)


SEG = Kind(
    role="SEG",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.66.4",
    series_number=100,
    subject="Lung and COVID-19 masks",
    file_name="seg.dcm",
    required=_REQUIRED,
    build=_build,
    verify=_verify,
    has_pixels=True,
    has_words=False,
    is_first=True,
    # The masks as outlines.
    next_best="PR",
    # dcmqi, and with it 3D Slicer, refuses a compressed one.
    compressions=frozenset(),
)
