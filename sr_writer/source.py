"""What the results take over from the instance they were made from.

Two readings of one header. `inherited` is its patient and study attributes as the bytes that came.
What a PACS groups by stays as it is even where it is malformed: tidied up, it would split the study
or merge two patients, and a validator's error about a fault of the source's own costs less. What
merely describes (an age of "62") is left out where it is malformed: nothing hangs on it.
`header` is what highdicom reads while it builds: only what is known to be well formed, with the
rest blank, because it refuses what real headers hold.
"""

import re
import struct
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from pydicom import Dataset
from pydicom.charset import default_encoding
from pydicom.config import RAISE
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.tag import BaseTag, Tag
from pydicom.uid import SecondaryCaptureImageStorage
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, STR_VR, validate_value

from sr_writer.equipment import derived_uid

#: What a PACS knows a patient and a study by, and what says how to read it: goes out as it came.
# fmt: off
IDENTIFYING = (
    "SpecificCharacterSet", "TimezoneOffsetFromUTC", "PatientName", "PatientID",
    "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence", "TypeOfPatientID",
    "PatientBirthDate", "PatientBirthTime", "PatientSex", "OtherPatientIDs",
    "OtherPatientIDsSequence", "OtherPatientNames", "StudyInstanceUID", "StudyDate",
    "StudyTime", "AccessionNumber", "IssuerOfAccessionNumberSequence", "StudyID",
    "StudyDescription", "ReferringPhysicianName", "AdmissionID", "IssuerOfAdmissionIDSequence",
)
# fmt: on

#: The rest of the Patient, Clinical Trial, General Study and Patient Study modules (PS3.3 C.7.1,
#: C.7.2), all of it optional: goes out as it came where it is well formed.
# fmt: off
DESCRIBING = (
    "PatientBirthDateInAlternativeCalendar", "PatientDeathDateInAlternativeCalendar",
    "PatientAlternativeCalendar", "QualityControlSubject", "ReferencedPatientSequence",
    "EthnicGroup", "EthnicGroupCodeSequence", "PatientComments", "PatientSpeciesDescription",
    "PatientSpeciesCodeSequence", "PatientBreedDescription", "PatientBreedCodeSequence",
    "BreedRegistrationSequence", "ResponsiblePerson", "ResponsiblePersonRole",
    "ResponsibleOrganization", "PatientIdentityRemoved", "DeidentificationMethod",
    "DeidentificationMethodCodeSequence", "ClinicalTrialSponsorName", "ClinicalTrialProtocolID",
    "ClinicalTrialProtocolName", "ClinicalTrialSiteID", "ClinicalTrialSiteName",
    "ClinicalTrialSubjectID", "ClinicalTrialSubjectReadingID",
    "ClinicalTrialProtocolEthicsCommitteeName",
    "ClinicalTrialProtocolEthicsCommitteeApprovalNumber", "ClinicalTrialTimePointID",
    "ClinicalTrialTimePointDescription", "ConsentForClinicalTrialUseSequence",
    "ReferringPhysicianIdentificationSequence", "ConsultingPhysicianName",
    "ConsultingPhysicianIdentificationSequence", "PhysiciansOfRecord",
    "PhysiciansOfRecordIdentificationSequence", "NameOfPhysiciansReadingStudy",
    "PhysiciansReadingStudyIdentificationSequence", "RequestingService",
    "RequestingServiceCodeSequence", "ReferencedStudySequence", "ProcedureCodeSequence",
    "ReasonForPerformedProcedureCodeSequence", "AdmittingDiagnosesDescription",
    "AdmittingDiagnosesCodeSequence", "PatientAge", "PatientSize", "PatientWeight",
    "PatientBodyMassIndex", "PatientSizeCodeSequence", "Occupation", "AdditionalPatientHistory",
    "ServiceEpisodeID", "IssuerOfServiceEpisodeIDSequence", "ServiceEpisodeDescription",
    "PatientSexNeutered", "MedicalAlerts", "Allergies", "SmokingStatus", "PregnancyStatus",
    "LastMenstrualDate", "PatientState", "ReasonForVisit", "ReasonForVisitCodeSequence",
)
# fmt: on

