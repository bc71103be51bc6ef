"""The last gate: what was built is read again from its bytes, and a result that is not valid is
never sent.

It trusts nothing of the builders: the SEG's own pixels are counted, the SR's figures are compared
with those counts, and every inherited attribute with what came, byte for byte.
"""

from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.sr.coding import Code
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from inference.results import Findings, Laterality, Mask, Task
from sr_writer import codes
from sr_writer.identity import DECISION_TRACKING_ID, Identity, Role, tracking_id
from sr_writer.source import Source, encoded_value

SOP_CLASS = {
    Role.SEG: SegmentationStorage,
    Role.SR: Comprehensive3DSRStorage,
    Role.SC: SecondaryCaptureImageStorage,
}

#: Type 1 of the IODs (PS3.3 A.8.1, A.35.13, A.51): present, and with a value.
# fmt: off
_ALWAYS = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality",
    "SeriesNumber", "InstanceNumber", "Manufacturer", "ManufacturerModelName",
    "SoftwareVersions", "DeviceUID", "ContributingEquipmentSequence", "ContentDate",
    "ContentTime",
)
# fmt: on
# fmt: off
_REQUIRED = {
    Role.SEG: (
        "DeviceSerialNumber", "ImageType", "Rows", "Columns", "BitsAllocated", "NumberOfFrames",
        "SegmentationType", "SegmentSequence", "SharedFunctionalGroupsSequence",
        "PerFrameFunctionalGroupsSequence", "ReferencedSeriesSequence",
        "DimensionIndexSequence", "ContentLabel", "PixelData",
    ),
    Role.SR: (
        "CompletionFlag", "VerificationFlag", "PreliminaryFlag", "ValueType",
        "ConceptNameCodeSequence", "ContinuityOfContent", "ContentTemplateSequence",
        "ContentSequence", "CurrentRequestedProcedureEvidenceSequence",
        "CodingSchemeIdentificationSequence",
    ),
    Role.SC: (
        "ConversionType", "ImageType", "Rows", "Columns", "BitsAllocated",
        "PhotometricInterpretation", "SamplesPerPixel", "PlanarConfiguration",
        "BurnedInAnnotation", "SourceImageSequence", "PixelData",
    ),
}
# fmt: on

#: What each frame of the SEG holds, in order.
_SEGMENTS = tuple((task, side) for task in Task for side in Laterality)

#: Half a unit of the second decimal, to which the report rounds.
_ROUNDING = 0.005 + 1e-9

#: The content items that repeat the manufacturer, model name, version and device UID.
_EQUIPMENT_ITEMS = (
    (codes.DEVICE_OBSERVER_MANUFACTURER, codes.ALGORITHM_MANUFACTURER),
    (codes.DEVICE_OBSERVER_MODEL, codes.ALGORITHM_NAME),
    (codes.ALGORITHM_VERSION,),
    (codes.DEVICE_OBSERVER_UID,),
)

#: (manufacturer, model name, software version, device UID)
_Equipment = tuple[str, str, str, str]


class InvalidResult(ValueError):
    """A built object is not valid; the message says what is wrong, and with which UID."""


def verify(
    contents: Mapping[Role, bytes], source: Source, findings: Findings, identity: Identity
) -> None:
    """Raise InvalidResult unless every object is valid and all agree with each other."""
    for role, content in contents.items():
        uid = identity.sop_instance_uid(role)
        try:
            dataset = dcmread(BytesIO(content))
            faults = list(_faults(dataset, role, source, identity))
            faults = faults or list(_CHECKS[role](dataset, source, findings, identity))
        except Exception as exc:
            # Whatever this reader stumbles over, a PACS may stumble over too.
            raise InvalidResult(f"{role} {uid} cannot be read again: {exc!r}") from exc
        if faults:
            raise InvalidResult(f"{role} {uid} is not valid: {'; '.join(faults)}")


