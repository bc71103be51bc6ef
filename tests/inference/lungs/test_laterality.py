"""Left and right: two lungs, touching lungs, one lung, lungs in pieces."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from inference.findings import Caution, Mask
from inference.lungs.laterality import divide
from tests.inference.conftest import gray_png

SIZE = 256


def ellipse(x: float, y: float = 120, half_width: float = 40, half_height: float = 85) -> Mask:
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    return np.asarray(((columns - x) / half_width) ** 2 + ((rows - y) / half_height) ** 2 < 1)


def dice(one: Mask, other: Mask) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


@pytest.mark.parametrize("shift", [-35, 0, 35])
def test_the_lung_at_the_images_left_is_the_patients_right(shift: int) -> None:
    at_left, at_right = ellipse(75 + shift), ellipse(180 + shift)
    lungs = divide(at_left | at_right)
    np.testing.assert_array_equal(lungs.right, at_left)
    np.testing.assert_array_equal(lungs.left, at_right)
    assert lungs.cautions == ()


@pytest.mark.parametrize("bridge", [slice(100, 112), slice(150, 190), slice(60, 64)], ids=str)
def test_touching_lungs_are_divided_at_their_narrowest_place(bridge: slice) -> None:
    at_left, at_right = ellipse(75), ellipse(180)
    joined = at_left | at_right
    joined[bridge, 75:180] = True
    lungs = divide(joined)
    assert lungs.cautions == (Caution.LUNGS_TOUCH,)
    assert dice(lungs.right, at_left) > 0.93
    assert dice(lungs.left, at_right) > 0.93
    np.testing.assert_array_equal(lungs.right | lungs.left, joined)
    assert not (lungs.right & lungs.left).any()


@pytest.mark.parametrize("x", [60, 85, 105])
def test_a_lung_alone_lies_on_the_side_it_is_on(x: int) -> None:
    alone = ellipse(x)
    right = divide(alone)
    np.testing.assert_array_equal(right.right, alone)
    assert not right.left.any()
    assert right.cautions == (Caution.ONE_LUNG_ONLY,)
    left = divide(alone[:, ::-1])
    np.testing.assert_array_equal(left.left, alone[:, ::-1])
    assert not left.right.any()


def test_a_wide_lung_alone_that_crosses_the_middle_is_not_cut() -> None:
    alone = ellipse(105, half_width=58)
    lungs = divide(alone)
    np.testing.assert_array_equal(lungs.right, alone)
    assert lungs.cautions == (Caution.ONE_LUNG_ONLY,)


def test_a_lung_in_pieces_stays_on_one_side() -> None:
    at_left = ellipse(75)
    at_left[110:118] = False
    at_right = ellipse(180, half_height=40)
    lungs = divide(at_left | at_right)
    np.testing.assert_array_equal(lungs.right, at_left)
    np.testing.assert_array_equal(lungs.left, at_right)
    assert lungs.cautions == ()


def test_a_lung_in_pieces_alone_stays_on_one_side() -> None:
    pieces = ellipse(75)
    pieces[110:118] = False
    lungs = divide(pieces)
    np.testing.assert_array_equal(lungs.right, pieces)
    assert lungs.cautions == (Caution.ONE_LUNG_ONLY,)


def test_a_sliver_beside_a_lung_is_no_second_lung() -> None:
    alone = ellipse(75)
    alone[118:124, 110:150] = True
    lungs = divide(alone)
    assert not lungs.left.any()
    np.testing.assert_array_equal(lungs.right, alone)


def test_no_lung_at_all_is_no_lung_on_either_side() -> None:
    lungs = divide(np.zeros((SIZE, SIZE), np.bool_))
    assert not lungs.right.any()
    assert not lungs.left.any()
    assert lungs.cautions == ()


def test_real_lungs_alone_and_together_are_told_apart(shared_data: Path) -> None:
    masks = sorted((shared_data / "covid-qu-ex" / "Train").glob("*/lung masks/*.png"))[::120]
    assert len(masks) > 25
    for path in masks:
        truth = gray_png(path) > 127
        labels, _ = ndimage.label(truth)
        largest = np.argsort(np.bincount(labels.ravel())[1:])[-2:] + 1
        one, other = sorted(largest, key=lambda k: np.nonzero(labels == k)[1].mean())
        both = divide(truth)
        assert dice(both.right, labels == one) > 0.99, path
        assert dice(both.left, labels == other) > 0.99, path
        assert divide(labels == one).cautions == (Caution.ONE_LUNG_ONLY,), path
        assert not divide(labels == one).left.any(), path
        assert not divide(labels == other).right.any(), path
