"""What the networks are fed while training: `engines.normalise`, a batch at a time."""

from collections.abc import Iterator

import torch
from numpy.random import SeedSequence

from inference.engines.runners import as_batch


def prepare(images: torch.Tensor) -> torch.Tensor:
    """(n, 3, size, size), each minus its own mean and over its own deviation, from (n, size, size).

    Channels last: the layout convolutions are fastest in.
    """
    deviation = images.std(dim=(1, 2), keepdim=True, correction=0).clamp(min=1e-6)
    normal = (images - images.mean(dim=(1, 2), keepdim=True)) / deviation
    return as_batch(normal)


def to_gray(images: torch.Tensor) -> torch.Tensor:
    """0..1 in single precision, from uint8."""
    return images.float() / 255


def seed_of(seed: int, epoch: int) -> int:
    """An epoch's own seed: it needs no memory of the epochs before."""
    return int(SeedSequence([seed, epoch]).generate_state(1)[0])


def draw(masks: torch.Tensor, batch: int, *, balanced: bool, seed: int) -> Iterator[torch.Tensor]:
    """One epoch's batches as indices: every image once, or as many with foreground as without.

    A last batch that is not full is dropped, unless it is the only one.
    """
    generator = torch.Generator().manual_seed(seed)
    count = len(masks)
    if balanced:
        there = masks.flatten(1).amax(dim=1).cpu() > 0
        share = there.double().mean().clamp(1 / (count + 1), count / (count + 1))
        weights = torch.where(there, 1 / share, 1 / (1 - share))
        order = torch.multinomial(weights, count, replacement=True, generator=generator)
    else:
        order = torch.randperm(count, generator=generator)
    order = order.to(masks.device)  # once: the host would wait for the device at every step
    for start in range(0, max(count - batch, 0) + 1, batch):
        yield order[start : start + batch]


def batches_in_epoch(count: int, batch: int) -> int:
    """How many `draw` gives."""
    return max(count // batch, 1)
