"""Rejection notes as an archive writes them, and what a result refers to."""

import copy

from pydicom import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage, generate_uid

from dicom_node.intake.rejection import TITLES


def referenced(dataset: Dataset, keyword: str) -> set[str]:
    """SOP Instance UIDs of a hierarchical reference."""
    return {
        instance.ReferencedSOPInstanceUID
        for study in dataset.get(keyword, ())
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }


def predecessors(report: Dataset) -> set[str]:
    return referenced(report, "PredecessorDocumentsSequence")


def title(note: Dataset) -> str:
    return TITLES[note.ConceptNameCodeSequence[0].CodeValue]


def rejection_note(code: str, *images: Dataset) -> Dataset:
    """As an archive writes one, for images or for key objects."""
    note = copy.deepcopy(images[0])
    for keyword in ("PixelData", "Rows", "Columns", "ContentSequence"):
        if keyword in note:
            del note[keyword]
    note.SOPClassUID = note.file_meta.MediaStorageSOPClassUID = KeyObjectSelectionDocumentStorage
    note.SOPInstanceUID = note.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    note.SeriesInstanceUID = generate_uid()
    note.Modality = "KO"
    name, study, series = Dataset(), Dataset(), Dataset()
    name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = code, "DCM", TITLES[code]
    note.ConceptNameCodeSequence = [name]
    study.StudyInstanceUID = images[0].StudyInstanceUID
    study.ReferencedSeriesSequence = [series]
    series.SeriesInstanceUID = images[0].SeriesInstanceUID
    series.ReferencedSOPSequence = []
    for image in images:
        item = Dataset()
        item.ReferencedSOPClassUID = image.SOPClassUID
        item.ReferencedSOPInstanceUID = image.SOPInstanceUID
        series.ReferencedSOPSequence.append(item)
    note.CurrentRequestedProcedureEvidenceSequence = [study]
    return note
