"""To the square and back: nothing moves."""

import numpy as np
import pytest

from inference.orientation import UNKNOWN, parse
from inference.resize import fit, restore, restore_mask

ORIENTATIONS = ["L\\F", "R\\F", "L\\H", "R\\H", "F\\L", "F\\R", "H\\L", "H\\R"]


def disc(rows: int, columns: int) -> np.ndarray:
    y, x = np.mgrid[0:rows, 0:columns]
    inside = (y / rows - 0.3) ** 2 + (x / columns - 0.6) ** 2 < 0.04
    return np.asarray(inside, np.float32)


def test_an_image_of_the_networks_size_is_unchanged_both_ways() -> None:
    image = np.random.default_rng(0).random((256, 256), np.float32)
    np.testing.assert_array_equal(fit(image, UNKNOWN, 256), image)
    np.testing.assert_array_equal(restore(image, UNKNOWN, (256, 256)), image)


def test_shrinking_averages_over_area() -> None:
    checks = (np.indices((1024, 768)).sum(axis=0) % 2).astype(np.float32)
    np.testing.assert_allclose(fit(checks, UNKNOWN, 256), 0.5, atol=0.02)


@pytest.mark.parametrize("value", ORIENTATIONS)
@pytest.mark.parametrize("shape", [(3056, 2544), (440, 440), (169, 211)], ids=str)
def test_what_comes_back_lies_where_it_was(shape: tuple[int, int], value: str) -> None:
    image, orientation = disc(*shape), parse(value.split("\\"))
    back = restore_mask(fit(image, orientation, 256), orientation, shape, 0.5)
    inside = image > 0.5
    dice = 2 * (back & inside).sum() / (back.sum() + inside.sum())
    assert dice > 0.985
    centre_before, centre_after = (np.argwhere(m).mean(axis=0) for m in (inside, back))
    assert np.abs(centre_before - centre_after).max() < 0.25 * max(shape) / 256


@pytest.mark.parametrize("value", ORIENTATIONS)
@pytest.mark.parametrize("shape", [(1024, 871), (256, 256), (90, 70), (1, 1)], ids=str)
def test_a_mask_restored_in_part_is_the_whole_restored(shape: tuple[int, int], value: str) -> None:
    rng, orientation = np.random.default_rng(1), parse(value.split("\\"))
    square = np.zeros((256, 256), np.float32)
    square[40:170, 150:240] = rng.random((130, 90), np.float32)
    whole = restore(square, orientation, shape) > 0.5
    np.testing.assert_array_equal(restore_mask(square, orientation, shape, 0.5), whole)


def test_nothing_restores_to_nothing() -> None:
    assert not restore_mask(np.zeros((256, 256), np.float32), UNKNOWN, (300, 200), 0.5).any()


def test_a_single_pixel_fills_the_square() -> None:
    np.testing.assert_array_equal(fit(np.full((1, 1), 0.3, np.float32), UNKNOWN, 256),
                                  np.full((256, 256), 0.3, np.float32))  # fmt: skip
