"""Cautions over what is hard to judge are given where they should be, and nowhere else."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.analyze import analyze
from inference.engines import Engine
from inference.evaluation.distortions import DISTORTIONS
from inference.findings import Caution
from inference.gray.quality import gray_cautions, gray_statistics
from tests.inference.conftest import gray_png
from tests.inference.instances import instance

pytestmark = pytest.mark.slow

SIZE = 256
QUALITY = {
    Caution.LUNG_AT_BORDER,
    Caution.LUNGS_UNEQUAL,
    Caution.LOW_CONTRAST,
    Caution.SATURATED,
}


def of_gray(square: NDArray[np.float32]) -> set[Caution]:
    return set(gray_cautions(square))


def healthy(shared_data: Path) -> list[Path]:
    return sorted((shared_data / "covid-qu-ex" / "Val" / "Normal" / "images").glob("*.png"))


def gray_chest(shared_data: Path) -> NDArray[np.float32]:
    return gray_png(healthy(shared_data)[0]).astype(np.float32) / np.float32(255)


def test_an_ordinary_chest_gets_none(shared_data: Path) -> None:
    assert of_gray(gray_chest(shared_data)) == set()


def test_a_flat_chest_has_low_contrast(shared_data: Path) -> None:
    assert of_gray(0.4 + 0.2 * gray_chest(shared_data)) == {Caution.LOW_CONTRAST}


@pytest.mark.parametrize("shift", [-0.45, 0.45], ids=["black", "white"])
def test_a_chest_exposed_too_much_or_too_little_is_saturated(
    shared_data: Path, shift: float
) -> None:
    burnt = np.clip(gray_chest(shared_data) + np.float32(shift), 0, 1)
    assert Caution.SATURATED in of_gray(burnt)


@pytest.mark.parametrize("blades", [0.0, 1.0])
def test_the_collimators_blades_are_not_saturation(shared_data: Path, blades: float) -> None:
    framed = np.full((SIZE, SIZE), blades, np.float32)
    framed[24:-24, 24:-24] = gray_chest(shared_data)[24:-24, 24:-24]
    assert of_gray(framed) == set()


def test_real_radiographs_get_what_can_be_seen_on_them(chest: Path, engine: Engine) -> None:
    # Of this patient the detector missed the side of the right lung.
    cut_off = chest.name == "cr_mono1_jpeglossless_noview.dcm"
    expected = {Caution.LUNG_AT_BORDER} if cut_off else set()
    assert QUALITY & set(analyze(chest, engine).findings.cautions) == expected


def test_of_true_chests_hardly_any_gets_one(shared_data: Path, engine: Engine) -> None:
    """Of 233 of Val, 5 % touched the border (all of them cut off), 2 % were unequal, 1 % each were
    of low contrast and saturated; of the healthy among them fewer."""
    images = healthy(shared_data)[::12]
    found = [analyze(instance(gray_png(path)), engine).findings for path in images]
    assert sum(bool(QUALITY & set(one.cautions)) for one in found) <= 2


def test_a_chest_that_is_cut_off_says_so(shared_data: Path, engine: Engine) -> None:
    whole = gray_png(healthy(shared_data)[0])
    cut = np.ascontiguousarray(whole[:, 60:])
    assert Caution.LUNG_AT_BORDER in analyze(instance(cut), engine).findings.cautions


@pytest.mark.parametrize(
    ("distortion", "brightness", "contrast", "sharpness"),
    [
        ("brightened", 1, -1, 0),
        ("darkened", -1, 0, 0),
        ("down-sampled", 0, 0, -1),
        ("sharpened", 0, 0, 1),
        ("noisy", 0, 0, 1),
        ("flipped", 0, 0, 0),
    ],
)
def test_what_is_changed_of_images_is_seen_in_what_is_measured(
    shared_data: Path, distortion: str, brightness: int, contrast: int, sharpness: int
) -> None:
    """By at least as much of what single images differ by as a device has to shift."""
    changed, squares = DISTORTIONS[distortion], []
    for path in healthy(shared_data)[:40]:
        squares.append(gray_png(path).astype(np.float32) / np.float32(255))
    before = measured(squares)
    after = measured([changed.gray(changed.shape(one)).clip(0, 1) for one in squares])
    moved = (after.mean(axis=0) - before.mean(axis=0)) / before.std(axis=0)
    for by, expected in zip(moved, (brightness, contrast, sharpness), strict=True):
        assert np.sign(by) == expected if abs(by) >= 0.5 else expected == 0


def measured(squares: list[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Brightness, contrast and sharpness of each."""
    found = [gray_statistics(square) for square in squares]
    return np.array([(one.brightness, one.contrast, one.sharpness) for one in found])


def test_a_blank_image_has_no_sharpness_and_a_turned_one_is_measured_alike() -> None:
    blank = gray_statistics(np.full((SIZE, SIZE), 0.5, np.float32))
    assert (blank.brightness, blank.contrast, blank.sharpness) == (0.5, 0.0, 0.0)
    drawn = np.random.default_rng(0).random((SIZE, SIZE), np.float32)
    first, turned = gray_statistics(drawn), gray_statistics(np.rot90(drawn))
    assert turned.brightness == pytest.approx(first.brightness)
    assert turned.sharpness == pytest.approx(first.sharpness)


def test_the_analysis_measures_what_the_networks_saw(shared_data: Path, engine: Engine) -> None:
    stored = (gray_png(healthy(shared_data)[0]).astype(np.uint16)) * 16
    as_given, inverted = (
        analyze(instance(pixels, PatientOrientation=["L", "F"]), engine)
        for pixels in (stored, 4080 - stored)
    )
    assert Caution.POLARITY_CORRECTED in inverted.findings.cautions
    assert inverted.gray.brightness == pytest.approx(as_given.gray.brightness, abs=0.01)
    assert inverted.gray.sharpness == pytest.approx(as_given.gray.sharpness, abs=0.05)
