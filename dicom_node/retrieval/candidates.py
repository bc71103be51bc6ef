"""Which of what an archive shows is wanted: the last studies of the patient before a radiograph."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pydicom import Dataset

from dicom_node.intake.belonging import contradiction
from dicom_node.intake.eligibility import ANALYSED_SOP_CLASSES
from dicom_node.intake.taken import DATE
from dicom_node.retrieval.archive import RADIOGRAPHY, ImageMatch, StudyMatch
from inference.header import text_of
from sr_writer.progression import Omission


@dataclass(frozen=True, slots=True)
class Wanted:
    """A radiograph, and what is wanted before it."""

    header: Dataset
    patient_hash: str  #: of its Patient ID and issuer
    taken: str  #: as `intake.taken` has it
    study_instance_uid: str
    days: int  #: how far back
    most: int  #: studies

    @property
    def patient_id(self) -> str:
        return text_of(self.header, "PatientID")

    @property
    def since(self) -> str:
        """YYYY-MM-DD."""
        return (date.fromisoformat(self.until) - timedelta(days=self.days)).isoformat()

    @property
    def until(self) -> str:
        """The day itself: one may have been taken in the morning."""
        return self.taken[:DATE]


def candidates(shown: Sequence[StudyMatch], wanted: Wanted) -> Iterator[StudyMatch]:
    """Of the patient's other studies within the window those that may hold a radiograph, the last
    first; an archive may overlook what it does not know in a question, and give all that it has.
    """
    for study in sorted(shown, key=lambda one: one.date, reverse=True):
        is_within = not study.date or wanted.since <= study.date <= wanted.until
        may_hold = not study.modalities or study.modalities & RADIOGRAPHY
        is_other = study.study_instance_uid not in ("", wanted.study_instance_uid)
        if is_other and is_within and may_hold and _is_of(study.patient, wanted.header):
            yield study


def contradiction_of(study: StudyMatch, wanted: Wanted) -> Omission | None:
    """What the archive itself says against the patient; what it does not say, the image will."""
    why = contradiction(study.patient, wanted.header)
    return why if why is Omission.OTHER_PATIENT else None


def may_be_analysed(image: ImageMatch) -> bool:
    """By its SOP Class."""
    return image.sop_class_uid in (*ANALYSED_SOP_CLASSES, "")


def _is_of(patient: Dataset, header: Dataset) -> bool:
    """Whether ID and issuer are the same; an issuer that is not told may be."""
    issuer = text_of(patient, "IssuerOfPatientID")
    return text_of(patient, "PatientID") == text_of(header, "PatientID") and (
        not issuer or issuer == text_of(header, "IssuerOfPatientID")
    )
