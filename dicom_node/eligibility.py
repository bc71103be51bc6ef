"""Is this instance a frontal chest radiograph we may analyse? A verdict from the header alone.

Real headers are poor: no View Position, no body part, a DX inside a Secondary Capture. So only
what the header *says* refuses; where it is silent, the lungs that are found decide (the worker
asks `Verdict.says_chest`).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pydicom import Dataset, Sequence
from pydicom.multival import MultiValue
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)

#: SOP Classes the node accepts, PS3.4 B.5.
ACCEPTED_SOP_CLASSES: tuple[UID, ...] = (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)
#: Far more than any detector has (43 x 43 cm at 0.1 mm is 18.5); guards memory.
MAX_MEGAPIXELS = 100

_MODALITIES = {"CR", "DX"}
_CHEST = re.compile(r"CHEST|THORAX|LUNG|\bRIB|RIBCAGE|PULMO|TORAX|THORAC", re.I)
#: Body parts (PS3.16 Annex L) and the words of protocols that exclude a chest radiograph.
_NOT_CHEST = re.compile(
    r"HIP|PELVI|TIBIA|FIBULA|FEMUR|KNEE|ANKLE|FOOT|FEET|TOE|HAND|WRIST|FINGER|THUMB|ELBOW|FOREARM"
    r"|HUMERUS|SHOULDER|CLAVICLE|SCAPULA|SKULL|HEAD|NECK|JAW|MANDIBLE|SINUS|[CLTS]SPINE|SPINE"
    r"|ABDOMEN|KUB|EXTREMITY|\bARM\b|\bLEG\b|BREAST|SACRUM|COCCYX|CALCANEUS|HEEL|WHOLEBODY",
    re.I,
)
_FRONTAL_VIEWS = {"PA", "AP"}
#: Defined terms of View Position (PS3.3 C.8.7.1.1.3) that are not frontal, and vendors' own.
_LATERAL_VIEWS = {
    *("LL", "RL", "LLD", "RLD", "LLO", "RLO", "LAO", "RAO", "LPO", "RPO"),
    *("LAT", "LATERAL", "OBLIQUE"),
}
_LATERAL = re.compile(r"\b(LAT|LATERAL|LATERALE|OBLIQUE|DECUBITUS)\b", re.I)
_FRONTAL = re.compile(r"\b(PA|AP|FRONTAL|POSTEROANTERIOR|ANTEROPOSTERIOR)\b", re.I)
_ANIMAL = re.compile(r"\b(CANINE|FELINE|EQUINE|BOVINE|CANIS|FELIS|VETERINARY)\b", re.I)
#: The lateral, sagittal and oblique projections of PS3.16 CID 4010, SNOMED CT.
_LATERAL_VIEW_CODES = {
    *("399067008", "399173006", "399198007", "399352003", "399260004", "30730003"),
    *("399182000", "399184004", "399236003", "399135007", "399356000", "399006002"),
    *("399038007", "399312000", "399059000", "399160007", "260427002"),
}


class Refusal(Enum):
    """Why an instance is stored but not analysed."""

    UNSUPPORTED_CLASS = "SOP Class is not CR, DX or Secondary Capture"
    NOT_RADIOGRAPHY = "Modality is neither CR nor DX"
    NOT_CHEST = "Body Part Examined is not the chest"
    LATERAL = "not a frontal view"
    DERIVED = "derived from another image"
    MULTI_FRAME = "more than one frame"
    NOT_HUMAN = "not a human patient"
    TOO_LARGE = "too large to analyse"
    NO_LUNGS = "the header does not say what is shown, and no lungs were found"


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


def judge(header: Dataset) -> Verdict:
    """The verdict on one instance. Malformed values count as absent; nothing raises."""
    says_chest = bool(_CHEST.search(" ".join(_body_part_texts(header))))
    for refusal, found in _RULES:
        if detail := found(header):
            return Verdict(refusal, detail, says_chest)
    return Verdict(None, "", says_chest)


# Each rule looks for what refuses: the attribute and its value, or "" when it finds nothing.


def _unsupported_class(header: Dataset) -> str:
    sop_class = _text(header, "SOPClassUID")
    return "" if sop_class in ACCEPTED_SOP_CLASSES else f"SOP Class {UID(sop_class).name}"


def _not_radiography(header: Dataset) -> str:
    modality = _text(header, "Modality").upper()
    is_capture = _text(header, "SOPClassUID") == SecondaryCaptureImageStorage
    if modality in _MODALITIES or (not modality and not is_capture):
        return ""
    return f"Modality {modality or 'is absent in a Secondary Capture'}"


def _multi_frame(header: Dataset) -> str:
    frames = _text(header, "NumberOfFrames")
    return f"Number of Frames {frames}" if frames.isdigit() and int(frames) > 1 else ""


def _not_human(header: Dataset) -> str:
    species = _text(header, "PatientSpeciesDescription")
    if species and not re.search(r"HOMO SAPIENS|HUMAN", species, re.I):
        return f"Patient Species {species}"
    texts = (*_series_texts(header), *_study_texts(header))
    return next((text for text in texts if _ANIMAL.search(text)), "")


def _derived(header: Dataset) -> str:
    """DERIVED\\SECONDARY is an image made from another one after the examination (PS3.3
    C.7.6.1.1.2): ours, a bone-suppressed one, a print. Vendors mark their processed primary image
    DERIVED\\PRIMARY, and converters every Secondary Capture DERIVED\\SECONDARY: those pass."""
    image_type = [part.upper() for part in _texts(header, "ImageType")]
    if image_type[:2] != ["DERIVED", "SECONDARY"]:
        return ""
    is_capture = _text(header, "SOPClassUID") == SecondaryCaptureImageStorage
    if is_capture and not _items(header, "SourceImageSequence"):
        return ""
    return "Image Type " + "\\".join(image_type)


def _not_chest(header: Dataset) -> str:
    body_part = _text(header, "BodyPartExamined")
    texts = [body_part, *_codes_meaning(header, "AnatomicRegionSequence")]
    stated = " ".join(text for text in texts if text)
    if _CHEST.search(stated):
        return ""
    if stated and _NOT_CHEST.search(stated.replace(" ", "")):
        return f"Body Part Examined {stated}"
    return ""


def _lateral(header: Dataset) -> str:
    view = _text(header, "ViewPosition").upper()
    if view in _FRONTAL_VIEWS:
        return ""
    if view in _LATERAL_VIEWS:
        return f"View Position {view}"
    for item in _items(header, "ViewCodeSequence"):
        if _text(item, "CodeValue") in _LATERAL_VIEW_CODES:
            return f"View Code {_text(item, 'CodeMeaning')}"
    orientation = [part.upper() for part in _texts(header, "PatientOrientation")]
    # Rows or columns that run from front to back are seen from the side (PS3.3 C.7.6.1.1.1).
    if any(part[:1] in ("A", "P") for part in orientation):
        return "Patient Orientation " + "\\".join(orientation)
    for text in _series_texts(header):
        if _LATERAL.search(text) and not _FRONTAL.search(text):
            return text
    return ""


def _too_large(header: Dataset) -> str:
    rows, columns = _text(header, "Rows"), _text(header, "Columns")
    if rows.isdigit() and columns.isdigit() and int(rows) * int(columns) > MAX_MEGAPIXELS * 10**6:
        return f"{rows} x {columns} pixels, the limit is {MAX_MEGAPIXELS} megapixels"
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


def _body_part_texts(header: Dataset) -> Iterator[str]:
    yield _text(header, "BodyPartExamined")
    yield from _codes_meaning(header, "AnatomicRegionSequence")
    yield from _series_texts(header)
    yield from _study_texts(header)


def _series_texts(header: Dataset) -> Iterator[str]:
    """What people and machines wrote about this image or series, most specific first."""
    yield _text(header, "AcquisitionDeviceProcessingDescription")
    yield _text(header, "ProtocolName")
    yield _text(header, "SeriesDescription")
    yield from _codes_meaning(header, "PerformedProtocolCodeSequence")


def _study_texts(header: Dataset) -> Iterator[str]:
    """What was written about the whole study, of which this may be any one view."""
    yield from _codes_meaning(header, "ProcedureCodeSequence")
    yield _text(header, "PerformedProcedureStepDescription")
    yield _text(header, "StudyDescription")


def _codes_meaning(header: Dataset, keyword: str) -> Iterator[str]:
    return (_text(item, "CodeMeaning") for item in _items(header, keyword))


def _text(header: Dataset, keyword: str) -> str:
    value = _value(header, keyword)
    return "" if value is None else str(value).strip()


def _texts(header: Dataset, keyword: str) -> list[str]:
    value = _value(header, keyword)
    parts = value if isinstance(value, MultiValue) else [] if value is None else [value]
    return [str(part).strip() for part in parts]


def _items(header: Dataset, keyword: str) -> list[Dataset]:
    value = _value(header, keyword)
    return list(value) if isinstance(value, Sequence) else []


def _value(header: Dataset, keyword: str) -> Any:
    try:
        return header.get(keyword)
    except Exception:
        # A malformed element raises whatever its converter happens to: it says nothing.
        return None
