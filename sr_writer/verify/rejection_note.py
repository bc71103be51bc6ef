"""The gate's look at a rejection note."""

from collections.abc import Iterator, Sequence

from pydicom import Dataset

from sr_writer import codes
from sr_writer.identity import Reference
from sr_writer.verify.content import equipment_faults, evidence_faults
from sr_writer.verify.instance import has_code


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
