"""Whether lungs can be a chest's, and what is unusual about those that can."""

import numpy as np
import pytest

from inference.findings import Caution, Mask
from inference.lungs import find_lungs
from inference.lungs.laterality import Sides
from inference.lungs.plausibility import lung_cautions
from tests.inference.drawn_lungs import both_lungs, soft_ellipse

SIZE = 256


def box(top: int, bottom: int, left: int, right: int) -> Mask:
    mask = np.zeros((SIZE, SIZE), np.bool_)
    mask[top:bottom, left:right] = True
    return mask


def of_lungs(right: Mask, left: Mask) -> list[Caution]:
    return list(lung_cautions(Sides(right, left, ())))


def test_equal_lungs_inside_the_image_are_ordinary() -> None:
    assert of_lungs(box(40, 200, 30, 110), box(40, 200, 150, 220)) == []


@pytest.mark.parametrize("turns", range(4))
def test_a_lung_that_runs_along_any_border_is_cut_off(turns: int) -> None:
    right, left = box(40, 200, 0, 110), box(40, 200, 150, 220)
    turned = [np.ascontiguousarray(np.rot90(lung, turns)) for lung in (right, left)]
    assert of_lungs(*turned) == [Caution.LUNG_AT_BORDER]


def test_a_few_pixels_at_the_border_are_not() -> None:
    right = box(40, 200, 30, 110) | box(60, 80, 0, 30)
    assert of_lungs(right, box(40, 200, 150, 220)) == []


@pytest.mark.parametrize("swapped", [False, True])
def test_one_lung_much_smaller_than_the_other_is_unequal(swapped: bool) -> None:
    lungs = [box(40, 200, 30, 110), box(40, 100, 150, 220)]
    assert of_lungs(*(lungs[::-1] if swapped else lungs)) == [Caution.LUNGS_UNEQUAL]


def test_a_lung_that_was_not_found_is_not_called_unequal_too() -> None:
    assert of_lungs(box(40, 200, 30, 110), box(0, 0, 0, 0)) == []


def test_plausible_lungs_have_no_fault() -> None:
    assert find_lungs(both_lungs()).fault is None
    alone = soft_ellipse(75, 120, 40, 85)
    assert find_lungs(alone).fault is None


def test_one_lung_alone_must_be_surer_than_two() -> None:
    # A tibia looks like one lung, and the network is nearly as sure of it as of some chests.
    alone = soft_ellipse(75, 120, 40, 85)
    assert find_lungs(0.95 * both_lungs()).fault is None
    assert find_lungs(0.95 * alone).fault is not None
