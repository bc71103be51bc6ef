"""Whether there is infection, and where it lies.

The paper marks every pixel above 0.5 (section 3.2) and calls an image positive for a single one.
How many pixels are that likely tells an infected chest from a healthy one less well than how strong
the signs are where they are strongest: the mean logit of the likeliest hundredth of the image. A
model card says what that strength is worth as a probability, and the settings from which
probability on an image is positive and below which it is negative. What lies between is too faint
to say, and nothing is marked. A card that says nothing leaves the paper's rule, less what is noise.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.pipeline import STANDARD, Calibration, Settings

#: Probabilities nearer to 0 or 1 than this are as good as these, so that a logit stays finite.
_LEAST_DOUBT = 1e-6


@dataclass(frozen=True, slots=True)
class Extent:
    """Where infection lies, by the probability of each pixel, and how sure it is that it does."""

    above: float  #: pixels above this are infected; 1 where there is no infection
    certainty: float | None = None  #: 0..1, that there is infection; None: nobody measured it
    is_faint: bool = False  #: there may be infection, and there may well be none


def extent_of(
    probability: NDArray[np.floating],
    square: int,
    calibration: Calibration | None = None,
    settings: Settings = STANDARD,
) -> Extent:
    """`probability`, (n,), 0..1, is that of all pixels infection can lie in, in any order; `square`
    is how many pixels the whole image has.
    """
    least = least_infection(square, settings)
    if probability.size < least:
        return Extent(above=1.0)
    likely = np.partition(probability, -least)[-least]
    if calibration is None:
        is_there = likely > settings.infection_above
        return Extent(above=settings.infection_above if is_there else 1.0)
    certainty = calibration.certainty(strength_of(probability, square, settings))
    if certainty < settings.positive_above:
        return Extent(1.0, certainty, is_faint=certainty >= settings.negative_below)
    if likely > settings.infection_above:
        return Extent(settings.infection_above, certainty)
    return Extent(_just_below(likely, probability), certainty)


def strength_of(
    probability: NDArray[np.floating], square: int, settings: Settings = STANDARD
) -> float:
    """The mean logit of the likeliest pixels, `strength_share` of `square` of them at most."""
    count = min(probability.size, math.ceil(settings.strength_share * square))
    strongest = np.partition(probability, -count)[-count:].astype(np.float64)
    strongest = strongest.clip(_LEAST_DOUBT, 1 - _LEAST_DOUBT)
    return float(np.log(strongest / (1 - strongest)).mean())


def least_infection(square: int, settings: Settings = STANDARD) -> int:
    """How many pixels of `square` are more than noise."""
    return math.ceil(settings.least_infection_share * square)


def _just_below(likely: np.floating, probability: NDArray[np.floating]) -> float:
    """Halfway to the next less likely pixel: enlarged to the source's grid, the outline stays."""
    less_likely = probability[probability < likely]
    next_likely = less_likely.max() if less_likely.size else 0
    # Between neighbouring numbers there is no halfway.
    return float(min((likely + next_likely) / 2, np.nextafter(likely, 0)))
