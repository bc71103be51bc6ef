"""Whether there is infection, and above which probability it lies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from inference.extent import Extent, extent_of
from inference.pipeline import STANDARD

SQUARE = 256 * 256
NONE = Extent(above=1.0, is_faint=False)


def lungs_of(*of_each: tuple[int, float]) -> NDArray[np.float32]:
    """So many pixels of each probability, in no order."""
    values = np.concatenate([np.full(count, p, np.float32) for count, p in of_each])
    return np.random.default_rng(0).permutation(values)


def marked(probability: NDArray[np.floating]) -> int:
    return int(np.count_nonzero(probability > extent_of(probability, SQUARE).above))


@pytest.mark.parametrize(("pixels", "is_marked"), [(65, False), (66, True)])
def test_less_than_a_thousandth_of_the_square_is_noise(pixels: int, is_marked: bool) -> None:
    assert marked(lungs_of((pixels, 0.9), (20000, 0.0))) == (pixels if is_marked else 0)


def test_what_is_not_even_faint_is_no_infection_however_large() -> None:
    assert extent_of(lungs_of((20000, STANDARD.faint_above)), SQUARE) == NONE


def test_no_lungs_have_no_infection() -> None:
    assert extent_of(lungs_of((0, 1.0)), SQUARE) == NONE


def test_clear_infection_lies_above_the_papers_threshold() -> None:
    probability = lungs_of(
        (66, 0.9),
        (3000, STANDARD.infection_above + 0.01),
        (3000, STANDARD.infection_above),
        (10000, 0.0),
    )
    assert extent_of(probability, SQUARE) == Extent(STANDARD.infection_above, is_faint=False)
    assert marked(probability) == 3066


def test_of_faint_infection_only_the_likeliest_place_is_marked() -> None:
    probability = lungs_of(
        (65, 0.9),
        (1, STANDARD.infection_above),
        (3000, STANDARD.infection_above - 0.01),
        (10000, 0.0),
    )
    assert extent_of(probability, SQUARE).is_faint
    assert marked(probability) == 66


def test_what_is_equally_likely_is_marked_together() -> None:
    # Half precision makes many equal.
    assert marked(lungs_of((300, 0.4), (3000, 0.0)).astype(np.float16)) == 300


def test_neighbouring_numbers_are_told_apart() -> None:
    probability = np.full(10000, 0.4, np.float32)
    probability[:66] = np.nextafter(np.float32(0.4), np.float32(1))
    assert marked(probability) == 66


@given(st.lists(st.floats(0, 1, width=32), max_size=300))
def test_what_is_marked_is_none_or_no_noise_and_likelier_than_what_is_not(
    values: list[float],
) -> None:
    probability = np.array(values, np.float32)
    extent = extent_of(probability, SQUARE)
    count = marked(probability)
    assert count == 0 if extent == NONE else count >= 66
    if count:
        assert np.sort(probability)[-count] > STANDARD.faint_above
