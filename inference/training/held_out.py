"""What a network says of the held-out part, a batch at a time, and how that meets the truth."""

from collections.abc import Iterator

import torch
from torch import nn

from inference.datasets.examples import Examples
from inference.training.batches import prepare, to_gray
from inference.training.precision import Precision, autocast

#: Images at once: no gradient is kept, so more than while learning.
AT_ONCE = 32


@torch.no_grad()
def predict(
    network: nn.Module, held_out: Examples, precision: Precision
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """(n, 2, size, size) logits in single precision and (n, size, size) masks, 0 or 1.

    `network` and `held_out` are on one device; the network is left in evaluation mode.
    """
    network.eval()
    for images, masks in zip(
        held_out.images.split(AT_ONCE),  # type: ignore[no-untyped-call]
        held_out.masks.split(AT_ONCE),  # type: ignore[no-untyped-call]
        strict=True,
    ):
        with autocast(images.device, precision):
            logits = network(prepare(to_gray(images)))
        yield logits.float(), masks


def count(predicted: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """(4, n): true positive, false positive, false negative, true negative pixels."""
    pairs = (predicted & truth, predicted & ~truth, ~predicted & truth, ~predicted & ~truth)
    return torch.stack([pair.flatten(1).sum(dim=1) for pair in pairs])
