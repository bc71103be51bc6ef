"""The page as an object: Encapsulated PDF (PS3.3 A.45.1), for archives that keep documents."""

from pydicom import Dataset

from sr_writer import codes
from sr_writer.case import Case, painting_of
from sr_writer.doc import DOC
from sr_writer.doc.earlier import pictures_of
from sr_writer.doc.page import draw_page
from sr_writer.doc.patient import patient_of
from sr_writer.provenance import coded, source_image, stamp


def build(case: Case) -> Dataset:
    """The page of what was found."""
    source, identity = case.source, case.identity
    words = case.words
    page = draw_page(
        case.findings, case.shared(painting_of), patient_of(source), identity, words,
        case.shared(pictures_of),
    )  # fmt: skip
    dataset = Dataset()
    dataset.SOPClassUID = DOC.sop_class_uid
    dataset.SOPInstanceUID = identity.sop_instance_uid(DOC.role)
    dataset.Modality = "DOC"
    dataset.ConversionType = "WSD"
    dataset.InstanceNumber = 1
    dataset.AcquisitionDateTime = ""
    dataset.BurnedInAnnotation = "YES"
    dataset.DocumentTitle = words.write(words("page.document"))
    dataset.ConceptNameCodeSequence = [coded(codes.REPORT_TITLE)]
    dataset.SourceInstanceSequence = [source_image(source)]
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocument = page + b"\0" * (len(page) % 2)
    dataset.EncapsulatedDocumentLength = len(page)
    stamp(dataset, DOC, identity, source)
    return dataset
