"""The page as an object: Encapsulated PDF (PS3.3 A.45.1), for archives that keep documents."""

from pydicom import Dataset

from inference.findings import Findings
from sr_writer import codes
from sr_writer.doc.page import draw_page
from sr_writer.doc.patient import patient_of
from sr_writer.identity import Identity, Role
from sr_writer.output import SOP_CLASS
from sr_writer.painting import Painting
from sr_writer.provenance import coded, source_image, stamp
from sr_writer.source import Source


def build_document(
    source: Source, findings: Findings, painting: Painting, identity: Identity
) -> Dataset:
    """The DOC of `findings`, complete but for the attributes it inherits as received."""
    page = draw_page(findings, painting, patient_of(source), identity)
    dataset = Dataset()
    dataset.SOPClassUID = SOP_CLASS[Role.DOC]
    dataset.SOPInstanceUID = identity.sop_instance_uid(Role.DOC)
    dataset.Modality = "DOC"
    dataset.ConversionType = "WSD"
    dataset.InstanceNumber = 1
    dataset.AcquisitionDateTime = ""
    dataset.BurnedInAnnotation = "YES"
    dataset.DocumentTitle = "Lungs and COVID-19 infection, not for diagnosis"
    dataset.ConceptNameCodeSequence = [coded(codes.REPORT_TITLE)]
    dataset.SourceInstanceSequence = [source_image(source)]
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocument = page + b"\0" * (len(page) % 2)
    dataset.EncapsulatedDocumentLength = len(page)
    stamp(dataset, Role.DOC, identity, source)
    return dataset
