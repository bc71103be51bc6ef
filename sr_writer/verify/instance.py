"""What must hold for any output: Type 1 attributes, names, what is inherited, who contributed."""

from collections.abc import Iterable, Iterator

from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian

from sr_writer import codes
from sr_writer.identity import Identity
from sr_writer.kind import Kind
from sr_writer.source import Source, encoded_value

#: Type 1 of every IOD we write, and what we always say besides.
_ALWAYS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "SeriesNumber",
    "InstanceNumber",
    "Manufacturer",
    "ManufacturerModelName",
    "SoftwareVersions",
    "DeviceUID",
    "ContributingEquipmentSequence",
)

#: (manufacturer, model name, software version, device UID)
_Equipment = tuple[str, str, str, str]


def instance_faults(
    dataset: Dataset, kind: Kind, source: Source, identity: Identity
) -> Iterator[str]:
    """What is wrong with any kind of object."""
    for tag, expected in source.inherited.items():
        value = encoded_value(dataset, tag)
        if value is None or value.rstrip(b" \0") != (expected.value or b"").rstrip(b" \0"):
            yield f"{tag} differs from the source's"
    for keyword in (*_ALWAYS, *kind.required):
        if keyword not in dataset or dataset[keyword].is_empty:
            yield f"{keyword} has no value"
    meta = dataset.file_meta
    for found, expected_uid in (
        (dataset.SOPClassUID, kind.sop_class_uid),
        (meta.MediaStorageSOPClassUID, kind.sop_class_uid),
        (dataset.SOPInstanceUID, identity.sop_instance_uid(kind.role)),
        (meta.MediaStorageSOPInstanceUID, identity.sop_instance_uid(kind.role)),
        (dataset.SeriesInstanceUID, identity.series_instance_uid(kind.role)),
        (meta.TransferSyntaxUID, ExplicitVRLittleEndian),
    ):
        if found != expected_uid:
            yield f"{found} stands where {expected_uid} should"
    contributed = processing_equipment(dataset)
    for a in identity.algorithms:
        if (a.manufacturer, a.name, a.version, a.device_uid) not in contributed:
            yield f"{a.name} is not in the Contributing Equipment Sequence"


def processing_equipment(dataset: Dataset) -> set[_Equipment]:
    """Who processed, by the Contributing Equipment Sequence."""
    return {
        (item.Manufacturer, item.ManufacturerModelName, item.SoftwareVersions, item.DeviceUID)
        for item in dataset.ContributingEquipmentSequence
        if has_code(item.PurposeOfReferenceCodeSequence[0], codes.PROCESSING_EQUIPMENT)
    }


def has_code(item: Dataset, code: Code) -> bool:
    """Whether a Code Sequence item is `code`, by value and scheme."""
    return (item.CodeValue, item.CodingSchemeDesignator) == (code.value, code.scheme_designator)


def source_faults(references: Iterable[Dataset], source: Source) -> Iterator[str]:
    """Whether these items refer to the source and nothing else."""
    named = [(i.ReferencedSOPClassUID, i.ReferencedSOPInstanceUID) for i in references]
    if named != [(source.header.SOPClassUID, source.header.SOPInstanceUID)]:
        yield f"it refers to {', '.join(uid for _, uid in named) or 'nothing'}"


def padded(length: int) -> int:
    """What a value of `length` bytes is padded to (PS3.5 7.1)."""
    return length + length % 2
