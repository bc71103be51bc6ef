"""What networks learn from: cases of both layouts, and examples of them in memory."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from inference.datasets.cases import DatasetError, read_cases, undrawn
from inference.datasets.examples import load_examples
from inference.decode import read_radiograph
from inference.findings import Laterality, ModelIdentity, Task
from inference.pipeline import Pipeline
from inference.postprocess import Masks
from inference.quantify import quantify
from sr_writer.equipment import Equipment
from sr_writer.results import write_results
from tests.inference.drawn_chests import chest, draw_split
from tests.readers import Stroke, drawn

UID = "1.2.826.0.1.3680043.10.1.1"


def test_the_published_layout_gives_every_case_with_its_class_and_masks(tmp_path: Path) -> None:
    cases = read_cases(draw_split(tmp_path, each=2))
    assert [case.is_covid for case in cases] == [True] * 2 + [False] * 4
    for case in cases:
        infection = case.mask(Task.INFECTION)
        assert infection is not None
        assert infection.any() == case.is_covid


def test_a_split_without_masks_still_has_its_classes(tmp_path: Path) -> None:
    cases = read_cases(draw_split(tmp_path, each=1, masks=False))
    assert [case.is_covid for case in cases] == [True, False, False]
    assert cases[0].mask(Task.LUNG) is None
    with pytest.raises(DatasetError, match="none of 3 cases has a true lung mask"):
        load_examples(cases, Task.LUNG, 64)


def test_an_empty_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=str(tmp_path)):
        read_cases(tmp_path)


def test_examples_are_the_files_pixels(tmp_path: Path) -> None:
    examples = load_examples(read_cases(draw_split(tmp_path, each=1)), Task.INFECTION, 64)
    image, _, infection = chest(0, infected=True)
    assert examples.names[0] == "COVID-19/chest (0)"
    assert np.array_equal(examples.images[0].numpy(), image)
    assert np.array_equal(examples.masks[0].numpy(), infection)


def test_the_cascaded_scheme_shows_lungs_alone(tmp_path: Path) -> None:
    cases = read_cases(draw_split(tmp_path, each=1))
    examples = load_examples(cases, Task.INFECTION, 64, only_lungs=True)
    image, lungs, _ = chest(0, infected=True)
    assert np.array_equal(examples.images[0].numpy(), np.where(lungs, image, 0))


def test_what_nobody_drew_on_is_free_of_infection_or_infected_somewhere(tmp_path: Path) -> None:
    cases = undrawn([draw_split(tmp_path, each=2, masks=False)])
    examples = load_examples(cases, Task.INFECTION, 64)
    assert examples.images.float().std() > 10
    assert examples.masks.float().mean(dim=(1, 2)).tolist() == [1, 1, 0, 0, 0, 0]
    with pytest.raises(DatasetError, match="lung mask"):
        load_examples(cases, Task.LUNG, 64)


def write_pair(folder: Path, patient_orientation: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """A radiograph and the SEG this node makes of it; the infection on its own grid."""
    gray, lungs, infection = chest(3, infected=True)
    source = _radiograph(gray, patient_orientation)
    source.save_as(folder / "a.dcm", enforce_file_format=True)
    radiograph = read_radiograph(folder / "a.dcm")
    left_of_image = np.arange(64) < 32
    sides = {Laterality.RIGHT: left_of_image, Laterality.LEFT: ~left_of_image}
    masks = Masks(
        {side: lungs & half for side, half in sides.items()},
        {side: infection & half for side, half in sides.items()},
        None, None, (),
    )  # fmt: skip
    models = tuple(ModelIdentity(task, "fpn-resnet18", "1", "0" * 64) for task in Task)
    findings = quantify(masks, radiograph, Pipeline(models), {})
    written = write_results(
        radiograph.header, findings, radiograph.pixels, Equipment(), datetime.now(UTC)
    )
    seg = next(output for output in written if output.role == "SEG")
    (folder / "sub").mkdir()
    (folder / "sub" / "b.dcm").write_bytes(seg.content)
    return gray, infection


def _radiograph(gray: np.ndarray, patient_orientation: list[str]) -> Dataset:
    source = Dataset()
    source.SOPClassUID, source.SOPInstanceUID = ComputedRadiographyImageStorage, UID
    source.StudyInstanceUID, source.SeriesInstanceUID = f"{UID}.2", f"{UID}.3"
    source.Modality, source.PatientOrientation = "CR", patient_orientation
    source.PhotometricInterpretation, source.SamplesPerPixel = "MONOCHROME2", 1
    source.Rows, source.Columns = gray.shape
    source.BitsAllocated = source.BitsStored = 8
    source.HighBit, source.PixelRepresentation = 7, 0
    source.PixelData = gray.tobytes()
    source.ensure_file_meta()
    source.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return source


@pytest.mark.parametrize("patient_orientation", [["L", "F"], ["R", "F"]])
def test_a_radiograph_and_its_seg_are_a_case_whatever_the_files_are_called(
    tmp_path: Path, patient_orientation: list[str]
) -> None:
    gray, infection = write_pair(tmp_path, patient_orientation)
    (case,) = read_cases(tmp_path)
    assert (case.name, case.is_covid) == (UID, True)
    examples = load_examples([case], Task.INFECTION, 64)
    upright = slice(None, None, 1 if patient_orientation[0] == "L" else -1)
    assert np.array_equal(examples.masks[0].numpy(), infection[:, upright])
    learnt = examples.images[0].numpy().astype(float)
    assert np.corrcoef(learnt.ravel(), gray[:, upright].ravel())[0, 1] > 0.999


def test_what_a_person_has_drawn_is_believed_before_a_later_network(tmp_path: Path) -> None:
    write_pair(tmp_path, ["L", "F"])
    source = dcmread(tmp_path / "a.dcm")
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber",
                    "StudyDate", "StudyTime", "StudyID", "ReferringPhysicianName"):  # fmt: skip
        setattr(source, keyword, "")
    lungs = np.zeros((source.Rows, source.Columns), np.bool_)
    lungs[10:50, 5:25] = True
    seg = drawn(source, [Stroke("Lunge rechts", lungs), Stroke("Infekt", lungs)], at="20200101")
    seg.save_as(tmp_path / "drawn.dcm", enforce_file_format=True)
    (case,) = read_cases(tmp_path)
    for task in Task:
        mask = case.mask(task)
        assert mask is not None
        assert np.array_equal(mask, lungs)
