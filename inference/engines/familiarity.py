"""Whether an image is like those a network learnt from, by its encoder's two deepest levels.

The means of their features over the image are compared with the same of the images learnt from:
Mahalanobis distance (Lee et al. 2018) along the directions in which those vary most, 1 being the
distance that hardly any image held out reaches. A hand, a chest on its side, noise, another
scanner's sharpness: what lies far beyond has not been learnt, and what the network says of it means
little. The deepest level alone has forgotten much of that; the shallower ones find every other
hospital strange (deploy/FIGURES.md).
"""

from collections.abc import Mapping, Sequence

import torch
from torch import nn

#: Levels of the encoder compared, the deepest.
LEVELS = 2
#: Directions compared.
DIRECTIONS = 128
#: Of the images held out, the share that lies within a distance of 1.
WITHIN = 0.995
#: What the parameters' names in a weights file begin with.
PREFIX = "familiarity."


class Familiarity(nn.Module):
    """Part of a network whose weights hold it; in single precision whatever the rest is in."""

    mean: torch.Tensor
    directions: torch.Tensor

    def __init__(self, channels: int, directions: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("directions", torch.zeros(channels, directions))

    def forward(self, features: Sequence[torch.Tensor]) -> torch.Tensor:
        """(n,) distances of images of which an encoder's `features`, shallow to deep, are given."""
        pooled = pooled_of(features, len(self.mean))
        with torch.autocast(pooled.device.type, enabled=False):
            return self.distance(pooled)

    def distance(self, pooled: torch.Tensor) -> torch.Tensor:
        """Of (n, channels), as `pooled_of` gives them."""
        along = (pooled - self.mean.float()) @ self.directions.float()
        return along.square().mean(dim=1).sqrt()


def pooled_of(features: Sequence[torch.Tensor], channels: int = 0) -> torch.Tensor:
    """(n, channels) in single precision: the deepest features, their mean over the image.

    The deepest level's first. `channels`: as many as weights know of, of before this was of two
    levels; 0: of LEVELS.
    """
    deepest = features[::-1][:LEVELS]
    pooled = torch.cat([level.float().mean(dim=(2, 3)) for level in deepest], dim=1)
    return pooled[:, : channels or pooled.shape[1]]


def familiarity_of(learnt: torch.Tensor, held_out: torch.Tensor) -> Familiarity:
    """From the pooled features, (n, channels) each, of images learnt from and of others like them.

    Directions in which fewer images than directions vary are none: at most n - 1 are kept.
    """
    mean = learnt.mean(dim=0)
    # One level's features are larger than another's, and say no more.
    scale = learnt.std(dim=0).clamp(min=1e-6)
    _, spread, directions = torch.linalg.svd((learnt - mean) / scale, full_matrices=False)
    count = min(DIRECTIONS, int((spread > 1e-3 * spread[0]).sum()))
    deviation = spread[:count] / len(learnt) ** 0.5
    familiarity = Familiarity(learnt.shape[1], count)
    familiarity.mean.copy_(mean)
    familiarity.directions.copy_(directions[:count].T / scale[:, None] / deviation)
    familiarity.directions /= familiarity.distance(held_out).quantile(WITHIN)
    return familiarity


def shaped_as(state: Mapping[str, torch.Tensor]) -> Familiarity | None:
    """An empty one for a network's `state` to be loaded into; None where the state has none."""
    directions = state.get(f"{PREFIX}directions")
    return None if directions is None else Familiarity(*directions.shape)
