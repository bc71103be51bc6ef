"""Masks on a screen and back: what is not shown of an edge goes with what it was the edge of."""

import numpy as np
from scipy import ndimage

from dicom_node.drawing.raster import Masks, enlarged, shrunk, size_of

ROWS, COLUMNS = 3056, 2544
SIZE = size_of(ROWS, COLUMNS)


def blobs() -> Masks:
    """Three masks, with edges finer than a pixel of the screen."""
    noise = np.random.default_rng(3).normal(size=(3, ROWS // 8, COLUMNS // 8))
    smooth = ndimage.gaussian_filter(noise, (0, 12, 12))
    return np.stack([ndimage.zoom(one, 8, order=1) for one in smooth]) > 0.02


def test_what_is_erased_leaves_nothing_and_what_is_left_stays_as_it_was() -> None:
    begun = blobs()
    assert begun.any(axis=(1, 2)).all()
    drawn = shrunk(begun, SIZE)
    assert (enlarged(drawn, begun) == begun).all()
    assert not enlarged(np.zeros_like(drawn), begun).any()
    half = drawn.copy()
    half[:, : SIZE[1] // 2] = False
    kept = enlarged(half, begun)
    middle = ROWS // 2
    # But for the edge of the eraser.
    assert not kept[:, : middle - 4].any()
    assert (kept[:, middle + 8 :] == begun[:, middle + 8 :]).all()


def test_what_is_filled_has_no_holes() -> None:
    begun = blobs()
    drawn = shrunk(begun, SIZE)
    drawn[:, 100:400, 100:400] = True
    scale = ROWS / SIZE[1]
    inside = slice(round(101 * scale) + 1, round(399 * scale) - 1)
    assert enlarged(drawn, begun)[:, inside, inside].all()


def test_one_mask_that_is_erased_leaves_the_others() -> None:
    begun = blobs()
    drawn = shrunk(begun, SIZE)
    drawn[2] = False
    kept = enlarged(drawn, begun)
    assert not kept[2].any()
    assert (kept[:2] == begun[:2]).all()
