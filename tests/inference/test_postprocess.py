"""The paper's section 3.2, plausibility, and the way back to the source's grid."""

from collections.abc import Mapping

import numpy as np
import pytest

from inference.findings import Caution, Laterality, Mask
from inference.lungs import find_lungs, lung_mask
from inference.orientation import UNKNOWN, Orientation, parse
from inference.pipeline import Calibration
from inference.postprocess import (
    Masks,
    Probability,
    clean,
    restore_masks,
)
from tests.inference.drawn_lungs import SIZE, both_lungs, soft_ellipse

LEFT, RIGHT = Laterality.LEFT, Laterality.RIGHT
ORIENTATIONS = ["L\\F", "R\\F", "L\\H", "R\\H", "F\\L", "F\\R", "H\\L", "H\\R"]


def nothing() -> Probability:
    return np.zeros((SIZE, SIZE), np.float32)


def masks_of(
    lung: Probability,
    infection: Probability,
    shape: tuple[int, int] = (SIZE, SIZE),
    orientation: Orientation = UNKNOWN,
) -> Masks:
    return restore_masks(clean(find_lungs(lung), infection), orientation, shape)


def union(masks: Mapping[Laterality, Mask]) -> Mask:
    return masks[LEFT] | masks[RIGHT]


def test_infection_outside_the_lungs_does_not_count_towards_it() -> None:
    infection = nothing()
    infection[:20] = 0.9
    infection[120, 60:90] = 0.9
    masks = masks_of(both_lungs(), infection)
    assert not union(masks.infection).any()


def test_infection_outside_the_lungs_does_not_count() -> None:
    everywhere = np.ones((SIZE, SIZE), np.float32)
    lungs = both_lungs() > 0.5
    masks = masks_of(both_lungs(), everywhere)
    np.testing.assert_array_equal(union(masks.infection), lungs)


def test_at_the_networks_size_the_masks_are_those_decided_there() -> None:
    lung = both_lungs()
    lung[110:125, 70:80] = 0.2
    lung[3:10, 3:10] = 1
    infection = soft_ellipse(85, 150, 30, 30)
    decided, masks = clean(find_lungs(lung), infection), masks_of(lung, infection)
    np.testing.assert_array_equal(union(masks.lung), lung_mask(lung))
    infected = (infection > decided.infected_above) & lung_mask(lung)
    np.testing.assert_array_equal(union(masks.infection), infected)


@pytest.mark.parametrize("value", ORIENTATIONS)
@pytest.mark.parametrize("shape", [(3056, 2544), (440, 440), (169, 211)], ids=str)
def test_lungs_lie_on_the_source_where_they_lay_in_the_square(
    shape: tuple[int, int], value: str
) -> None:
    orientation = parse(value.split("\\"))
    infection = soft_ellipse(60, 150, 30, 30)
    masks = masks_of(both_lungs(), infection, shape, orientation)
    reaches = infection > clean(find_lungs(both_lungs()), infection).infected_above
    for mask, square in (
        (masks.lung[RIGHT], soft_ellipse(75, 120, 40, 85) > 0.5),
        (masks.lung[LEFT], soft_ellipse(180, 130, 35, 70) > 0.5),
        (masks.infection[RIGHT], reaches & (both_lungs() > 0.5)),
    ):
        assert mask.shape == shape
        assert mask.mean() == pytest.approx(square.mean(), rel=0.03)
        upright = orientation.upright(mask)
        centre = (np.argwhere(upright).mean(axis=0) + 0.5) / upright.shape
        expected = (np.argwhere(square).mean(axis=0) + 0.5) / SIZE
        np.testing.assert_allclose(centre, expected, atol=0.002)
    assert not masks.infection[LEFT].any()


@pytest.mark.parametrize("shape", [(3056, 2544), (777, 1023), (100, 90)], ids=str)
def test_left_and_right_never_overlap_even_where_they_touch(shape: tuple[int, int]) -> None:
    lung = both_lungs()
    lung[100:130, 75:180] = 0.9
    masks = masks_of(lung, lung, shape)
    assert Caution.LUNGS_TOUCH in masks.cautions
    assert not (masks.lung[LEFT] & masks.lung[RIGHT]).any()
    assert not (masks.infection[LEFT] & masks.infection[RIGHT]).any()


def test_infection_lies_within_its_own_lung_on_the_source() -> None:
    infection = np.random.default_rng(0).random((SIZE, SIZE), np.float32)
    masks = masks_of(both_lungs(), infection, (1000, 900))
    for side in Laterality:
        assert masks.infection[side].any()
        assert not (masks.infection[side] & ~masks.lung[side]).any()


def test_outlines_are_smooth_on_a_large_source() -> None:
    # Masks enlarged pixel by pixel would have steps of 12 rows; these follow the slope.
    mask = masks_of(both_lungs(), nothing(), (3056, 2544)).lung[RIGHT]
    edge = mask.argmax(axis=1)[1200:1700]
    assert np.abs(np.diff(edge)).max() <= 1


@pytest.mark.parametrize(
    ("probability", "says"),
    [
        (nothing(), "No lungs were found"),
        (soft_ellipse(100, 100, 15, 15), "too small"),
        (np.ones((SIZE, SIZE), np.float32), "too large"),
        (0.8 * both_lungs(), "not sure enough"),
    ],
    ids=["none", "small", "large", "unsure"],
)
def test_implausible_lungs_say_why_and_leave_no_mask(probability: Probability, says: str) -> None:
    masks = masks_of(probability, np.ones((SIZE, SIZE), np.float32), (300, 200))
    assert masks.fault is not None
    assert says in masks.fault
    every = [*masks.lung.values(), *masks.infection.values()]
    assert [mask.any() for mask in every] == [False] * 4
    assert masks.cautions == ()


def test_faint_infection_is_cautioned_against_and_clear_infection_is_not() -> None:
    lungs, calibration = find_lungs(both_lungs()), Calibration(slope=1.0, offset=0.0)

    def cautions(infection: Probability) -> tuple[Caution, ...]:
        cleaned = clean(lungs, infection, calibration=calibration)
        return restore_masks(cleaned, UNKNOWN, (SIZE, SIZE)).cautions

    spot = soft_ellipse(85, 150, 20, 20)
    assert Caution.FAINT in cautions(np.float32(0.4) * spot)
    assert Caution.FAINT not in cautions(spot)
    assert Caution.FAINT not in cautions(nothing())