#: Type 2 in every IOD we write: present though the source lacks them.
# fmt: off
_BLANK_WHEN_ABSENT = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
    "AccessionNumber", "StudyID", "ReferringPhysicianName",
)
# fmt: on

#: Whose values have a strict form in plain ASCII.
_FORMAL_VRS = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI"})
#: Of the acquiring device, for the Contributing Equipment Sequence.
EQUIPMENT = ("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "DeviceSerialNumber")
#: How far from the original the source's pixels are.
LOSSY = ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")
_LONG_STRING = 64  #: characters of an LO (PS3.5 6.2)
#: (0008,0201) is -1200 to +1400 (PS3.3 C.12.1.1.8); beyond that it is a fault of the source's.
_FARTHEST = timedelta(hours=14)
#: The longest value a two-byte length can state, kept even.
_SHORT_LENGTH = 0xFFFE


@dataclass(frozen=True, slots=True)
class Source:
    """The instance a result is made from, as far as the result repeats it."""

    header: Dataset  #: well-formed attributes only; patient and study attributes left blank
    inherited: Mapping[BaseTag, RawDataElement]  #: Explicit VR Little Endian, values as received
    patient_orientation: tuple[str, str] | None  #: (row direction, column direction), or unknown

    @property
    def timezone_offset(self) -> str:
        """(0008,0201) as it came; "" where it is absent."""
        element = self.inherited.get(Tag("TimezoneOffsetFromUTC"))
        return ((element.value if element else None) or b"").decode("ascii", "replace").strip()


def study_time(created: datetime, offset: str) -> datetime:
    """`created` as the study tells the time, or a report would seem made before its image.

    `offset`: (0008,0201), how far the study's times are from UTC. Where it is absent they are local
    (PS3.5 6.2, TM), so ours are this machine's local time.
    """
    if created.tzinfo is None:
        return created
    match = re.fullmatch(r"([+-])(\d\d)(\d\d)", offset)
    if match is None:
        return created.astimezone()
    from_utc = timedelta(hours=int(match[2]), minutes=int(match[3]))
    if from_utc > _FARTHEST:
        return created.astimezone()
    return created.astimezone(timezone(-from_utc if match[1] == "-" else from_utc))


def read_source(
    header: Dataset,
    sop_instance_uid: str,
    shape: tuple[int, ...],
    spacing_mm: tuple[float, float] | None,
) -> Source:
    """Both readings of `header`, which stays as it is; `shape` is (rows, columns)."""
    received = deepcopy(header)
    orientation = _patient_orientation(received)
    prepared = _identified(received, sop_instance_uid)
    prepared.Rows, prepared.Columns = shape
    # TID 1603 makes orientation and spacing mandatory for a projection radiograph. Where one is
    # unknown, the image library passes as no radiograph's rather than invent them.
    if orientation is not None and spacing_mm is not None:
        prepared.Modality = _ascii(received, "Modality") or "OT"
        prepared.PatientOrientation = list(orientation)
        prepared.ImagerPixelSpacing = list(spacing_mm)
    else:
        prepared.Modality = "OT"
    inherited = _inherited(received, str(prepared.StudyInstanceUID))
    return Source(prepared, inherited, orientation)


def stated_shape(header: Dataset) -> tuple[int, int] | None:
    """(rows, columns) as the header states them; None where it does not, or not as numbers."""
    sizes = [_ints(encoded_value(header, Tag(keyword))) for keyword in ("Rows", "Columns")]
    if any(len(size) != 1 or size[0] < 1 for size in sizes):
        return None
    return sizes[0][0], sizes[1][0]


def _identified(received: Dataset, sop_instance_uid: str) -> Dataset:
    """The well-formed part of the header, but for size and geometry."""
    prepared = Dataset()
    prepared.SOPInstanceUID = sop_instance_uid
    prepared.SOPClassUID = _uid(received, "SOPClassUID") or SecondaryCaptureImageStorage
    # A file that names no study or series is put in one of its own, always the same.
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID"):
        uid = _uid(received, keyword) or derived_uid(keyword, sop_instance_uid)
        setattr(prepared, keyword, uid)
    for keyword in _BLANK_WHEN_ABSENT:
        setattr(prepared, keyword, "")
    # Once lossy, always lossy (PS3.3 C.7.6.1.1.5), whatever was derived from it since.
    lossy = LOSSY if _ascii(received, LOSSY[0]) == "01" else ()
    for keyword in (*EQUIPMENT, *lossy):
        values = [value.strip()[:_LONG_STRING] for value in _ascii(received, keyword).split("\\")]
        if any(values) and _is_well_formed(Tag(keyword), "\\".join(values).encode()):
            setattr(prepared, keyword, values)
    return prepared


def encoded_value(dataset: Dataset, tag: BaseTag) -> bytes | None:
    """An attribute's value as Explicit VR Little Endian bytes; None if absent or unreadable."""
    if tag not in dataset:
        return None
    element = dataset.get_item(tag, keep_deferred=True)
    vr = dictionary_VR(tag)
    if isinstance(element, RawDataElement) and vr in STR_VR:
        # Text is the same bytes in every transfer syntax, and decoding could lose some.
        value = element.value or b""
    else:
        encoded = _encode(dataset, tag)
        if encoded is None:
            return None
        value = encoded[12 if vr in EXPLICIT_VR_LENGTH_32 else 8 :]
    return value if vr in EXPLICIT_VR_LENGTH_32 or len(value) <= _SHORT_LENGTH else None


def _inherited(received: Dataset, study: str) -> dict[BaseTag, RawDataElement]:
    elements = {}
    for keyword in (*IDENTIFYING, *DESCRIBING):
        tag = Tag(keyword)
        value = encoded_value(received, tag)
        if keyword in DESCRIBING and not _is_well_formed(tag, value):
            continue
        if value is None and keyword in _BLANK_WHEN_ABSENT:
            value = b""
        if keyword == "StudyInstanceUID" and not _uid(received, keyword):
            value = study.encode()
        if value is not None:
            elements[tag] = _element(tag, value)
    return elements


def _is_well_formed(tag: BaseTag, value: bytes | None) -> bool:
    """Whether the value has the form of its VR (PS3.5 6.2), as far as that needs no decoding."""
    vr = dictionary_VR(tag)
    if not value or vr not in _FORMAL_VRS:
        return True
    parts = value.decode("latin-1").strip(" \0").split("\\")
    try:
        for part in parts:
            validate_value(vr, part.strip(" "), RAISE)
    except ValueError:
        return False
    return True


def _element(tag: BaseTag, value: bytes) -> RawDataElement:
    if len(value) % 2:
        # Padding as PS3.5 6.2: a source of odd length must not make a file of odd length.
        value += b"\0" if dictionary_VR(tag) == "UI" else b" "
    return RawDataElement(tag, dictionary_VR(tag), len(value), value, 0, False, True)


def _encode(dataset: Dataset, tag: BaseTag) -> bytes | None:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    try:
        element = dataset[tag]
        element.VR = dictionary_VR(tag)
        element.is_undefined_length = False
        encodings = dataset.get("SpecificCharacterSet") or default_encoding
        write_data_element(buffer, element, encodings)
    except Exception:
        # pydicom raises whatever the malformed bytes provoke. What not even it can read, no PACS
        # has grouped by.
        return None
    return buffer.getvalue()


def _ascii(received: Dataset, keyword: str) -> str:
    """An attribute's text where it is plain ASCII, else nothing."""
    try:
        return (encoded_value(received, Tag(keyword)) or b"").decode("ascii").strip(" \0")
    except UnicodeDecodeError:
        return ""


def _uid(received: Dataset, keyword: str) -> str:
    """The one UID, however malformed; nothing where several stand in its place."""
    uid = _ascii(received, keyword)
    return "" if "\\" in uid else uid


def _ints(value: bytes | None) -> tuple[int, ...]:
    """The numbers of a US value."""
    return struct.unpack(f"<{len(value) // 2}H", value) if value and len(value) % 2 == 0 else ()


def _patient_orientation(received: Dataset) -> tuple[str, str] | None:
    directions = [part.strip() for part in _ascii(received, "PatientOrientation").split("\\")]
    if len(directions) != 2 or not all(_is_direction(part) for part in directions):
        return None
    return directions[0], directions[1]


def _is_direction(text: str) -> bool:
    """Whether this is one to three of the biped directions (PS3.3 C.7.6.1.1.1)."""
    return 0 < len(text) <= 3 and set(text) <= set("ALRPHF")
