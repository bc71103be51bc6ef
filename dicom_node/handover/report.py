"""What a report of ours says, read again from its SR (TID 1500) and header.

By codes, as anybody else would read it: what is handed over is what the destination could have read
in the SR itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from io import BytesIO

from pydicom import Dataset, dcmread
from pydicom.multival import MultiValue
from pydicom.valuerep import PersonName

from dicom_node.errors import InvalidResult
from dicom_node.intake.belonging import IDENTITY, as_read
from inference.header import items_of, value_of
from inference.header import text_of as raw_text_of
from sr_writer.equipment import derived_uid
from sr_writer.kinds import SEG

#: (code value, scheme) of the concepts that the report names (sr_writer.codes).
COVID_19 = ("840539006", "SCT")
PROCESSING = ("111017", "DCM")
DETECTIONS = ("111064", "DCM")
_VERDICT = (COVID_19, PROCESSING, DETECTIONS)
_PROCEDURE = ("121058", "DCM")
_CONCLUSION = ("121077", "DCM")
_SUMMARY = ("121111", "DCM")
_COMMENT = ("121106", "DCM")
_GROUP = ("125007", "DCM")
_TRACKING_ID = ("112039", "DCM")
_EVALUATIONS = ("C0034375", "UMLS")
_OPACITY = ("112001", "DCM")
#: (0008,0201) is -1200 to +1400 (PS3.3 C.12.1.1.8); beyond that it is a fault of the source's.
_FARTHEST = timedelta(hours=14)
#: Tracking identifier of the group that speaks of both lungs.
BOTH_LUNGS = "COVID-19"


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept."""

    value: str
    scheme: str  #: Coding Scheme Designator
    meaning: str

    def is_(self, which: tuple[str, str]) -> bool:
        return (self.value, self.scheme) == which


@dataclass(frozen=True, slots=True)
class Figure:
    """A numeric content item."""

    group: str  #: tracking identifier of its measurement group
    name: Code
    value: str  #: decimal
    unit: Code  #: UCUM
    of: Code | None = None  #: what of the group, where that is not the whole

    @property
    def is_of_opacity(self) -> bool:
        return self.of is not None and self.of.is_(_OPACITY)


@dataclass(frozen=True, slots=True)
class Issuer:
    """Of an identifier (HD): a local name, a universal one and its type (as ISO), each or none."""

    local: str = ""
    universal: str = ""
    universal_type: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """One writing of a person's name (PS3.5 6.2.1)."""

    family: str = ""
    given: str = ""
    middle: str = ""
    prefix: str = ""
    suffix: str = ""
    writing: str = "A"  #: A alphabetic, I ideographic, P phonetic


@dataclass(frozen=True, slots=True)
class Patient:
    """Whose it is; "" and () for what the image does not say."""

    id: str
    issuer: Issuer
    names: tuple[Name, ...]
    birth_date: str  #: YYYYMMDD
    sex: str  #: M, F, O


@dataclass(frozen=True, slots=True)
class Report:
    """One SR of ours."""

    uid: str  #: its SOP Instance UID
    #: Of what is reported on: the same in every issue of one image's results under one patient,
    #: study and order, so that a later issue takes the place of an earlier one.
    key: str
    is_later_issue: bool  #: it names predecessors
    study_uid: str
    image_uid: str
    patient: Patient
    accession: str
    accession_issuer: Issuer
    admission: str
    referring: tuple[Name, ...]
    studied_at: str  #: YYYYMMDD, or with HHMMSS behind it; "" where it is not said
    created: datetime  #: aware
    zone: timezone  #: of the study's times
    procedure: Code
    verdict: tuple[tuple[Code, Code], ...]  #: concept and value, COVID-19 first
    conclusion: str
    reason: str
    comments: tuple[str, ...]  #: the notice of research use first
    figures: tuple[Figure, ...]
    manufacturer: str
    model: str
    version: str
    device_uid: str

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(figure.group for figure in self.figures))


def read_report(content: bytes) -> Report:
    """Of a Part 10 file that is a report of ours, or a notice; raises InvalidResult."""
    dataset = dcmread(BytesIO(content))
    try:
        return _report(dataset)
    except (AttributeError, IndexError, KeyError, StopIteration, TypeError, ValueError) as exc:
        uid = text_of(dataset, "SOPInstanceUID")
        # Not the error's own words, which may hold what is inherited.
        why = type(exc).__name__
        raise InvalidResult(f"{uid} cannot be read as a report of ours ({why})") from None


