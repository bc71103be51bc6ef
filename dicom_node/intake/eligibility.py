"""Is this instance a frontal chest radiograph we may analyse? A verdict from the header alone.

Real headers are poor: no View Position, no body part, a DX inside a Secondary Capture. So only
what the header *says* refuses; where it is silent, the lungs that are found decide (the worker
asks `Verdict.says_chest`).
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)

from dicom_node.intake.vocabulary import (
    DECUBITUS_CODES,
    FRONTAL_VIEW_CODES,
    LATERAL_VIEW_CODES,
    names_animal,
    names_chest,
    names_lateral,
    names_other_part,
    states_frontal,
    states_lateral,
    states_other_part,
)
from dicom_node.skipping import Refusal
from inference.header import MAX_PIXELS, items_of, text_of, texts_of

#: SOP Classes the node analyses, PS3.4 B.5.
ANALYSED_SOP_CLASSES: tuple[UID, ...] = (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)

_MODALITIES = {"CR", "DX"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the header says of the instance."""

    refusal: Refusal | None  #: None: may be analysed
    detail: str  #: the attribute and value behind a refusal
    says_chest: bool  #: the header names the chest; if not, the lungs found must decide

    @property
    def reason(self) -> str:
        """One sentence for the ledger and the log; empty when eligible."""
        if self.refusal is None:
            return ""
        return f"{self.refusal.value} ({self.detail})" if self.detail else self.refusal.value


def unsupported_class(sop_class_uid: str) -> str:
    """The reason for which no instance of this SOP Class is analysed; empty for those that are."""
    header = Dataset()
    header.SOPClassUID = sop_class_uid
    detail = _unsupported_class(header)
    return Verdict(Refusal.UNSUPPORTED_CLASS, detail, says_chest=False).reason if detail else ""


def judge(header: Dataset, passing_over: Collection[Refusal] = ()) -> Verdict:
    """The verdict on one instance, whatever of it is passed over. Malformed values count as absent;
    nothing raises.
    """
    says_chest = any(names_chest(text) for text in _body_part_texts(header))
    for refusal, found in _RULES:
        if refusal not in passing_over and (detail := found(header)):
            return Verdict(refusal, detail, says_chest)
    return Verdict(None, "", says_chest)


# Each rule looks for what refuses: the attribute and its value, or "" when it finds nothing.


def _unsupported_class(header: Dataset) -> str:
    sop_class = text_of(header, "SOPClassUID")
    return "" if sop_class in ANALYSED_SOP_CLASSES else f"SOP Class {UID(sop_class).name}"


def _not_radiography(header: Dataset) -> str:
    modality = text_of(header, "Modality").upper()
    is_capture = text_of(header, "SOPClassUID") == SecondaryCaptureImageStorage
    if modality in _MODALITIES or (not modality and not is_capture):
        return ""
    return f"Modality {modality or 'is absent in a Secondary Capture'}"


def _multi_frame(header: Dataset) -> str:
    frames = text_of(header, "NumberOfFrames")
    return f"Number of Frames {frames}" if frames.isdigit() and int(frames) > 1 else ""


def _not_human(header: Dataset) -> str:
    species = text_of(header, "PatientSpeciesDescription")
    if species and not re.search(r"HOMO SAPIENS|HUMAN", species, re.I):
        return f"Patient Species {species}"
    texts = (*_series_texts(header), *_study_texts(header))
    return next((text for text in texts if names_animal(text)), "")


def _derived(header: Dataset) -> str:
    """DERIVED\\SECONDARY is an image made from another one after the examination (PS3.3
    C.7.6.1.1.2): ours, a bone-suppressed one, a print. Vendors mark their processed primary image
    DERIVED\\PRIMARY, and converters every Secondary Capture DERIVED\\SECONDARY: those pass."""
    image_type = [part.upper() for part in texts_of(header, "ImageType")]
    if image_type[:2] != ["DERIVED", "SECONDARY"]:
        return ""
    is_capture = text_of(header, "SOPClassUID") == SecondaryCaptureImageStorage
    if is_capture and not items_of(header, "SourceImageSequence"):
        return ""
    return "Image Type " + "\\".join(image_type)


