"""Structured Report (PS3.3 A.35.13, A.35.3): the figures, the decision, the reason."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from sr_writer.kind import Kind

if TYPE_CHECKING:
    from pydicom import Dataset

    from sr_writer.case import Case

#: Type 1 attributes of the IOD.
# fmt: off
_REQUIRED = (
    "CompletionFlag", "VerificationFlag", "PreliminaryFlag", "ValueType",
    "ConceptNameCodeSequence", "ContinuityOfContent", "ContentTemplateSequence",
    "ContentSequence", "CurrentRequestedProcedureEvidenceSequence", "ContentDate", "ContentTime",
)
# fmt: on


def _build(case: "Case") -> "Dataset":
    from sr_writer.sr.build import build

    return build(case, SR)


def _build_2d(case: "Case") -> "Dataset":
    from sr_writer.sr.build import build

    return build(case, SR2D)


def _verify(dataset: "Dataset", case: "Case") -> Iterable[str]:
    from sr_writer.sr.verify import faults

    return faults(dataset, case)


SR = Kind(
    role="SR",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34",
    series_number=200,
    subject="COVID-19 report",
    file_name="sr.dcm",
    required=_REQUIRED,
    build=_build,
    verify=_verify,
    is_report=True,
    is_first=True,
    # The report in its older class.
    next_best="SR2D",
)

#: The same report as Comprehensive SR, for archives that refuse the 3D class.
SR2D = replace(
    SR,
    role="SR2D",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.88.33",
    series_number=210,
    subject="COVID-19 report, 2D",
    file_name="sr2d.dcm",
    build=_build_2d,
    # The report as a page.
    next_best="DOC",
)
