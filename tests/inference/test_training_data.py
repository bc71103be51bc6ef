"""What networks learn from: cases, near-duplicates, variations, batches."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from pydicom import Dataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from inference.decode import read_radiograph
from inference.engines.pytorch import normalise
from inference.findings import Laterality, ModelIdentity, Task
from inference.pipeline import Pipeline
from inference.postprocess import Masks
from inference.quantify import quantify
from inference.training.augment import augment
from inference.training.batches import draw, prepare, to_gray
from inference.training.dataset import DatasetError, load_examples, read_cases
from inference.training.duplicates import clusters, folds
from sr_writer.equipment import Equipment
from sr_writer.results import write_results
from tests.inference.drawn_chests import chest, draw_split

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
        None, (),
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


def test_a_copy_and_a_brightened_copy_are_near_duplicates_and_another_chest_is_not() -> None:
    first = torch.from_numpy(chest(0, infected=True)[0])
    brighter = (first.float() * 0.8 + 30).to(torch.uint8)
    noise = torch.randint(0, 255, (64, 64), dtype=torch.uint8, generator=torch.Generator())
    found = clusters(torch.stack([first, noise, brighter, first]))
    assert found[0] == found[2] == found[3] != found[1]


def test_folds_are_even_and_never_part_a_cluster() -> None:
    cluster = np.random.default_rng(0).integers(0, 400, 1000)
    cluster = np.unique(cluster, return_inverse=True)[1]
    fold = folds(cluster, 5, seed=1)
    assert all(np.unique(fold[cluster == number]).size == 1 for number in range(cluster.max() + 1))
    assert np.bincount(fold).min() > 180
    assert not np.array_equal(fold, folds(cluster, 5, seed=2))


def test_variations_repeat_with_their_seed_and_move_mask_and_image_together() -> None:
    gray, lungs, _ = chest(0, infected=False)
    images = torch.from_numpy(gray).float().repeat(32, 1, 1) / 255
    masks = torch.from_numpy(lungs).float().repeat(32, 1, 1)
    varied, moved = augment(images, masks, torch.Generator().manual_seed(5))
    again, _ = augment(images, masks, torch.Generator().manual_seed(5))
    assert torch.equal(varied, again)
    assert varied.min() >= 0
    assert varied.max() <= 1
    assert set(moved.unique().tolist()) == {0.0, 1.0}
    # Lungs are darker than what is around them, wherever they have gone.
    darker = [
        float(image[mask > 0].median() < image[mask == 0].median())
        for image, mask in zip(varied, moved, strict=True)
    ]
    assert np.mean(darker) > 0.9


def test_variations_add_detail_to_some_images_and_take_it_from_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = torch.rand(64, 64, 64, generator=torch.Generator().manual_seed(1)) / 4 + 0.4

    def detail() -> torch.Tensor:
        varied, _ = augment(images, torch.zeros_like(images), torch.Generator().manual_seed(2))
        return varied[:, 24:40, 24:40].diff(dim=1).std(dim=(1, 2))

    with_it = detail()
    monkeypatch.setattr("inference.training.augment.SHARPNESS_SHARE", 0)
    change = with_it / detail()
    assert (change < 0.5).any()
    assert (change > 1.5).any()
    assert 0.2 < (change == 1).float().mean() < 0.6


def test_a_batch_is_prepared_as_the_engine_prepares_one_image() -> None:
    gray = torch.from_numpy(chest(1, infected=True)[0])
    prepared = prepare(to_gray(gray[None]))
    expected = normalise(gray.numpy().astype(np.float32) / 255)
    assert prepared.shape == (1, 3, 64, 64)
    for channel in prepared[0]:
        np.testing.assert_allclose(channel.numpy(), expected, atol=1e-5)


def test_an_epoch_shows_every_image_once_and_a_balanced_one_both_kinds_equally() -> None:
    masks = torch.zeros(64, 4, 4, dtype=torch.uint8)
    masks[:8] = 1
    plain = torch.cat(list(draw(masks, 8, balanced=False, seed=1)))
    assert sorted(plain.tolist()) == list(range(64))
    balanced = torch.cat([*draw(masks, 8, balanced=True, seed=1)] * 1)
    assert 20 <= int((balanced < 8).sum()) <= 44
