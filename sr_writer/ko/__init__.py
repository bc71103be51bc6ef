"""Key Object Selection (PS3.3 A.35.4): a clearly positive radiograph is of interest."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sr_writer.kind import Kind

if TYPE_CHECKING:
    from pydicom import Dataset

    from sr_writer.case import Case

#: Type 1 attributes of the IOD.
# fmt: off
_REQUIRED = (
    "ValueType", "ConceptNameCodeSequence", "ContinuityOfContent", "ContentTemplateSequence",
    "ContentSequence", "CurrentRequestedProcedureEvidenceSequence", "ContentDate", "ContentTime",
)
# fmt: on


def _build(case: "Case") -> "Dataset":
    from sr_writer.ko.build import build

    return build(case)


def _verify(dataset: "Dataset", case: "Case") -> Iterable[str]:
    from sr_writer.ko.verify import faults

    return faults(dataset, case)


def _exists(case: "Case") -> bool:
    """Of clearly positive ones alone."""
    from sr_writer.ko.build import is_key

    return is_key(case.findings)


KO = Kind(
    role="KO",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.88.59",
    series_number=400,
    subject="COVID-19 infection seen",
    file_name="key_objects.dcm",
    required=_REQUIRED,
    build=_build,
    verify=_verify,
    exists=_exists,
)
