"""Whom an instance is of, as an audit message names a patient and a study."""

from dataclasses import dataclass
from io import BytesIO

from pydicom import Dataset, dcmread

_KEYWORDS = ["SpecificCharacterSet", "AccessionNumber", "PatientName", "PatientID",
             "IssuerOfPatientID", "StudyInstanceUID"]  # fmt: skip
#: Characters of a text that are told: the most that VR LO and PN may have.
_LONGEST = 64


@dataclass(frozen=True, slots=True, repr=False)
class Subject:
    """A patient and one study of theirs. Never logged: its `repr` says nothing."""

    study_instance_uid: str
    patient_id: str = ""  #: "": the header does not say, here and below
    issuer: str = ""  #: of the Patient ID
    patient_name: str = ""
    accession_number: str = ""

    def __repr__(self) -> str:
        return "Subject(...)"


def subject_of(content: bytes, study_instance_uid: str = "") -> Subject:
    """Of a Part 10 file; with nothing but `study_instance_uid` where that cannot be read."""
    try:
        header = dcmread(BytesIO(content), stop_before_pixels=True, specific_tags=_KEYWORDS)
        said = {keyword: _text(header, keyword) for keyword in _KEYWORDS[1:]}
    except Exception:
        # Of hostile bytes pydicom raises what it likes; what happened to them is told all the same.
        return Subject(study_instance_uid)
    return Subject(
        study_instance_uid or said["StudyInstanceUID"],
        said["PatientID"],
        said["IssuerOfPatientID"],
        said["PatientName"],
        said["AccessionNumber"],
    )


def _text(header: Dataset, keyword: str) -> str:
    return str(header.get(keyword) or "").strip(" \0")[:_LONGEST]
