"""What the ledger keeps of a received instance's header: read once, and leniently.

Without its four UIDs an instance cannot be kept. Whatever else is missing, odd or too long costs
only itself.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO

from pydicom import Dataset, dcmread
from pydicom.charset import convert_encodings, decode_bytes

from dicom_node.errors import ClassMismatch, InvalidUid, NotDicom
from dicom_node.intake.eligibility import ANALYSED_SOP_CLASSES
from dicom_node.intake.rejection import KEY_OBJECT_SELECTION
from dicom_node.intake.store_requests import uid_fault, written
from dicom_node.ledger import InstanceKind, Origin
from dicom_node.patients import Patients

#: Characters of a text that are kept: the most that any of them may have (VR LO).
MOST_CHARACTERS = 64

_UID_KEYWORDS = ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
_MAKER = ["Manufacturer", "ManufacturerModelName"]
_TEXTS = [*_MAKER, "StationName", "AccessionNumber", "PatientID", "IssuerOfPatientID"]
#: When the image was taken, best first; the first is a date and time in one.
_TIMES = [("AcquisitionDateTime",), ("AcquisitionDate", "AcquisitionTime"),
          ("ContentDate", "ContentTime")]  # fmt: skip
_ZONE = "TimezoneOffsetFromUTC"
_READ = [*_UID_KEYWORDS, *_TEXTS, *(keyword for keywords in _TIMES for keyword in keywords), _ZONE]

#: VR DT, and VR DA with TM behind it; dots and colons as ACR-NEMA wrote them.
_DATE_TIME = re.compile(
    r"([0-9]{4})[.-]?([0-9]{2})[.-]?([0-9]{2})"
    r"(?:([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2})(?:\.[0-9]*)?)?)?)?([+-][0-9]{4})?"
)


@dataclass(frozen=True, slots=True)
class Index:
    """What the ledger is to know of an instance."""

    kind: InstanceKind
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    origin: Origin


def read_index(
    content: bytes, sop_class_uid: str, sop_instance_uid: str, patients: Patients
) -> Index:
    """Of a Part 10 file that a request named so; raises InvalidUid, NotDicom or ClassMismatch."""
    if fault := uid_fault(sop_instance_uid):
        raise InvalidUid(f"SOP Instance UID {fault}")
    try:
        header = dcmread(BytesIO(content), stop_before_pixels=True, specific_tags=_READ)
        uids = {keyword: written(header, keyword) for keyword in _UID_KEYWORDS}
    except Exception as exc:
        # pydicom raises a dozen unrelated types on bytes that are no data set.
        raise NotDicom(f"{sop_instance_uid}: no readable data set ({exc})") from exc
    for keyword, uid in uids.items():
        if not uid:
            raise NotDicom(f"{sop_instance_uid}: data set has no {keyword}")
    if uids["SOPInstanceUID"] != sop_instance_uid or uids["SOPClassUID"] != sop_class_uid:
        raise ClassMismatch(
            f"data set is {uids['SOPInstanceUID']}, the request says {sop_instance_uid}"
        )
    return Index(
        kind=_kind(sop_class_uid),
        sop_class_uid=sop_class_uid,
        sop_instance_uid=sop_instance_uid,
        study_instance_uid=uids["StudyInstanceUID"],
        series_instance_uid=uids["SeriesInstanceUID"],
        transfer_syntax_uid=str(header.file_meta.TransferSyntaxUID),
        origin=_origin(header, patients),
    )


def _kind(sop_class_uid: str) -> InstanceKind:
    if sop_class_uid in ANALYSED_SOP_CLASSES:
        return InstanceKind.RADIOGRAPH
    # It may be a rejection note: the worker reads it.
    is_key_object = sop_class_uid == KEY_OBJECT_SELECTION
    return InstanceKind.CORRECTION if is_key_object else InstanceKind.OTHER


def _origin(header: Dataset, patients: Patients) -> Origin:
    said = {keyword: _text(header, keyword) for keyword in _TEXTS}
    return Origin(
        accession_number=said["AccessionNumber"][:MOST_CHARACTERS],
        patient_hash=patients.hash(said["PatientID"], said["IssuerOfPatientID"]),
        patient_id_hash=patients.hash(said["PatientID"]),
        acquired_at=_acquired_at(header),
        manufacturer=said["Manufacturer"][:MOST_CHARACTERS],
        model_name=said["ManufacturerModelName"][:MOST_CHARACTERS],
        station_name=said["StationName"][:MOST_CHARACTERS],
    )


def _text(header: Dataset, keyword: str) -> str:
    """A text in the header's own character set, or nearly so; "" where it is absent."""
    if keyword in header and header.get_item(keyword).VR == "SQ":
        # It would bring along whatever is in it.
        return ""
    as_it_came = written(header, keyword)
    if as_it_came.isascii() and "\x1b" not in as_it_came:
        return as_it_came
    try:
        encodings = convert_encodings(header.get("SpecificCharacterSet"))
        return decode_bytes(as_it_came.encode("latin-1"), encodings, set())
    except Exception:
        # Of hostile bytes pydicom raises what it likes; no text is worth an instance.
        return as_it_came


def _acquired_at(header: Dataset) -> str:
    """ISO 8601; "" where no time that can be read is there."""
    zone = _text(header, _ZONE)
    for keywords in _TIMES:
        moment = _moment("".join(_text(header, keyword) for keyword in keywords), zone)
        if moment:
            return moment
    return ""


def _moment(text: str, zone: str) -> str:
    # A date alone where the time behind it is none.
    found = _DATE_TIME.fullmatch(text) or _DATE_TIME.fullmatch(text[:8])
    if not found:
        return ""
    year, month, day, *time, own_zone = found.groups()
    try:
        day_of_it = date(int(year), int(month), int(day)).isoformat()
        if time[0] is None:
            return day_of_it
        hours, minutes, seconds = (part or "00" for part in time)
        moment = f"{day_of_it}T{hours}:{minutes}:{seconds}{own_zone or zone}"
        return datetime.fromisoformat(moment).isoformat()
    except ValueError:
        return ""
