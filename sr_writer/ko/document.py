"""What the Key Object Selection and the rejection note, which is one, share (PS3.3 A.35.4)."""

from pydicom import Dataset

from sr_writer.identity import Identity
from sr_writer.ko import KO
from sr_writer.provenance import stamp
from sr_writer.source import Source


def key_object(
    content: Dataset, selected: list[Dataset], source: Source, identity: Identity
) -> Dataset:
    """The document; `selected` are its items of Current Requested Procedure Evidence."""
    document = Dataset()
    document.SOPClassUID = KO.sop_class_uid
    document.SOPInstanceUID = identity.sop_instance_uid(KO.role)
    document.Modality = "KO"
    document.InstanceNumber = 1
    document.ReferencedPerformedProcedureStepSequence = []
    document.CurrentRequestedProcedureEvidenceSequence = selected
    document.update(content)
    stamp(document, KO, identity, source)
    return document