def _report(dataset: Dataset) -> Report:
    content = items_of(dataset, "ContentSequence")
    evaluations = next(items_of(item, "ContentSequence") for item in _named(content, _EVALUATIONS))
    image_uid = _image(dataset)
    zone = _zone(dataset)
    studied_at = text_of(dataset, "StudyDate")
    if studied_at:
        studied_at += text_of(dataset, "StudyTime")[:6]
    return Report(
        uid=str(dataset.SOPInstanceUID),
        key=derived_uid("handover", image_uid, *(as_read(dataset, each) for each in IDENTITY)),
        is_later_issue=bool(items_of(dataset, "PredecessorDocumentsSequence")),
        study_uid=str(dataset.StudyInstanceUID),
        image_uid=image_uid,
        patient=Patient(
            text_of(dataset, "PatientID"),
            _issuer(dataset, "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence"),
            _names(dataset, "PatientName"),
            text_of(dataset, "PatientBirthDate"),
            text_of(dataset, "PatientSex"),
        ),
        accession=text_of(dataset, "AccessionNumber"),
        accession_issuer=_issuer(dataset, "", "IssuerOfAccessionNumberSequence"),
        admission=text_of(dataset, "AdmissionID"),
        referring=_names(dataset, "ReferringPhysicianName"),
        studied_at=studied_at if studied_at.isdigit() else "",
        created=_created(dataset, zone),
        zone=zone,
        procedure=_value(next(_named(content, _PROCEDURE))),
        verdict=tuple(
            (_name(item), _value(item)) for name in _VERDICT for item in _named(evaluations, name)
        ),
        conclusion=_text(next(_named(content, _CONCLUSION))),
        reason=_text(next(_named(evaluations, _SUMMARY))),
        comments=tuple(
            _text(item) for items in (content, evaluations) for item in _named(items, _COMMENT)
        ),
        figures=tuple(_figures(content)),
        manufacturer=text_of(dataset, "Manufacturer"),
        model=text_of(dataset, "ManufacturerModelName"),
        version=text_of(dataset, "SoftwareVersions"),
        device_uid=text_of(dataset, "DeviceUID"),
    )


def text_of(dataset: Dataset, keyword: str) -> str:
    """A value as text, blanks for what is no character to be seen: headers hold anything."""
    return printable(raw_text_of(dataset, keyword)).strip()


def printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _image(dataset: Dataset) -> str:
    """What the evidence names first that is no segmentation of ours."""
    return next(
        str(instance.ReferencedSOPInstanceUID)
        for study in dataset.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
        if instance.ReferencedSOPClassUID != SEG.sop_class_uid
    )


def _figures(content: Sequence[Dataset]) -> Iterator[Figure]:
    for item in content:
        for group in _named(items_of(item, "ContentSequence"), _GROUP):
            items = items_of(group, "ContentSequence")
            name = _text(next(_named(items, _TRACKING_ID)))
            for measured in (each for each in items if each.ValueType == "NUM"):
                value = measured.MeasuredValueSequence[0]
                modifiers = (
                    each for each in items_of(measured, "ContentSequence")
                    if each.ValueType == "CODE" and each.RelationshipType == "HAS CONCEPT MOD"
                )  # fmt: skip
                yield Figure(
                    name,
                    _name(measured),
                    f"{float(value.NumericValue):.12g}",
                    _code(value.MeasurementUnitsCodeSequence[0]),
                    next((_value(each) for each in modifiers), None),
                )


def _named(items: Sequence[Dataset], name: tuple[str, str]) -> Iterator[Dataset]:
    for item in items:
        names = items_of(item, "ConceptNameCodeSequence")
        if names and _code(names[0]).is_(name):
            yield item


def _name(item: Dataset) -> Code:
    return _code(item.ConceptNameCodeSequence[0])


def _value(item: Dataset) -> Code:
    return _code(item.ConceptCodeSequence[0])


def _text(item: Dataset) -> str:
    return text_of(item, "TextValue")


def _code(item: Dataset) -> Code:
    return Code(str(item.CodeValue), str(item.CodingSchemeDesignator), str(item.CodeMeaning))


def _names(dataset: Dataset, keyword: str) -> tuple[Name, ...]:
    value = value_of(dataset, keyword)
    if isinstance(value, MultiValue):
        # One name is allowed; a backslash in it makes two.
        value = value[0]
    if not isinstance(value, PersonName):
        return ()
    writings = zip("AIP", str(value).split("="), strict=False)
    return tuple(_written(text, writing) for writing, text in writings if text.strip("^ "))


def _written(text: str, writing: str) -> Name:
    family, given, middle, prefix, suffix = [
        part.strip() for part in f"{printable(text)}^^^^".split("^")
    ][:5]
    return Name(family, given, middle, prefix, suffix, writing)


def _issuer(dataset: Dataset, local: str, qualifiers: str) -> Issuer:
    items = items_of(dataset, qualifiers)
    item = items[0] if items else Dataset()
    return Issuer(
        text_of(dataset, local) if local else text_of(item, "LocalNamespaceEntityID"),
        text_of(item, "UniversalEntityID"),
        text_of(item, "UniversalEntityIDType"),
    )


def _zone(dataset: Dataset) -> timezone:
    """What (0008,0201) says; else that of this machine, by which the report's times are told."""
    stated = text_of(dataset, "TimezoneOffsetFromUTC")
    try:
        offset = datetime.strptime(stated, "%z").utcoffset()
    except ValueError:
        offset = None
    if offset is None or abs(offset) > _FARTHEST:
        offset = datetime.now().astimezone().utcoffset() or timedelta()
    return timezone(offset)


def _created(dataset: Dataset, zone: timezone) -> datetime:
    said = f"{dataset.ContentDate}{dataset.ContentTime}"
    return datetime.strptime(said, "%Y%m%d%H%M%S.%f").replace(tzinfo=zone)
