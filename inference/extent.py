"""Whether there is infection, and above which probability it lies.

The paper marks every pixel above 0.5 (section 3.2) and calls an image positive for a single one.
Where an image is hard, an infection the network is right to suspect stays below 0.5 all over and is
lost; but most of what is so suspected is none, and a healthy lung is not to be painted over. So
three cases are told apart by the likeliest pixels, as many as are more than noise:

- All above `infection_above`: infection lies where the paper says.
- All above `faint_above`: only they are marked, a place to look at, and the report says how sure
  that is.
- Else there is none.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.pipeline import STANDARD, Settings


@dataclass(frozen=True, slots=True)
class Extent:
    """Where infection lies, by its probability."""

    above: float  #: pixels above this are infected; 1 where there is no infection
    is_faint: bool  #: there may well be none


def extent_of(
    probability: NDArray[np.floating], square: int, settings: Settings = STANDARD
) -> Extent:
    """`probability`, (n,), 0..1, is that of all pixels infection can lie in, in any order; `square`
    is how many pixels the whole image has.
    """
    least = least_infection(square, settings)
    if probability.size < least:
        return Extent(above=1.0, is_faint=False)
    likely = np.partition(probability, -least)[-least]
    if likely > settings.infection_above:
        return Extent(above=settings.infection_above, is_faint=False)
    if likely > settings.faint_above:
        return Extent(above=_just_below(likely, probability), is_faint=True)
    return Extent(above=1.0, is_faint=False)


def least_infection(square: int, settings: Settings = STANDARD) -> int:
    """How many pixels of `square` are more than noise."""
    return math.ceil(settings.least_infection_share * square)


def _just_below(likely: np.floating, probability: NDArray[np.floating]) -> float:
    """Halfway to the next less likely pixel: enlarged to the source's grid, the outline stays."""
    less_likely = probability[probability < likely]
    next_likely = less_likely.max() if less_likely.size else 0
    # Between neighbouring numbers there is no halfway.
    return float(min((likely + next_likely) / 2, np.nextafter(likely, 0)))
