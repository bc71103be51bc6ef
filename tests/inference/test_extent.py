"""Whether there is infection, and above which probability it lies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from inference.extent import Extent, extent_of, strength_of
from inference.pipeline import STANDARD, Calibration

SQUARE = 256 * 256
NONE = Extent(above=1.0)
#: A strength of 0, as of pixels of probability 0.5, is worth a half.
EVEN = Calibration(slope=1.0, offset=0.0)
#: How many pixels say how strong the signs are.
STRONGEST = 656


def lungs_of(*of_each: tuple[int, float]) -> NDArray[np.float32]:
    """So many pixels of each probability, in no order."""
    values = np.concatenate([np.full(count, p, np.float32) for count, p in of_each])
    return np.random.default_rng(0).permutation(values)


def marked(probability: NDArray[np.floating], calibration: Calibration | None = None) -> int:
    extent = extent_of(probability, SQUARE, calibration)
    return int(np.count_nonzero(probability > extent.above))


@pytest.mark.parametrize(("pixels", "is_marked"), [(65, False), (66, True)])
def test_without_calibration_all_above_the_papers_threshold_is_infected_unless_it_is_noise(
    pixels: int, is_marked: bool
) -> None:
    probability = lungs_of((pixels, 0.9), (3000, STANDARD.infection_above), (20000, 0.0))
    assert marked(probability) == (pixels if is_marked else 0)
    assert extent_of(probability, SQUARE).certainty is None


@pytest.mark.parametrize("calibration", [None, EVEN])
def test_no_lungs_have_no_infection(calibration: Calibration | None) -> None:
    assert extent_of(lungs_of((0, 1.0)), SQUARE, calibration) == NONE


def test_the_strength_is_the_mean_logit_of_the_likeliest_hundredth() -> None:
    half, rest = STRONGEST // 2, STRONGEST - STRONGEST // 2
    probability = lungs_of((half, 0.9), (rest, 0.8), (5000, 0.7))
    expected = (half * np.log(9) + rest * np.log(4)) / STRONGEST
    assert strength_of(probability, SQUARE) == pytest.approx(expected, rel=1e-5)


def test_the_strength_of_certain_pixels_is_finite() -> None:
    assert np.isfinite(strength_of(lungs_of((700, 1.0)), SQUARE))
    assert np.isfinite(strength_of(lungs_of((700, 0.0)), SQUARE))


def test_the_certainty_is_the_calibrated_strength() -> None:
    probability = lungs_of((STRONGEST, 0.8), (10000, 0.0))
    extent = extent_of(probability, SQUARE, Calibration(slope=2.0, offset=-1.0))
    expected = 1 / (1 + np.exp(-(2 * np.log(4) - 1)))
    assert extent.certainty == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("certainty", "is_positive", "is_faint"),
    [
        (STANDARD.positive_above + 0.01, True, False),
        (STANDARD.positive_above - 0.01, False, True),
        (STANDARD.negative_below + 0.01, False, True),
        (STANDARD.negative_below - 0.01, False, False),
    ],
)
def test_the_settings_say_from_which_certainty_on_what_is_said(
    certainty: float, is_positive: bool, is_faint: bool
) -> None:
    probability = lungs_of((STRONGEST, certainty), (10000, 0.0))
    extent = extent_of(probability, SQUARE, EVEN)
    assert (marked(probability, EVEN) > 0, extent.is_faint) == (is_positive, is_faint)


def test_strong_signs_lie_where_the_paper_says() -> None:
    probability = lungs_of((900, 0.97), (3000, STANDARD.infection_above), (10000, 0.0))
    assert extent_of(probability, SQUARE, EVEN).above == STANDARD.infection_above
    assert marked(probability, EVEN) == 900


def test_strong_signs_below_the_papers_threshold_lie_where_they_are_likeliest() -> None:
    sure = Calibration(slope=1.0, offset=3.0)
    probability = lungs_of((66, 0.45), (3000, 0.4), (10000, 0.0))
    assert marked(probability, sure) == 66
    # Half precision makes many equal: they are marked together.
    assert marked(lungs_of((700, 0.4), (3000, 0.0)).astype(np.float16), sure) == 700
    close = np.full(10000, 0.4, np.float32)
    close[:66] = np.nextafter(np.float32(0.4), np.float32(1))
    assert marked(close, sure) == 66


@given(st.lists(st.floats(0, 1, width=32), max_size=300), st.floats(-5, 5))
def test_what_is_marked_is_none_or_no_noise(values: list[float], offset: float) -> None:
    probability = np.array(values, np.float32)
    calibration = Calibration(slope=1.0, offset=offset)
    extent = extent_of(probability, SQUARE, calibration)
    count = marked(probability, calibration)
    assert count == 0 if extent.above == 1 else count >= 66
    assert not (extent.is_faint and count)
