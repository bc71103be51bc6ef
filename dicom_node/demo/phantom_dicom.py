"""A phantom as a DICOM instance with any header: DX, CR (PS3.3 A.26, A.2) or Secondary Capture.

By default the data set is complete and valid for its IOD. Every option is true of the pixels: an
image said to be mirrored is mirrored, one said to be MONOCHROME1 is bright where air is. Whatever
else a test wants wrong, it overrides by keyword.
"""

import uuid
from collections.abc import Sequence
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydicom import DataElement, Dataset, FileDataset
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import (
    JPEG2000,
    UID,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEGLSNearLossless,
    SecondaryCaptureImageStorage,
)

from dicom_node.demo.grid import Mask
from dicom_node.demo.phantom import Kind, Phantom

Pair = tuple[float, float]
Value = TypeVar("Value", bound=np.generic)

#: UIDs are UUIDs (PS3.5 B.2), so that the same phantom with the same options is the same instance.
_NAMESPACE = uuid.UUID("5f6c2a52-9b3c-5d0e-8a43-1d5ce1f0f6b7")
#: The long side of the detector, mm: a 35 x 43 cm plate.
_DETECTOR_MM = 427.84
_FAMILY_NAMES = ("Phantom", "Invented", "Drawn", "Fictional", "Nobody")
_GIVEN_NAMES = ("Ada", "Bela", "Chiara", "Dmitri", "Elif", "Farid", "Grace", "Hugo")
#: How the lossy methods are called (PS3.3 C.7.6.1.1.5.1).
_LOSSY_METHODS = {JPEG2000: "ISO_15444_1", JPEGLSNearLossless: "ISO_14495_1"}
_DX = (DigitalXRayImageStorageForPresentation, DigitalXRayImageStorageForProcessing)


def as_dicom(
    phantom: Phantom,
    *,
    sop_class: str = DigitalXRayImageStorageForPresentation,
    photometric: Literal["MONOCHROME1", "MONOCHROME2"] = "MONOCHROME2",
    bits_stored: int = 12,
    signed: bool = False,
    patient_orientation: tuple[str, str] | None = ("L", "F"),
    pixel_spacing: Pair | None = None,
    imager_pixel_spacing: Pair | Literal["detector"] | None = "detector",
    window: Pair | Literal["full"] | None = "full",
    transfer_syntax: str = ExplicitVRLittleEndian,
    **overrides: object,
) -> FileDataset:
    """The instance. None leaves an attribute out; so does an override that is None.

    Spacings are (row, column) in mm; "detector" is that of a 35 x 43 cm plate. `window` is (center,
    width) in stored values, and the pixels are such that through it one sees the phantom.
    `patient_orientation` is the direction of the rows, then of the columns; None leaves the pixels
    upright. Overrides are not checked for sense, so that tests can have nonsense.
    """
    options = (
        *(sop_class, photometric, bits_stored, signed, patient_orientation, pixel_spacing),
        *(imager_pixel_spacing, window, transfer_syntax, sorted(overrides.items())),
    )
    image = _turn(phantom.image, patient_orientation)
    dataset = Dataset()
    _add_patient_and_study(dataset, phantom.seed)
    _add_equipment(dataset, sop_class)
    _add_identity(dataset, sop_class, f"{phantom.kind} {phantom.seed} {image.shape} {options}")
    _add_image(dataset, phantom.kind, sop_class, patient_orientation)
    _add_spacing(dataset, sop_class, image.shape, pixel_spacing, imager_pixel_spacing)
    _add_grey(dataset, photometric, bits_stored, signed, window)
    _add_pixels(dataset, image, transfer_syntax)
    if "ViewPosition" in overrides:
        overrides = {"ViewCodeSequence": None, **overrides}  # it would say the contrary
    for keyword, value in overrides.items():
        _override(dataset, keyword, value)
    return _as_file(dataset, transfer_syntax)


def true_masks_as_stored(
    phantom: Phantom, patient_orientation: tuple[str, str] | None = ("L", "F")
) -> tuple[Mask, Mask, Mask, Mask]:
    """Left lung, right lung, left infection, right infection: on the stored pixels' own grid."""
    left_lung, right_lung, left_infection, right_infection = (
        np.asarray(_turn(mask, patient_orientation))
        for mask in (
            phantom.left_lung,
            phantom.right_lung,
            phantom.left_infection,
            phantom.right_infection,
        )
    )
    return left_lung, right_lung, left_infection, right_infection


