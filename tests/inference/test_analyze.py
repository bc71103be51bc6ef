"""One radiograph from DICOM to Findings, on the real networks and real images."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from inference.analyze import analyze
from inference.decode import UndecodableImage
from inference.engines import Engine
from inference.findings import Caution, Decision, Laterality
from inference.orientation import parse
from tests.inference.conftest import gray_png
from tests.inference.instances import instance, smooth

STAGES = ["decode", "resize", "networks", "postprocess", "quantify"]
ORIENTATIONS = ["L\\F", "R\\F", "L\\H", "R\\H", "F\\L", "F\\R", "H\\L", "H\\R"]


def test_every_real_chest_radiograph_gets_plausible_lungs(chest: Path, engine: Engine) -> None:
    analysis = analyze(chest, engine)
    found = analysis.findings
    # None is known to be of COVID-19, nor not to be; this one the network takes for it.
    if chest.name != "cr_mono1_jpeglossless_noview.dcm":
        assert found.decision is Decision.NEGATIVE or Caution.FAINT in found.cautions
    assert list(found.durations_ms) == STAGES
    assert found.models == engine.models
    shape = analysis.radiograph.pixels.shape
    assert all(segment.mask.shape == shape for segment in found.segments)
    share = [lung.lung_pixels / (shape[0] * shape[1]) for lung in (found.left, found.right)]
    assert all(0.05 < area < 0.3 for area in share)
    # None of these has an orientation: the patient's right lung is taken at the image's left.
    columns = [
        np.argwhere(found.segments[number].mask)[:, 1].mean() / shape[1] for number in (0, 1)
    ]
    assert columns[1] < 0.5 < columns[0]


def test_lungs_of_a_calibrated_image_have_a_human_size(shared_data: Path, engine: Engine) -> None:
    chest = shared_data / "dicom" / "chest" / "cr_mono1_jpeglossless_noview.dcm"
    found = analyze(chest, engine).findings
    for lung in (found.left, found.right):
        assert lung.lung_area_mm2 is not None
        assert 8_000 < lung.lung_area_mm2 < 40_000


def test_a_mislabelled_polarity_is_corrected_and_said(shared_data: Path, engine: Engine) -> None:
    chests = shared_data / "dicom" / "chest"
    right = analyze(chests / "sc_cr_pa_mono2_jpegbaseline.dcm", engine)
    wrong = analyze(chests / "sc_cr_pa_mono1_mislabelled_jpegbaseline.dcm", engine)
    assert Caution.POLARITY_CORRECTED in wrong.findings.cautions
    assert Caution.POLARITY_CORRECTED not in right.findings.cautions
    np.testing.assert_allclose(wrong.radiograph.pixels, right.radiograph.pixels, atol=0.01)
    for corrected, labelled in zip(
        wrong.findings.segments[:2], right.findings.segments[:2], strict=True
    ):
        assert (corrected.mask != labelled.mask).mean() < 0.001


@pytest.mark.parametrize("labelled", ["MONOCHROME1", "MONOCHROME2"])
def test_polarity_is_told_from_the_pixels_whatever_the_label(
    shared_data: Path, engine: Engine, labelled: str
) -> None:
    images = sorted((shared_data / "covid-qu-ex" / "Val").glob("*/images/*.png"))[10::230]
    for path in images:
        dataset = instance(gray_png(path), PhotometricInterpretation=labelled)
        found = analyze(dataset, engine).findings
        assert found.left.lung_pixels, path
        assert found.right.lung_pixels, path
        is_wrong = labelled == "MONOCHROME1"
        assert (Caution.POLARITY_CORRECTED in found.cautions) is is_wrong, path


@pytest.mark.parametrize("name", ["cr_hip_jpegls", "cr_tibia_rle", "dx_lateral_dog_mono1"])
def test_what_is_no_frontal_chest_is_undetermined(
    shared_data: Path, engine: Engine, name: str
) -> None:
    found = analyze(shared_data / "dicom" / "not-chest" / f"{name}.dcm", engine).findings
    assert found.decision is Decision.UNDETERMINED
    assert found.reason
    assert found.infected_percent is None
    assert not any(segment.mask.any() for segment in found.segments)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((300, 200), np.uint16),
        np.full((300, 200), 255, np.uint8),
        np.random.default_rng(0).integers(0, 4096, (300, 200), np.uint16),
        np.array([[5]], np.uint16),
        smooth(),
    ],
    ids=["blank", "white", "noise", "one pixel", "ramp"],
)
def test_an_image_of_nothing_is_undetermined(pixels: np.ndarray, engine: Engine) -> None:
    found = analyze(instance(pixels), engine).findings
    assert found.decision is Decision.UNDETERMINED
    assert found.infected_percent is None


@pytest.mark.parametrize("value", ORIENTATIONS)
def test_each_lung_is_the_same_patients_lung_in_every_orientation(
    shared_data: Path, engine: Engine, value: str
) -> None:
    path = min((shared_data / "covid-qu-ex" / "Val" / "COVID-19" / "images").glob("*.png"))
    upright = gray_png(path)
    orientation = parse(value.split("\\"))
    stored = np.ascontiguousarray(orientation.stored(upright))
    expected = analyze(instance(upright, PatientOrientation=["L", "F"]), engine).findings
    found = analyze(instance(stored, PatientOrientation=value.split("\\")), engine).findings
    assert Caution.LATERALITY_ASSUMED not in found.cautions
    for side in Laterality:
        assert found.measurement(side) == expected.measurement(side)
    for there, here in zip(found.segments, expected.segments, strict=True):
        np.testing.assert_array_equal(orientation.upright(there.mask), here.mask)


def test_an_undecodable_image_is_refused(engine: Engine) -> None:
    with pytest.raises(UndecodableImage):
        analyze(b"no image", engine)


def test_the_data_set_is_not_altered(chest: Path, engine: Engine) -> None:
    dataset = dcmread(chest)
    before = dcmread(chest)
    analyze(dataset, engine)
    assert dataset == before
