"""Segmentations as readers store them: 3D Slicer's by highdicom, OHIF's by its own adapter."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from tests.conformance.validators import program
from tests.conftest import missing
from tests.dicom_node.radiographs import file_bytes

VIEWERS = Path(__file__).parent / "conformance" / "viewers"
LUNG = Code("39607008", "SCT", "Lung")
OPACITY = Code("112001", "DCM", "Opacity")
TISSUE = Code("85756007", "SCT", "Tissue")
ANATOMY = Code("91723000", "SCT", "Anatomical Structure")
LEFT, RIGHT = Code("7771000", "SCT", "Left"), Code("24028007", "SCT", "Right")
MANUAL = SegmentAlgorithmTypeValues.MANUAL
SEMIAUTOMATIC = SegmentAlgorithmTypeValues.SEMIAUTOMATIC
AUTOMATIC = SegmentAlgorithmTypeValues.AUTOMATIC

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Stroke:
    """One segment that a reader draws."""

    label: str
    mask: Mask
    of: Code = TISSUE
    side: Code | None = None
    by: SegmentAlgorithmTypeValues = MANUAL


def drawn(
    image: Dataset,
    strokes: Sequence[Stroke],
    *,
    author: str = "Rontgen^Anna",
    predecessor: Dataset | None = None,
    at: str = "20261128",
    **attributes: Any,
) -> Dataset:
    """A SEG of these segments, in that order, on a radiograph."""
    segmentation: Dataset = Segmentation(
        source_images=[image],
        pixel_array=np.stack([one.mask for one in strokes], axis=-1)[np.newaxis],
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_described(n, one) for n, one in enumerate(strokes, start=1)],
        series_instance_uid=generate_uid(),
        series_number=7,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="A viewer's maker",
        manufacturer_model_name="A viewer",
        software_versions="5",
        device_serial_number="1",
        content_creator_name=author,
        omit_empty_frames=False,
    )
    segmentation.ContentDate, segmentation.ContentTime = at, "091500"
    if predecessor is not None:
        segmentation.PredecessorDocumentsSequence = [_reference(predecessor)]
    for keyword, value in attributes.items():
        setattr(segmentation, keyword, value)
    return dcmread(BytesIO(file_bytes(segmentation)))


def as_slicer(
    image: Dataset, lungs: Mapping[str, Mask], infection: Mapping[str, Mask], **rest: Any
) -> Dataset:
    """With codes, the infection before the lungs and the right before the left."""
    coded = {"left": LEFT, "right": RIGHT}
    strokes = [
        *(Stroke(f"Segment_{side}", infection[side], OPACITY, coded[side], SEMIAUTOMATIC)
          for side in ("right", "left")),
        *(Stroke(f"Segment_{side}_1", lungs[side], LUNG, coded[side], AUTOMATIC)
          for side in ("right", "left")),
    ]  # fmt: skip
    return drawn(image, strokes, **rest)


def as_ohif(
    image: Path, labels: Mapping[str, Mask], folder: Path, predecessor: Dataset | None = None
) -> Dataset:
    """What OHIF stores of these segments, by label: a SEG without codes, and no empty segment."""
    if not (VIEWERS / "node_modules").is_dir():
        missing("the viewers are not installed: make viewers")
    segments = []
    for number, (label, mask) in enumerate(labels.items(), start=1):
        (folder / f"{number}.raw").write_bytes(mask.astype(np.uint8).tobytes())
        segments.append({"label": label, "pixels": str(folder / f"{number}.raw")})
    made_from = None if predecessor is None else _as_json(_reference(predecessor))
    asked = {"segments": segments, "predecessor": made_from}
    (folder / "asked.json").write_text(json.dumps(asked), "utf-8")
    file = folder / "ohif_seg.dcm"
    command = [program("node"), "cornerstone_draw.mjs", str(image), str(folder / "asked.json"),
               str(file)]  # fmt: skip
    done = subprocess.run(command, cwd=VIEWERS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dcmread(file)


def _described(number: int, one: Stroke) -> SegmentDescription:
    algorithm = AlgorithmIdentificationSequence("Brush", Code("123110", "DCM", "AI"), "1")
    described = SegmentDescription(
        segment_number=number,
        segment_label=one.label,
        segmented_property_category=ANATOMY,
        segmented_property_type=one.of,
        algorithm_type=one.by,
        algorithm_identification=None if one.by is MANUAL else algorithm,
    )
    if one.side is not None:
        modifier = Dataset()
        modifier.CodeValue, modifier.CodingSchemeDesignator = one.side.value, "SCT"
        modifier.CodeMeaning = one.side.meaning
        (code,) = described.SegmentedPropertyTypeCodeSequence
        code.SegmentedPropertyTypeModifierCodeSequence = [modifier]
    return described


def _reference(instance: Dataset) -> Dataset:
    study, series, item = Dataset(), Dataset(), Dataset()
    item.ReferencedSOPClassUID = instance.SOPClassUID
    item.ReferencedSOPInstanceUID = instance.SOPInstanceUID
    series.SeriesInstanceUID, series.ReferencedSOPSequence = instance.SeriesInstanceUID, [item]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = instance.StudyInstanceUID, [series]
    return study


def _as_json(study: Dataset) -> dict[str, Any]:
    """As dcmjs has it: attributes by keyword."""
    (series,) = study.ReferencedSeriesSequence
    (item,) = series.ReferencedSOPSequence
    reference = {"ReferencedSOPClassUID": item.ReferencedSOPClassUID,
                 "ReferencedSOPInstanceUID": item.ReferencedSOPInstanceUID}  # fmt: skip
    return {
        "StudyInstanceUID": study.StudyInstanceUID,
        "ReferencedSeriesSequence": {
            "SeriesInstanceUID": series.SeriesInstanceUID,
            "ReferencedSOPSequence": reference,
        },
    }
