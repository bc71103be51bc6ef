"""The learning rate as a pure function of how far a run is, so that a resumed run needs no memory.

`one_cycle` takes progress, 0..1, of whatever budget there is: steps, or minutes of a machine that
is borrowed. `plateau` takes the held-out losses so far (paper, section 3.4).
"""

import math
from collections.abc import Sequence

#: Share of the budget in which the rate rises.
WARM_UP = 0.15
#: Where it starts, as a share of the greatest.
FIRST = 0.04
#: Section 3.4: divided by 5 after 3 epochs without improvement.
DIVISOR = 5.0
PATIENCE = 3


def one_cycle(progress: float) -> float:
    """Share of the greatest learning rate: a rise, then a cosine down to zero."""
    progress = min(max(progress, 0.0), 1.0)
    if progress < WARM_UP:
        return FIRST + (1 - FIRST) * progress / WARM_UP
    return (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))) / 2


def plateau(losses: Sequence[float]) -> float:
    """Share of the first learning rate after epochs with these held-out losses."""
    share, best, waited = 1.0, math.inf, 0
    for loss in losses:
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited == PATIENCE:
            share, waited = share / DIVISOR, 0
    return share


def is_exhausted(losses: Sequence[float], stop_after: int) -> bool:
    """Whether the last `stop_after` epochs all failed to improve the loss; never where it is 0."""
    if not stop_after or len(losses) <= stop_after:
        return False
    return min(losses[-stop_after:]) >= min(losses[:-stop_after])