def _not_chest(header: Dataset) -> str:
    """What states a part of the body is believed before what mentions one.

    A protocol THORAX ABDOMEN has images of both, and Body Part Examined says which this one is.
    """
    stated = [text for text in _stated_parts(header) if text]
    if any(names_chest(text) for text in stated):
        return ""
    for text in stated:
        if states_other_part(text):
            return f"Body Part Examined {text}"
    if any(names_chest(text) for text in _body_part_texts(header)):
        return ""
    return next((text for text in _series_texts(header) if names_other_part(text)), "")


def _lateral(header: Dataset) -> str:
    view = text_of(header, "ViewPosition")
    if states_lateral(view):
        return f"View Position {view}"
    if states_frontal(view):
        return ""
    for item in _decubitus_positions(header):
        return f"Patient Orientation Modifier {_meaning(item)}"
    codes = items_of(header, "ViewCodeSequence")
    for item in codes:
        if text_of(item, "CodeValue") in LATERAL_VIEW_CODES or states_lateral(_meaning(item)):
            return f"View Code {_meaning(item)}"
    orientation = [part.upper() for part in texts_of(header, "PatientOrientation")]
    # Rows or columns that run from front to back are seen from the side (PS3.3 C.7.6.1.1.1).
    if any(part[:1] in ("A", "P") for part in orientation):
        return "Patient Orientation " + "\\".join(orientation)
    if any(_is_frontal(item) for item in codes):
        return ""
    return next((text for text in _series_texts(header) if names_lateral(text)), "")


def _is_frontal(view_code: Dataset) -> bool:
    return text_of(view_code, "CodeValue") in FRONTAL_VIEW_CODES or states_frontal(
        _meaning(view_code)
    )


def _decubitus_positions(header: Dataset) -> Iterator[Dataset]:
    """PS3.3 C.8.11.5, DX Positioning: how the patient lay, where that is on the side."""
    for position in items_of(header, "PatientOrientationCodeSequence"):
        for modifier in items_of(position, "PatientOrientationModifierCodeSequence"):
            if text_of(modifier, "CodeValue") in DECUBITUS_CODES:
                yield modifier


def _too_large(header: Dataset) -> str:
    rows, columns = text_of(header, "Rows"), text_of(header, "Columns")
    if rows.isdigit() and columns.isdigit() and int(rows) * int(columns) > MAX_PIXELS:
        return f"{rows} x {columns} pixels, the limit is {MAX_PIXELS // 10**6} megapixels"
    return ""


_RULES: tuple[tuple[Refusal, Callable[[Dataset], str]], ...] = (
    (Refusal.UNSUPPORTED_CLASS, _unsupported_class),
    (Refusal.NOT_RADIOGRAPHY, _not_radiography),
    (Refusal.NOT_CHEST, _not_chest),
    (Refusal.LATERAL, _lateral),
    (Refusal.NOT_HUMAN, _not_human),
    (Refusal.DERIVED, _derived),
    (Refusal.MULTI_FRAME, _multi_frame),
    (Refusal.TOO_LARGE, _too_large),
)


def _stated_parts(header: Dataset) -> Iterator[str]:
    yield text_of(header, "BodyPartExamined")
    yield from _codes_meaning(header, "AnatomicRegionSequence")


def _body_part_texts(header: Dataset) -> Iterator[str]:
    yield from _stated_parts(header)
    yield from _series_texts(header)
    yield from _study_texts(header)


def _series_texts(header: Dataset) -> Iterator[str]:
    """What people and machines wrote about this image or series, most specific first."""
    yield text_of(header, "AcquisitionDeviceProcessingDescription")
    yield text_of(header, "ProtocolName")
    yield text_of(header, "SeriesDescription")
    yield from _codes_meaning(header, "PerformedProtocolCodeSequence")


def _study_texts(header: Dataset) -> Iterator[str]:
    """What was written about the whole study, of which this may be any one view."""
    yield from _codes_meaning(header, "ProcedureCodeSequence")
    yield text_of(header, "PerformedProcedureStepDescription")
    yield text_of(header, "StudyDescription")


def _codes_meaning(header: Dataset, keyword: str) -> Iterator[str]:
    return (_meaning(item) for item in items_of(header, keyword))


def _meaning(code: Dataset) -> str:
    return text_of(code, "CodeMeaning")