def _faults(dataset: Dataset, role: Role, source: Source, identity: Identity) -> Iterator[str]:
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
    contributed = _processing_equipment(dataset)
    for a in identity.algorithms:
        if (a.manufacturer, a.name, a.version, a.device_uid) not in contributed:
            yield f"{a.name} is not in the Contributing Equipment Sequence"


def _segmentation_faults(
    dataset: Dataset, source: Source, findings: Findings, _: Identity
) -> Iterator[str]:
    expected = (len(findings.segments), source.header.Rows, source.header.Columns)
    if (dataset.NumberOfFrames, dataset.Rows, dataset.Columns) != expected:
        yield f"it does not have {expected} frames, rows and columns"
        return
    if len(dataset.PixelData) != _even(-(-int(np.prod(expected)) // 8)):
        yield f"{len(dataset.PixelData)} bytes of pixels are not {expected} frames, rows, columns"
        return
    series = dataset.ReferencedSeriesSequence[0]
    referenced = series.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID
    if (series.SeriesInstanceUID, referenced) != (
        source.header.SeriesInstanceUID,
        source.header.SOPInstanceUID,
    ):
        yield f"it refers to {referenced}"
    if source.patient_orientation != _orientation(dataset):
        yield "its Patient Orientation is not the source's"
    yield from _pixel_faults(dataset, findings)


def _pixel_faults(dataset: Dataset, findings: Findings) -> Iterator[str]:
    frames = dict(zip(_SEGMENTS, _frames(dataset), strict=True))
    for item, segment in zip(dataset.SegmentSequence, findings.segments, strict=True):
        name = tracking_id(segment.task, segment.laterality)
        if (item.SegmentNumber, item.TrackingID) != (segment.number, name):
            yield f"segment {item.SegmentNumber} is not {name}"
        frame = frames[segment.task, segment.laterality]
        lung = findings.measurement(segment.laterality)
        measured = lung.lung_pixels if segment.task is Task.LUNG else lung.infected_pixels
        if not np.array_equal(frame, segment.mask) or np.count_nonzero(frame) != measured:
            yield f"the pixels of segment {segment.number} are not those found"
    for side in Laterality:
        if (frames[Task.INFECTION, side] & ~frames[Task.LUNG, side]).any():
            yield f"there is infection outside the {side} lung"


def _report_faults(
    dataset: Dataset, source: Source, findings: Findings, identity: Identity
) -> Iterator[str]:
    evidence = {
        instance.ReferencedSOPInstanceUID
        for study in dataset.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }
    if evidence != {source.header.SOPInstanceUID, identity.sop_instance_uid(Role.SEG)}:
        yield "its evidence is not the source and the SEG"
    groups = dict(_groups(dataset))
    for name, items in groups.items():
        if not any(_is_region(item, source.header) for item in items):
            yield f"group {name} has no closed region within the source image"
    yield from _percentage_faults(groups, findings)
    yield from _content_equipment_faults(dataset)


def _percentage_faults(groups: Mapping[str, list[Dataset]], findings: Findings) -> Iterator[str]:
    """Compare what is written with the masks counted anew: those the SEG was found to hold."""
    counts = [
        [int(np.count_nonzero(findings.segment(task, side).mask)) for task in Task]
        for side in Laterality
    ]
    counts.append([sum(both) for both in zip(*counts, strict=True)])
    names = [*(tracking_id(Task.LUNG, side) for side in Laterality), DECISION_TRACKING_ID]
    said = [findings.measurement(side).infected_percent for side in Laterality]
    said.append(findings.infected_percent)
    for name, (lung, infected), percent in zip(names, counts, said, strict=True):
        written = _numbers(groups.get(name, []), codes.INFECTED_PERCENT)
        expected = [] if percent is None else [100 * infected / max(lung, 1)]
        if len(written) != len(expected) or any(
            abs(a - b) > _ROUNDING for a, b in zip(written, expected, strict=True)
        ):
            yield f"group {name} says {written} percent where the SEG's pixels say {expected}"


def _content_equipment_faults(dataset: Dataset) -> Iterator[str]:
    """IHE AI Results 6.5.3.1: content items equal the Contributing Equipment Sequence."""
    contributed = list(zip(*_processing_equipment(dataset), strict=True))
    for place, names in enumerate(_EQUIPMENT_ITEMS):
        for item in _items(dataset.ContentSequence):
            value = item.get("TextValue") or item.get("UID")
            if any(_is(item.ConceptNameCodeSequence[0], name) for name in names) and (
                value not in contributed[place]
            ):
                yield f"{value} is not in the Contributing Equipment Sequence"


def _picture_faults(
    dataset: Dataset, source: Source, _findings: Findings, _: Identity
) -> Iterator[str]:
    if len(dataset.PixelData) != _even(3 * dataset.Rows * dataset.Columns):
        yield "its pixels are not rows x columns x RGB"
    if dataset.BurnedInAnnotation != "YES":
        yield "it does not say that text is burned in"
    referenced = dataset.SourceImageSequence[0].ReferencedSOPInstanceUID
    if referenced != source.header.SOPInstanceUID:
        yield f"it refers to {referenced}"


def _frames(dataset: Dataset) -> Mask:
    """(frames, rows, columns): frames of one bit a pixel, packed without a gap (PS3.5 8.1.1)."""
    shape = (dataset.NumberOfFrames, dataset.Rows, dataset.Columns)
    packed = np.frombuffer(dataset.PixelData, np.uint8)
    bits = np.unpackbits(packed, bitorder="little", count=int(np.prod(shape)))
    return bits.view(np.bool_).reshape(shape)


def _even(length: int) -> int:
    """What a value of `length` bytes is padded to (PS3.5 7.1)."""
    return length + length % 2


def _orientation(dataset: Dataset) -> tuple[str, str] | None:
    directions = dataset.get("PatientOrientation")
    return (directions[0], directions[1]) if directions else None


def _groups(dataset: Dataset) -> Iterator[tuple[str, list[Dataset]]]:
    """Each measurement group's tracking identifier and content items."""
    for item in _items(dataset.ContentSequence):
        if _is(item.ConceptNameCodeSequence[0], codes.MEASUREMENT_GROUP):
            items = list(item.ContentSequence)
            yield next(i.TextValue for i in items if _named(i, codes.TRACKING_IDENTIFIER)), items


def _items(content: Iterable[Dataset]) -> Iterator[Dataset]:
    """Every content item below, in document order."""
    for item in content:
        yield item
        yield from _items(item.get("ContentSequence", ()))


def _numbers(items: Iterable[Dataset], name: Code) -> list[float]:
    return [
        float(item.MeasuredValueSequence[0].NumericValue) for item in items if _named(item, name)
    ]


def _is_region(item: Dataset, header: Dataset) -> bool:
    if item.ValueType != "SCOORD":
        return False
    points = np.reshape(item.GraphicData, (-1, 2))
    inside = (points >= 0).all() and (points <= (header.Columns, header.Rows)).all()
    closed = len(points) >= 4 and (points[0] == points[-1]).all()
    image = item.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    return bool(inside and closed and image == header.SOPInstanceUID)


def _processing_equipment(dataset: Dataset) -> set[_Equipment]:
    return {
        (item.Manufacturer, item.ManufacturerModelName, item.SoftwareVersions, item.DeviceUID)
        for item in dataset.ContributingEquipmentSequence
        if _is(item.PurposeOfReferenceCodeSequence[0], codes.PROCESSING_EQUIPMENT)
    }


def _named(item: Dataset, name: Code) -> bool:
    return _is(item.ConceptNameCodeSequence[0], name)


def _is(item: Dataset, code: Code) -> bool:
    return (item.CodeValue, item.CodingSchemeDesignator) == (code.value, code.scheme_designator)


_CHECKS = {
    Role.SEG: _segmentation_faults,
    Role.SR: _report_faults,
    Role.SC: _picture_faults,
}
