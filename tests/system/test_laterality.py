"""The infected lung is the patient's, wherever the image has it: from DICOM in to SEG and SR out.

A phantom with an opacity in one known lung is stored in every way a radiograph can lie; what comes
out is read by the standard's codes and compared with where the phantom was told to be ill.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from itertools import cycle, product
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    SecondaryCaptureImageStorage,
)
from skimage.draw import polygon2mask

from dicom_node.demo.phantom import Kind, Phantom
from dicom_node.demo.phantom_dicom import as_dicom, true_masks_as_stored
from dicom_node.demo.results import count_segmentation, read_report
from dicom_node.worker import process
from inference.engines import Engine
from inference.findings import Caution, Mask
from sr_writer.equipment import Equipment
from tests.phantoms import draw

#: Every direction of rows and columns that a frontal image can have: upright, mirrored, upside
#: down, and lying on either side.
TURNED = [(a, b) for a in "LRFH" for b in "LRFH" if (a in "LR") != (b in "LR")]
#: Where it is not said, the image lies as it is hung.
UNSAID: list[tuple[str, str] | None] = [None]
SOP_CLASSES = {
    "DX": DigitalXRayImageStorageForPresentation,
    "CR": ComputedRadiographyImageStorage,
    "SC": SecondaryCaptureImageStorage,
}
Polarity = Literal["MONOCHROME1", "MONOCHROME2"]
POLARITIES: tuple[Polarity, ...] = ("MONOCHROME2", "MONOCHROME1")
SIDES = {Kind.LEFT_OPACITY: "left", Kind.RIGHT_OPACITY: "right"}
LEFT, RIGHT = "7771000", "24028007"  # SCT
LUNG, OPACITY = "39607008", "112001"  # SCT, DCM


@dataclass(frozen=True, slots=True)
class Case:
    """One way of storing the phantom."""

    kind: Kind
    orientation: tuple[str, str] | None
    photometric: Polarity
    stored_as: str  #: of SOP_CLASSES
    columns: int  #: of the upright phantom

    def __str__(self) -> str:
        lies = "".join(self.orientation or "unsaid")
        return f"{self.kind}-{lies}-{self.photometric}-{self.stored_as}-{self.columns}"


def cases() -> list[Case]:
    """Every orientation with the opacity on either side; the rest takes turns."""
    ways = product(POLARITIES, SOP_CLASSES)
    # Five widths and six ways have no divisor in common: each width meets each way.
    turns = zip(cycle(ways), cycle((318, 320, 317, 322, 315)), strict=False)
    return [
        Case(kind, orientation, *way, columns)
        for (kind, orientation), (way, columns) in zip(
            product(SIDES, TURNED + UNSAID), turns, strict=False
        )
    ]


def phantom(kind: Kind, columns: int) -> Phantom:
    return draw(kind, rows=382, columns=columns, seed=4)


@dataclass(frozen=True, slots=True)
class Results:
    """What came out, as a reader finds it."""

    seg: Path
    sr: Path
    cautions: tuple[Caution, ...]

    @property
    def laterality_assumed(self) -> bool:
        return Caution.LATERALITY_ASSUMED in self.cautions

    @property
    def infected_side(self) -> str:
        """The worse side, in which SEG and SR agree; neither says nothing of the other."""
        report = read_report(self.sr)
        assert report.decision == "positive"
        assert report.percentages.agree(count_segmentation(self.seg))
        left, right = report.percentages.left, report.percentages.right
        assert left is not None
        assert right is not None
        assert max(left, right) > 2 * min(left, right)
        return "left" if left > right else "right"


def results(dataset: Dataset, engine: Engine, folder: Path) -> Results:
    content = BytesIO()
    dataset.save_as(content, enforce_file_format=True)
    done = process(content.getvalue(), engine, Equipment(), datetime(2026, 11, 25, tzinfo=UTC))
    assert done.analysis is not None
    paths = {}
    for output in done.write(("SEG", "SR")):
        paths[output.role] = folder / f"{output.role}.dcm"
        paths[output.role].write_bytes(output.content)
    return Results(paths["SEG"], paths["SR"], done.analysis.findings.cautions)


def lungs_in_seg(path: Path) -> dict[tuple[str, str], Mask]:
    """The frames of a SEG by their codes: (what, side)."""
    dataset = dcmread(path)
    frames = {}
    for segment, frame in zip(dataset.SegmentSequence, dataset.pixel_array, strict=True):
        what = segment.SegmentedPropertyTypeCodeSequence[0]
        side = (
            what.SegmentedPropertyTypeModifierCodeSequence
            if what.CodeValue == LUNG
            else segment.AnatomicRegionSequence[0].AnatomicRegionModifierSequence
        )
        frames[what.CodeValue, side[0].CodeValue] = frame.astype(np.bool_)
    return frames


def lung_outlines(path: Path) -> dict[str, np.ndarray]:
    """By the code of its side, the (points, 2) outline of each lung in an SR: column, row."""
    outlines = {}
    [measurements] = [
        item for item in dcmread(path).ContentSequence if named(item, "126010")
    ]  # Imaging Measurements
    for group in measurements.ContentSequence:
        sites = [item for item in group.ContentSequence if named(item, "363698007")]
        for site in sites:
            for side in site.get("ContentSequence", ()):
                region = next(i for i in group.ContentSequence if i.ValueType == "SCOORD")
                points = np.reshape(region.GraphicData, (-1, 2))
                outlines[side.ConceptCodeSequence[0].CodeValue] = points
    return outlines


def named(item: Dataset, code: str) -> bool:
    return bool(item.ConceptNameCodeSequence[0].CodeValue == code)


def dice(one: Mask, other: Mask) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


@pytest.mark.parametrize("case", cases(), ids=str)
def test_the_infected_lung_is_the_right_one_in_every_orientation(
    case: Case, engine: Engine, tmp_path: Path
) -> None:
    ill = phantom(case.kind, case.columns)
    dataset = as_dicom(
        ill,
        sop_class=SOP_CLASSES[case.stored_as],
        photometric=case.photometric,
        patient_orientation=case.orientation,
        Modality="DX" if case.stored_as == "DX" else "CR",
    )
    found = results(dataset, engine, tmp_path)
    assert found.infected_side == SIDES[case.kind]
    assert found.laterality_assumed is (case.orientation is None)
    left_lung, right_lung, *infections = true_masks_as_stored(ill, case.orientation)
    truth, frames = {LEFT: left_lung, RIGHT: right_lung}, lungs_in_seg(found.seg)
    outlines = lung_outlines(found.sr)
    for side, lung in truth.items():
        assert dice(frames[LUNG, side], lung) > 0.8
        assert not (frames[OPACITY, side] & ~frames[LUNG, side]).any()
        # The outline of the report runs around the same lung.
        assert dice(polygon2mask(lung.shape, outlines[side][:, ::-1]), lung) > 0.8
    opacity = infections[0] | infections[1]
    worse = LEFT if case.kind is Kind.LEFT_OPACITY else RIGHT
    assert dice(frames[OPACITY, worse], opacity) > 0.3


@pytest.mark.parametrize("kind", SIDES)
def test_an_empty_orientation_is_as_good_as_none(
    kind: Kind, engine: Engine, tmp_path: Path
) -> None:
    dataset = as_dicom(phantom(kind, 317), patient_orientation=None, PatientOrientation="")
    found = results(dataset, engine, tmp_path)
    assert (found.infected_side, found.laterality_assumed) == (SIDES[kind], True)


@pytest.mark.parametrize("lies", [("R", "H"), ("F", "R"), ("H", "L")], ids="".join)
@pytest.mark.parametrize("kind", SIDES)
def test_a_chest_on_its_head_or_side_is_turned_where_the_header_does_not_say(
    kind: Kind, lies: tuple[str, str], engine: Engine, tmp_path: Path
) -> None:
    ill = phantom(kind, 317)
    dataset = as_dicom(ill, patient_orientation=lies)
    del dataset.PatientOrientation
    found = results(dataset, engine, tmp_path)
    assert found.infected_side == SIDES[kind]
    assert {Caution.ORIENTATION_CORRECTED, Caution.LATERALITY_ASSUMED} <= set(found.cautions)
    left_lung, right_lung, *_ = true_masks_as_stored(ill, lies)
    frames = lungs_in_seg(found.seg)
    assert dice(frames[LUNG, LEFT], left_lung) > 0.8
    assert dice(frames[LUNG, RIGHT], right_lung) > 0.8


def test_a_header_that_lies_is_believed(engine: Engine, tmp_path: Path) -> None:
    """Or the tests above could not tell a side from the other."""
    dataset = as_dicom(phantom(Kind.LEFT_OPACITY, 317), PatientOrientation=["R", "F"])
    assert results(dataset, engine, tmp_path).infected_side == "right"
