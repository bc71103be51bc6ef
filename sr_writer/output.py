"""One object that leaves, and the SOP Class of each kind (PS3.4 B.5)."""

from dataclasses import dataclass

from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from sr_writer.identity import Identity, Role

SOP_CLASS = {
    Role.SEG: SegmentationStorage,
    Role.SR: Comprehensive3DSRStorage,
    Role.SR2D: ComprehensiveSRStorage,
    Role.SC: SecondaryCaptureImageStorage,
    Role.KO: KeyObjectSelectionDocumentStorage,
    Role.PR: GrayscaleSoftcopyPresentationStateStorage,
    Role.DOC: EncapsulatedPDFStorage,
}


@dataclass(frozen=True, slots=True)
class Output:
    """One object that leaves."""

    role: Role
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    transfer_syntax_uid: str
    content: bytes  #: a complete Part 10 file


def output_of(role: Role, content: bytes, study_instance_uid: str, identity: Identity) -> Output:
    """`content` under the names that `identity` gives it."""
    return Output(
        role=role,
        sop_class_uid=SOP_CLASS[role],
        sop_instance_uid=identity.sop_instance_uid(role),
        series_instance_uid=identity.series_instance_uid(role),
        study_instance_uid=study_instance_uid,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content=content,
    )
