"""What an archive is asked for, whatever the way: studies of a patient, their images, one file."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from pydicom import Dataset

from dicom_node.intake.taken import date_of
from inference.header import text_of, texts_of


@dataclass(frozen=True, slots=True)
class StudyMatch:
    """A study that it shows; "" where it does not say."""

    study_instance_uid: str
    date: str  #: YYYY-MM-DD
    modalities: frozenset[str]
    #: Of the patient: Patient ID, its issuer, birth date (YYYYMMDD) and sex.
    patient: Dataset


@dataclass(frozen=True, slots=True)
class ImageMatch:
    """An instance that it shows."""

    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str


class Conversation(Protocol):
    """An archive that is being asked. Each raises DestinationUnavailable, and NotOffered where it
    lets nobody ask.
    """

    def studies(self, patient_id: str, since: str, until: str) -> list[StudyMatch]:
        """Of this Patient ID, from and to these days (YYYY-MM-DD); others too, perhaps."""

    def images(self, study: StudyMatch) -> list[ImageMatch]:
        """What its series of radiographs hold."""

    def fetch(self, image: ImageMatch) -> bytes:
        """The whole Part 10 file; raises NotRetrieved where it does not give that one."""


class Archive(Protocol):
    """One that may be asked."""

    def open(self) -> AbstractContextManager[Conversation]:
        """Raises DestinationUnavailable with the reason."""


#: Modality (0008,0060) of series that are looked into: see `intake.eligibility`.
RADIOGRAPHY = frozenset({"CR", "DX", ""})


def study_of(match: Dataset) -> StudyMatch:
    modalities = frozenset(one.upper() for one in texts_of(match, "ModalitiesInStudy") if one)
    date = date_of(text_of(match, "StudyDate"))
    return StudyMatch(text_of(match, "StudyInstanceUID"), date, modalities, match)


def is_radiography(series: Dataset) -> bool:
    return text_of(series, "Modality").upper() in RADIOGRAPHY


def image_of(match: Dataset, study_instance_uid: str, series_instance_uid: str) -> ImageMatch:
    sop_class, instance = text_of(match, "SOPClassUID"), text_of(match, "SOPInstanceUID")
    return ImageMatch(study_instance_uid, series_instance_uid, sop_class, instance)


def dates(since: str, until: str) -> str:
    """Range matching, PS3.4 C.2.2.2.5."""
    return "-".join(one.replace("-", "") for one in (since, until))
