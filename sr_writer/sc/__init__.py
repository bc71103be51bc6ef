"""Secondary Capture (PS3.3 A.8.1): the picture that any viewer shows."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sr_writer.kind import Kind

if TYPE_CHECKING:
    from pydicom import Dataset

    from sr_writer.case import Case

#: Type 1 attributes of the IOD.
# fmt: off
_REQUIRED = (
    "ConversionType", "ImageType", "Rows", "Columns", "BitsAllocated",
    "PhotometricInterpretation", "SamplesPerPixel", "PlanarConfiguration", "BurnedInAnnotation",
    "SourceImageSequence", "PixelData", "ContentDate", "ContentTime",
)
# fmt: on


def _build(case: "Case") -> "Dataset":
    from sr_writer.sc.build import build

    return build(case)


def _verify(dataset: "Dataset", case: "Case") -> Iterable[str]:
    from sr_writer.sc.verify import faults

    return faults(dataset, case)


SC = Kind(
    role="SC",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.7",
    series_number=300,
    subject="COVID-19 overlay",
    file_name="overlay.dcm",
    required=_REQUIRED,
    build=_build,
    verify=_verify,
    has_pixels=True,
    compressions=frozenset({"deflated", "jpeg2000", "rle"}),
)
