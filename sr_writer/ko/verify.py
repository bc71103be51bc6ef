"""The gate's look at a Key Object Selection, and at a rejection note, which is one."""

from collections.abc import Iterator, Sequence

from pydicom import Dataset

from sr_writer import codes
from sr_writer.case import Case
from sr_writer.identity import Reference
from sr_writer.ko.build import is_key
from sr_writer.seg import SEG
from sr_writer.verify.content import equipment_faults, evidence_faults
from sr_writer.verify.instance import has_code


def faults(dataset: Dataset, case: Case) -> Iterator[str]:
    """Of a clearly positive radiograph alone, and of nothing but it and its SEG."""
    if not is_key(case.findings):
        yield f"the decision is {case.findings.decision}"
    if not has_code(dataset.ConceptNameCodeSequence[0], codes.OF_INTEREST):
        yield 'its title is not "Of Interest"'
    expected = {case.source.header.SOPInstanceUID, case.identity.sop_instance_uid(SEG.role)}
    yield from evidence_faults(dataset, expected)
    selected = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in dataset.ContentSequence
        if item.ValueType == "IMAGE"
    }
    if selected != expected:
        yield "it does not select the source and the SEG"
    yield from equipment_faults(dataset)


def rejection_note_faults(
    dataset: Dataset, title: str, rejected: Sequence[Reference]
) -> Iterator[str]:
    """Whether it takes back exactly what it is to, within its own study."""
    if not has_code(dataset.ConceptNameCodeSequence[0], codes.REJECTION[title]):
        yield f"its title is not {codes.REJECTION[title].meaning}"
    expected = {one.sop_instance_uid for one in rejected}
    if not expected:
        yield "it rejects nothing"
    yield from evidence_faults(dataset, expected)
    studies = [item.StudyInstanceUID for item in dataset.CurrentRequestedProcedureEvidenceSequence]
    if studies != [dataset.StudyInstanceUID]:
        yield "it rejects what is not of its study"
    selected = [
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in dataset.ContentSequence
        if item.ValueType in ("IMAGE", "COMPOSITE")
    ]
    if len(selected) != len(expected) or set(selected) != expected:
        yield "it does not select what it rejects"
    yield from equipment_faults(dataset)
