"""Section 3.2 of the paper: what of a map is lung."""

import numpy as np

from inference.lungs import lung_mask
from tests.inference.drawn_lungs import SIZE, both_lungs


def test_exactly_one_half_is_not_lung() -> None:
    assert not lung_mask(np.full((SIZE, SIZE), 0.5, np.float32)).any()


def test_holes_are_filled() -> None:
    lung = both_lungs()
    lung[110:125, 70:80] = 0
    np.testing.assert_array_equal(lung_mask(lung), both_lungs() > 0.5)


def test_regions_below_5_percent_are_dropped_and_larger_ones_kept() -> None:
    lung, total = both_lungs(), int((both_lungs() > 0.5).sum())
    small, large = int((0.04 * total) ** 0.5), int((0.07 * total) ** 0.5)
    lung[2 : 2 + small, 2 : 2 + small] = 1
    lung[225 : 225 + large, 100 : 100 + large] = 1
    cleaned = lung_mask(lung)
    assert not cleaned[:30, :20].any()
    assert cleaned[230, 105]
