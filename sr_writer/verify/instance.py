"""What must hold for any output: Type 1 attributes, names, what is inherited, who contributed."""

from collections.abc import Iterable, Iterator

from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian

from sr_writer import codes
from sr_writer.identity import Identity, Role
from sr_writer.output import SOP_CLASS
from sr_writer.source import Source, encoded_value

#: Type 1 of every IOD we write, and what we always say besides.
# fmt: off
_ALWAYS = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality",
    "SeriesNumber", "InstanceNumber", "Manufacturer", "ManufacturerModelName",
    "SoftwareVersions", "DeviceUID", "ContributingEquipmentSequence",
)
_REPORT = (
    "CompletionFlag", "VerificationFlag", "PreliminaryFlag", "ValueType",
    "ConceptNameCodeSequence", "ContinuityOfContent", "ContentTemplateSequence",
    "ContentSequence", "CurrentRequestedProcedureEvidenceSequence", "ContentDate", "ContentTime",
)
#: Type 1 of each IOD (PS3.3 A.8.1, A.33.1, A.35.3, A.35.4, A.35.13, A.45.1, A.51).
_REQUIRED = {
    Role.SEG: (
        "DeviceSerialNumber", "ImageType", "Rows", "Columns", "BitsAllocated", "NumberOfFrames",
        "SegmentationType", "SegmentSequence", "SharedFunctionalGroupsSequence",
        "PerFrameFunctionalGroupsSequence", "ReferencedSeriesSequence",
        "DimensionIndexSequence", "ContentLabel", "PixelData", "ContentDate", "ContentTime",
    ),
    Role.SR: _REPORT,
    Role.SR2D: _REPORT,
    Role.SC: (
        "ConversionType", "ImageType", "Rows", "Columns", "BitsAllocated",
        "PhotometricInterpretation", "SamplesPerPixel", "PlanarConfiguration",
        "BurnedInAnnotation", "SourceImageSequence", "PixelData", "ContentDate", "ContentTime",
    ),
    Role.KO: (
        "ValueType", "ConceptNameCodeSequence", "ContinuityOfContent", "ContentTemplateSequence",
        "ContentSequence", "CurrentRequestedProcedureEvidenceSequence", "ContentDate",
        "ContentTime",
    ),
    Role.PR: (
        "ContentLabel", "PresentationCreationDate", "PresentationCreationTime",
        "ReferencedSeriesSequence", "DisplayedAreaSelectionSequence", "GraphicAnnotationSequence",
        "GraphicLayerSequence", "PresentationLUTShape",
    ),
    Role.DOC: (
        "ConversionType", "BurnedInAnnotation", "MIMETypeOfEncapsulatedDocument",
        "EncapsulatedDocument", "SourceInstanceSequence", "DocumentTitle", "ContentDate",
        "ContentTime",
    ),
}
# fmt: on

#: (manufacturer, model name, software version, device UID)
_Equipment = tuple[str, str, str, str]


def instance_faults(
    dataset: Dataset, role: Role, source: Source, identity: Identity
) -> Iterator[str]:
    """What is wrong with any kind of object."""
    for tag, expected in source.inherited.items():
        value = encoded_value(dataset, tag)
        if value is None or value.rstrip(b" \0") != (expected.value or b"").rstrip(b" \0"):
            yield f"{tag} differs from the source's"
    for keyword in (*_ALWAYS, *_REQUIRED[role]):
        if keyword not in dataset or dataset[keyword].is_empty:
            yield f"{keyword} has no value"
    meta = dataset.file_meta
    for found, expected_uid in (
        (dataset.SOPClassUID, SOP_CLASS[role]),
        (meta.MediaStorageSOPClassUID, SOP_CLASS[role]),
        (dataset.SOPInstanceUID, identity.sop_instance_uid(role)),
        (meta.MediaStorageSOPInstanceUID, identity.sop_instance_uid(role)),
        (dataset.SeriesInstanceUID, identity.series_instance_uid(role)),
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
