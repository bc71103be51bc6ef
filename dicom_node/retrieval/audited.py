"""What was asked of an archive and what it gave, for the audit trail (PS3.15 A.5.3.7, A.5.3.10)."""

from pydicom import Dataset

from dicom_node.audit import Trail, events, subject_of
from dicom_node.config import AnyDestination
from dicom_node.delivery.audited import STUDY_ROOT_FIND, encoded, participant_of
from dicom_node.retrieval.archive import ImageMatch
from dicom_node.retrieval.inquiring import Heard


def told(trail: Trail, to: AnyDestination) -> Heard:
    """Nobody, where no trail is kept."""
    if not trail.is_on:
        return Heard()
    there = participant_of(to)

    def asked(patient_id: str, fault: str) -> None:
        wanted = Dataset()
        wanted.QueryRetrieveLevel = "STUDY"
        wanted.PatientID = patient_id
        query, syntax = encoded(wanted)
        trail.record(events.queried(trail.process, there, STUDY_ROOT_FIND, syntax, query, fault))

    def given(content: bytes, image: ImageMatch) -> None:
        subject = subject_of(content, image.study_instance_uid)
        trail.record(events.transferred(there, trail.process, subject, {image.sop_class_uid: 1}))

    return Heard(asked, given)
