"""Encapsulated PDF (PS3.3 A.45.1): all of it on one page."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sr_writer.kind import Kind

if TYPE_CHECKING:
    from pydicom import Dataset

    from sr_writer.case import Case

#: Type 1 attributes of the IOD.
# fmt: off
_REQUIRED = (
    "ConversionType", "BurnedInAnnotation", "MIMETypeOfEncapsulatedDocument",
    "EncapsulatedDocument", "SourceInstanceSequence", "DocumentTitle", "ContentDate",
    "ContentTime",
)
# fmt: on


def _build(case: "Case") -> "Dataset":
    # Loads what draws pages: 0.2 s that a node without this kind does not spend.
    from sr_writer.doc.build import build

    return build(case)


def _verify(dataset: "Dataset", case: "Case") -> Iterable[str]:
    from sr_writer.doc.verify import faults

    return faults(dataset, case)


DOC = Kind(
    role="DOC",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.104.1",
    series_number=600,
    subject="COVID-19 page",
    file_name="page.dcm",
    required=_REQUIRED,
    build=_build,
    verify=_verify,
)
