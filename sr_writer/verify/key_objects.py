"""The gate's look at a Key Object Selection."""

from collections.abc import Iterator

from pydicom import Dataset

from inference.findings import Findings
from sr_writer import codes
from sr_writer.identity import Identity, Role
from sr_writer.key_objects import is_key
from sr_writer.source import Source
from sr_writer.verdict import verdict_of
from sr_writer.verify.content import equipment_faults, evidence_faults
from sr_writer.verify.instance import has_code


def key_object_faults(
    dataset: Dataset, source: Source, findings: Findings, identity: Identity
) -> Iterator[str]:
    """Of a clearly positive radiograph alone, and of nothing but it and its SEG."""
    if not is_key(findings):
        yield f"the decision is {verdict_of(findings)}"
    if not has_code(dataset.ConceptNameCodeSequence[0], codes.OF_INTEREST):
        yield 'its title is not "Of Interest"'
    expected = {source.header.SOPInstanceUID, identity.sop_instance_uid(Role.SEG)}
    yield from evidence_faults(dataset, expected)
    selected = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in dataset.ContentSequence
        if item.ValueType == "IMAGE"
    }
    if selected != expected:
        yield "it does not select the source and the SEG"
    yield from equipment_faults(dataset)
