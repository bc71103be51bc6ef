"""What the ledger keeps of a received instance's header: read once, and leniently.

Without its four UIDs an instance cannot be kept. Whatever else is missing, odd or too long costs
only itself.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pydicom import Dataset, dcmread
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag, Tag

from dicom_node.errors import ClassMismatch, InvalidUid, NotDicom
from dicom_node.intake.correction import SEGMENTATION
from dicom_node.intake.eligibility import ANALYSED_SOP_CLASSES
from dicom_node.intake.rejection import KEY_OBJECT_SELECTION
from dicom_node.intake.store_requests import uid_fault, written
from dicom_node.ledger import InstanceKind, Origin, StoredInstance
from dicom_node.patients import Patients
from dicom_node.spool import StoredFile
from inference.decoding.bounded import bounded
from inference.header import items_of, number_of, texts_of

#: Characters of a text that are kept: the most that any of them may have (VR LO).
MOST_CHARACTERS = 64

_UID_KEYWORDS = ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
_MAKER = ["Manufacturer", "ManufacturerModelName"]
_TEXTS = [*_MAKER, "StationName", "AccessionNumber", "PatientID", "IssuerOfPatientID"]
#: When the image was taken, best first; the first is a date and time in one.
_TIMES = [("AcquisitionDateTime",), ("AcquisitionDate", "AcquisitionTime"),
          ("ContentDate", "ContentTime")]  # fmt: skip
_ZONE = "TimezoneOffsetFromUTC"
_VOLTAGE = "KVP"
#: Kilovolts: more has no tube that X-rays a person.
_MOST_KV = 400.0
#: What was requested may stand here too, an item for each request (PS3.3 Table 10-9).
_REQUESTS = "RequestAttributesSequence"
_READ = [*_UID_KEYWORDS, *_TEXTS, *(keyword for keywords in _TIMES for keyword in keywords), _ZONE,
         _VOLTAGE]  # fmt: skip

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
    said: Mapping[str, Sequence[str]]  #: of what else was asked, by keyword

    def stored(self, file: StoredFile, calling_aet: str) -> StoredInstance:
        """The instance once its file is in the spool."""
        return StoredInstance(
            sop_class_uid=self.sop_class_uid,
            sop_instance_uid=self.sop_instance_uid,
            study_instance_uid=self.study_instance_uid,
            series_instance_uid=self.series_instance_uid,
            transfer_syntax_uid=self.transfer_syntax_uid,
            calling_aet=calling_aet,
            path=file.path,
            sha256=file.sha256,
            size_bytes=file.size_bytes,
            kind=self.kind,
            origin=self.origin,
        )


def read_index(
    content: bytes,
    sop_class_uid: str,
    sop_instance_uid: str,
    patients: Patients,
    also: Collection[str] = (),
    *,
    corrections: bool = False,
) -> Index:
    """Of a Part 10 file that a request named so; raises InvalidUid, NotDicom or ClassMismatch.

    `also`: keywords of further attributes, texts all, whose values are asked for. `corrections`:
    Segmentations are looked at.
    """
    if fault := uid_fault(sop_instance_uid):
        raise InvalidUid(f"SOP Instance UID {fault}")
    index = index_of(content, sop_instance_uid, patients, also, corrections=corrections)
    if (index.sop_instance_uid, index.sop_class_uid) != (sop_instance_uid, sop_class_uid):
        raise ClassMismatch(
            f"data set is {index.sop_instance_uid}, the request says {sop_instance_uid}"
        )
    return index


def index_of(
    content: bytes,
    name: str,
    patients: Patients,
    also: Collection[str] = (),
    *,
    corrections: bool = False,
) -> Index:
    """Of a Part 10 file, called so in errors; raises NotDicom."""
    try:
        header = _header(content, [*_READ, *also, _REQUESTS])
        uids = {keyword: written(header, keyword) for keyword in _UID_KEYWORDS}
    except MemoryError:
        # No fault of the bytes: the sender is to try again.
        raise
    except Exception as exc:
        # pydicom raises a dozen unrelated types on bytes that are no data set.
        raise NotDicom(f"{name}: no readable data set ({exc})") from exc
    for keyword, uid in uids.items():
        if not uid:
            raise NotDicom(f"{name}: data set has no {keyword}")
    return Index(
        kind=_kind(uids["SOPClassUID"], corrections),
        sop_class_uid=uids["SOPClassUID"],
        sop_instance_uid=uids["SOPInstanceUID"],
        study_instance_uid=uids["StudyInstanceUID"],
        series_instance_uid=uids["SeriesInstanceUID"],
        transfer_syntax_uid=str(header.file_meta.TransferSyntaxUID),
        origin=_origin(header, patients),
        said={keyword: _values(header, keyword) for keyword in also},
    )


def _header(content: bytes, wanted: Sequence[str]) -> Dataset:
    """What is asked for of it; all that is large in others than radiographs lies behind that."""
    tags: list[BaseTag | int] = [Tag(keyword) for keyword in wanted]
    last = max(tags)

    def is_behind(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        return bool(tag > last)

    header = read_partial(bounded(content, is_behind), stop_when=is_behind, specific_tags=tags)
    if all(keyword in header for keyword in _UID_KEYWORDS):
        return header
    # Not in the order of tags, as some write.
    return dcmread(bounded(content), stop_before_pixels=True, specific_tags=list(wanted))


def _kind(sop_class_uid: str, corrections: bool) -> InstanceKind:
    if sop_class_uid in ANALYSED_SOP_CLASSES:
        return InstanceKind.RADIOGRAPH
    if corrections and sop_class_uid == SEGMENTATION:
        return InstanceKind.SEGMENTATION
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
        kvp=_kvp(header),
    )


def _kvp(header: Dataset) -> float | None:
    value = number_of(header, _VOLTAGE)
    return value if value is not None and 0 < value <= _MOST_KV else None


def _values(header: Dataset, keyword: str) -> list[str]:
    """Of an attribute and, in each request, of the same."""
    own = [value.strip(" \0") for value in _text(header, keyword).split("\\")]
    requested = (texts_of(item, keyword) for item in items_of(header, _REQUESTS))
    return [value for values in (own, *requested) for value in values if value]


def _text(header: Dataset, keyword: str) -> str:
    """A text in the header's own character set, or nearly so; "" where it is absent."""
    if keyword in header and header.get_item(keyword, keep_deferred=True).VR == "SQ":
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