def _turn(upright: NDArray[Value], orientation: tuple[str, str] | None) -> NDArray[Value]:
    """From rows that run to the left and columns that run to the feet (PS3.3 C.7.6.1.1.1)."""
    if orientation is None:
        return upright
    rows, columns = orientation
    if {rows, columns} not in ({"L", "F"}, {"L", "H"}, {"R", "F"}, {"R", "H"}):
        raise ValueError(f"no frontal image has the patient orientation {rows}\\{columns}")
    turned = upright.T if rows in "FH" else upright
    if rows in "RH":
        turned = turned[:, ::-1]
    return turned[::-1] if columns in "RH" else turned


# --- the header, module by module ----------------------------------------------------------------


def _add_patient_and_study(dataset: Dataset, seed: int) -> None:
    given, family = _GIVEN_NAMES[seed % 8], _FAMILY_NAMES[seed // 8 % 5]
    dataset.PatientName = f"{family}^{given}"
    dataset.PatientID = f"PHANTOM-{seed:05d}"
    dataset.PatientBirthDate = f"{1935 + 7 * seed % 70}{1 + seed % 12:02d}{1 + seed % 28:02d}"
    dataset.PatientSex = "MF"[seed % 2]
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = "20260115"
    dataset.AcquisitionDate = "20260115"
    dataset.StudyTime = dataset.SeriesTime = f"08{seed % 60:02d}00"
    dataset.ContentTime = dataset.AcquisitionTime = f"08{seed % 60:02d}30"
    dataset.AccessionNumber = f"DEMO{seed:08d}"
    dataset.StudyID = str(seed)
    dataset.StudyDescription = "Chest radiograph (drawn, no patient)"
    dataset.ReferringPhysicianName = "Nobody^Referring"


def _add_equipment(dataset: Dataset, sop_class: str) -> None:
    dataset.Manufacturer = "cxr-node"
    dataset.ManufacturerModelName = "Phantom"
    dataset.DeviceSerialNumber = "1"
    dataset.SoftwareVersions = "1"
    dataset.InstitutionName = "Nowhere General"
    if sop_class == SecondaryCaptureImageStorage:
        dataset.ConversionType = "SYN"


def _add_identity(dataset: Dataset, sop_class: str, what: str) -> None:
    dataset.SOPClassUID = UID(sop_class)
    for role in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(dataset, role, UID(f"2.25.{uuid.uuid5(_NAMESPACE, f'{role} {what}').int}"))
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1


def _add_image(
    dataset: Dataset, kind: Kind, sop_class: str, orientation: tuple[str, str] | None
) -> None:
    lateral = kind is Kind.LATERAL
    dataset.Modality = "DX" if sop_class in _DX else "CR"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"] + ([""] if sop_class in _DX else [])
    dataset.SeriesDescription = "Chest"
    dataset.BodyPartExamined = "CHEST"
    if sop_class != SecondaryCaptureImageStorage:
        dataset.ViewPosition = "LL" if lateral else "PA"
    if orientation is not None:
        # The lateral faces the image's left: there the rows run to the back.
        letters = {"L": "P", "R": "A"} if lateral else {}
        dataset.PatientOrientation = [letters.get(letter, letter) for letter in orientation]
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"
    if sop_class in _DX:
        _add_digital_x_ray(dataset, sop_class)


def _add_digital_x_ray(dataset: Dataset, sop_class: str) -> None:
    """DX Series, Anatomy Imaged, Image, Detector (PS3.3 C.8.11.1 to C.8.11.4)."""
    for_processing = sop_class == DigitalXRayImageStorageForProcessing
    dataset.PresentationIntentType = "FOR PROCESSING" if for_processing else "FOR PRESENTATION"
    dataset.ImageLaterality = "U"
    dataset.AnatomicRegionSequence = [_coded(codes.SCT.Chest)]
    views = {"PA": codes.cid4010.PosteroAnterior, "LL": codes.cid4010.LeftLateral}
    dataset.ViewCodeSequence = [_coded(views[dataset.ViewPosition])]
    dataset.AcquisitionContextSequence = []
    dataset.PixelIntensityRelationship = "LOG"
    dataset.DetectorType = "SCINTILLATOR"
    dataset.PositionerType = "NONE"
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"


def _coded(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = code.value, code.scheme_designator
    item.CodeMeaning = code.meaning
    return item


def _add_spacing(
    dataset: Dataset,
    sop_class: str,
    shape: Sequence[int],
    pixel_spacing: Pair | None,
    imager_pixel_spacing: Pair | Literal["detector"] | None,
) -> None:
    if imager_pixel_spacing == "detector":
        side = round(_DETECTOR_MM / max(shape), 5)
        # A Secondary Capture knows no detector.
        imager_pixel_spacing = None if sop_class == SecondaryCaptureImageStorage else (side, side)
    if imager_pixel_spacing is not None:
        dataset.ImagerPixelSpacing = list(imager_pixel_spacing)
    if pixel_spacing is not None:
        dataset.PixelSpacing = list(pixel_spacing)


# --- the pixels ----------------------------------------------------------------------------------


def _add_grey(
    dataset: Dataset,
    photometric: str,
    bits_stored: int,
    signed: bool,
    window: Pair | Literal["full"] | None,
) -> None:
    """What a stored value means."""
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, photometric
    dataset.BitsAllocated, dataset.BitsStored = 8 if bits_stored <= 8 else 16, bits_stored
    dataset.HighBit, dataset.PixelRepresentation = bits_stored - 1, int(signed)
    if window is not None:
        center, width = _full_window(dataset) if window == "full" else window
        dataset.WindowCenter, dataset.WindowWidth = center, width
    if dataset.SOPClassUID in _DX:
        inverted = photometric == "MONOCHROME1"
        dataset.PresentationLUTShape = "INVERSE" if inverted else "IDENTITY"
        dataset.PixelIntensityRelationshipSign = 1 if inverted else -1


def _full_window(dataset: Dataset) -> Pair:
    """Center and width of all values there are."""
    center = 0 if dataset.PixelRepresentation else 2 ** (dataset.BitsStored - 1)
    return center, 2**dataset.BitsStored


def _add_pixels(dataset: Dataset, image: NDArray[np.float32], transfer_syntax: str) -> None:
    full_center, full_width = _full_window(dataset)
    center = float(dataset.get("WindowCenter", full_center))
    width = float(dataset.get("WindowWidth", full_width))
    seen = 1 - image if dataset.PhotometricInterpretation == "MONOCHROME1" else image
    # The linear VOI function (PS3.3 C.11.2.1.2.1), solved for the stored value.
    values = np.rint(seen * (width - 1) + (center - 0.5 - (width - 1) / 2))
    lowest = full_center - full_width / 2
    values = np.clip(values, lowest, lowest + full_width - 1)
    order = ">" if transfer_syntax == ExplicitVRBigEndian else "<"
    kind = "i" if dataset.PixelRepresentation else "u"
    pixels = values.astype(f"{order}{kind}{dataset.BitsAllocated // 8}").tobytes()
    dataset.Rows, dataset.Columns = image.shape
    dataset.PixelData = pixels + b"\0" * (len(pixels) % 2)
    dataset["PixelData"].VR = "OB" if dataset.BitsAllocated == 8 else "OW"


def _override(dataset: Dataset, keyword: str, value: object) -> None:
    """Set the attribute, however wrong the value; or take it away."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"no attribute is called {keyword!r}")
    if value is not None:
        vr = dictionary_VR(tag).split()[0]
        dataset[tag] = DataElement(tag, vr, value, validation_mode=IGNORE)
    elif keyword in dataset:
        del dataset[tag]


def _as_file(dataset: Dataset, transfer_syntax: str) -> FileDataset:
    syntax = UID(transfer_syntax)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID")
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax.is_encapsulated else syntax
    now = meta.TransferSyntaxUID
    file = FileDataset(
        "phantom.dcm",
        dataset,
        preamble=b"\0" * 128,
        file_meta=meta,
        is_implicit_VR=now.is_implicit_VR,
        is_little_endian=now.is_little_endian,
    )
    if syntax.is_encapsulated:
        _compress(file, syntax)
    return file


def _compress(file: FileDataset, syntax: UID) -> None:
    whole = len(file.PixelData)
    file.compress(
        syntax,
        generate_instance_uid=False,
        j2k_cr=[10.0] if syntax == JPEG2000 else None,
        jls_error=2 if syntax == JPEGLSNearLossless else None,
    )
    if syntax in _LOSSY_METHODS:
        file.LossyImageCompression = "01"
        file.LossyImageCompressionMethod = _LOSSY_METHODS[syntax]
        file.LossyImageCompressionRatio = round(whole / len(file.PixelData), 2)
