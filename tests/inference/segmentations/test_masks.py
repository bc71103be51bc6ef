"""What readers have drawn, on the radiograph's own grid, or why it cannot be told."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from inference.findings import Laterality
from inference.segmentations.drawing import read_drawing
from inference.segmentations.masks import Drawn, UnusableSegmentation, dice, drawn_on
from inference.segmentations.segments import AlgorithmType
from tests.dicom_node.radiographs import changed
from tests.readers import AUTOMATIC, Mask, Stroke, as_ohif, as_slicer, drawn
from tests.strokes import SIDES, infection_on, lungs_on, rectangle


def assert_same(found: Drawn, lungs: dict[str, Mask], infection: dict[str, Mask]) -> None:
    assert found.infection is not None
    for side in Laterality:
        assert np.array_equal(found.lung[side], lungs[side])
        assert np.array_equal(found.infection[side], infection[side])


def test_a_segmentation_with_codes_is_read_in_any_order(image: Dataset) -> None:
    lungs, infection = lungs_on(image), infection_on(image)
    seg = as_slicer(image, lungs, infection)
    assert_same(drawn_on(image, seg), lungs, infection)
    said = read_drawing(seg)
    assert said is not None
    assert (said.author, said.drawn_at) == ("Rontgen^Anna", "2026-11-28T09:15:00")
    assert said.algorithm is AlgorithmType.SEMIAUTOMATIC
    assert said.images == (image.SOPInstanceUID,)


def test_what_ohif_stores_is_read_by_its_labels(image: Dataset, tmp_path: Path) -> None:
    lungs, infection = lungs_on(image), infection_on(image)
    labels = {f"Infection in {side} lung": infection[side] for side in SIDES}
    labels |= {f"{side.capitalize()} lung": lungs[side] for side in SIDES}
    image.save_as(tmp_path / "image.dcm", enforce_file_format=True)
    seg = as_ohif(tmp_path / "image.dcm", labels, tmp_path)
    assert_same(drawn_on(image, seg), lungs, infection)
    said = read_drawing(seg)
    assert said is not None
    assert (said.author, said.algorithm, said.predecessors) == ("", AlgorithmType.MANUAL, ())


@pytest.mark.parametrize("is_edited", [True, False])
def test_infection_that_ohif_has_no_segment_of_is_none_only_in_what_was_edited(
    image: Dataset, tmp_path: Path, is_edited: bool
) -> None:
    lungs, infection = lungs_on(image), infection_on(image)
    before = as_slicer(image, lungs, infection) if is_edited else None
    labels = {f"{side} lung": lungs[side] for side in SIDES} | {"Infection": lungs["left"] & False}
    image.save_as(tmp_path / "image.dcm", enforce_file_format=True)
    seg = as_ohif(tmp_path / "image.dcm", labels, tmp_path, before)
    assert len(seg.SegmentSequence) == 2
    found = drawn_on(image, seg)
    assert (found.infection is not None) == is_edited
    if found.infection is not None and before is not None:
        assert not any(mask.any() for mask in found.infection.values())
        said = read_drawing(seg)
        assert said is not None
        assert said.predecessors == (before.SOPInstanceUID,)


def test_one_infection_of_both_lungs_is_parted_by_them_and_ends_with_them(image: Dataset) -> None:
    lungs, everywhere = lungs_on(image), rectangle(image, slice(100, 110), slice(0, 300))
    strokes = [Stroke(f"{side} lung", lungs[side]) for side in SIDES]
    found = drawn_on(image, drawn(image, [*strokes, Stroke("COVID", everywhere)]))
    assert found.infection is not None
    for side in Laterality:
        assert np.array_equal(found.infection[side], everywhere & lungs[side])


def test_segments_of_one_kind_are_taken_together(image: Dataset) -> None:
    lungs = lungs_on(image)
    upper, lower = (
        rectangle(image, rows, slice(200, 240)) for rows in (slice(70, 80), slice(90, 99))
    )
    strokes = [Stroke(f"{side} lung", lungs[side]) for side in SIDES]
    strokes += [Stroke("Opacity left upper", upper), Stroke("Opacity left lower", lower)]
    found = drawn_on(image, drawn(image, strokes))
    assert found.infection is not None
    assert np.array_equal(found.infection[Laterality.LEFT], upper | lower)


def test_a_lung_alone_is_a_lung(image: Dataset) -> None:
    found = drawn_on(image, drawn(image, [Stroke("Left lung", lungs_on(image)["left"])]))
    assert not found.lung[Laterality.RIGHT].any()
    assert found.infection is None


def test_what_no_person_drew_is_no_readers(image: Dataset) -> None:
    strokes = [Stroke(f"{side} lung", mask, by=AUTOMATIC) for side, mask in lungs_on(image).items()]
    assert read_drawing(drawn(image, strokes)) is None
    assert read_drawing(drawn(image, [*strokes, Stroke("Infection", strokes[0].mask)])) is not None


def test_who_operated_is_the_author_where_no_creator_is_named(image: Dataset) -> None:
    seg = drawn(image, [Stroke("Left lung", lungs_on(image)["left"])], author="")
    seg.OperatorsName = ["Reader^One", "Reader^Two"]
    said = read_drawing(seg)
    assert said is not None
    assert said.author == "Reader^One"


def refusal(image: Dataset, seg: Dataset) -> str:
    with pytest.raises(UnusableSegmentation) as caught:
        drawn_on(image, seg)
    said = str(caught.value)
    assert said.startswith(f"segmentation {seg.SOPInstanceUID}: ")
    return said


def test_what_cannot_be_of_the_radiograph_is_said(image: Dataset) -> None:
    seg = as_slicer(image, lungs_on(image), infection_on(image))
    assert "382 x 318 rows and columns" in refusal(changed(image, Rows=764), seg)
    turned = changed(seg, PatientOrientation=["R", "F"])
    assert "Patient Orientation is R\\F" in refusal(image, turned)
    for group in seg.SharedFunctionalGroupsSequence:
        plane = Dataset()
        plane.ImageOrientationPatient = [-1, 0, 0, 0, 1, 0]
        group.PlaneOrientationSequence = [plane]
    assert "-1/0/0/0/1/0" in refusal(image, seg)


def test_a_frame_of_another_image_is_passed_over(image: Dataset) -> None:
    lungs, infection = lungs_on(image), infection_on(image)
    seg = as_slicer(image, lungs, infection)
    right_infection = seg.PerFrameFunctionalGroupsSequence[0]
    source = right_infection.DerivationImageSequence[0].SourceImageSequence[0]
    source.ReferencedSOPInstanceUID = generate_uid()
    found = drawn_on(image, seg)
    assert found.infection is not None
    assert not found.infection[Laterality.RIGHT].any()
    assert np.array_equal(found.infection[Laterality.LEFT], infection["left"])
    source.ReferencedSOPInstanceUID = image.SOPInstanceUID
    source.ReferencedFrameNumber = 2
    assert "refers to frame 2" in refusal(image, seg)


def test_what_cannot_be_counted_is_said(image: Dataset) -> None:
    lungs, infection = lungs_on(image), infection_on(image)
    both = Stroke("Lungs", lungs["left"] | lungs["right"])
    assert "does not say which lung" in refusal(image, drawn(image, [both]))
    only = drawn(image, [Stroke("Infection left", infection["left"])])
    assert "no segment of it is a lung (there are 'Infection left')" in refusal(image, only)
    twice = [Stroke(f"{side} lung", lungs["left"]) for side in SIDES]
    assert "lie on one another" in refusal(image, drawn(image, twice))
    empty = [Stroke("Left lung", lungs["left"] & False)]
    assert "no lung of it has a pixel" in refusal(image, drawn(image, empty))


def test_sides_of_the_image_for_those_of_the_patient_are_said(image: Dataset) -> None:
    lungs, infection = lungs_on(image), infection_on(image)
    strokes = [Stroke(f"{side} lung", lungs[side]) for side in SIDES]
    wrong = [*strokes, Stroke("Infection right", infection["left"])]
    assert "infection of the right lung lies in the other" in refusal(image, drawn(image, wrong))


def test_pixels_that_are_not_there_are_said(image: Dataset) -> None:
    seg = as_slicer(image, lungs_on(image), infection_on(image))
    assert "cannot be decoded" in refusal(image, changed(seg, PixelData=seg.PixelData[:999]))
    assert "100000 frames" in refusal(image, changed(seg, NumberOfFrames=100_000))


def test_dice_is_of_what_both_have() -> None:
    one, other = np.zeros((2, 4), np.bool_), np.zeros((2, 4), np.bool_)
    assert dice(one, other) is None
    one[0], other[:, :2] = True, True
    assert dice(one, other) == 0.5
