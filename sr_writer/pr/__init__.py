"""Grayscale Softcopy Presentation State (PS3.3 A.33.1): the outlines over the source."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sr_writer.kind import Kind

if TYPE_CHECKING:
    from pydicom import Dataset

    from sr_writer.case import Case

#: Type 1 attributes of the IOD.
# fmt: off
_REQUIRED = (
    "ContentLabel", "PresentationCreationDate", "PresentationCreationTime",
    "ReferencedSeriesSequence", "DisplayedAreaSelectionSequence", "GraphicAnnotationSequence",
    "GraphicLayerSequence", "PresentationLUTShape",
)
# fmt: on


def _build(case: "Case") -> "Dataset":
    from sr_writer.pr.build import build

    return build(case)


def _verify(dataset: "Dataset", case: "Case") -> Iterable[str]:
    from sr_writer.pr.verify import faults

    return faults(dataset, case)


def _exists(case: "Case") -> bool:
    """Not of one that came in colours."""
    from sr_writer.pr.display import is_grayscale

    return is_grayscale(case.header)


PR = Kind(
    role="PR",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.11.1",
    series_number=500,
    subject="COVID-19 outlines",
    file_name="outlines.dcm",
    required=_REQUIRED,
    build=_build,
    verify=_verify,
    exists=_exists,
    # The outlines as a picture.
    next_best="SC",
)
