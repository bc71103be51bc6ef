"""Where 0.5 lies: cross-entropy asks for likely pixels, the figures for overlap, which wants more.

So a constant is added to the foreground's logit, chosen where the held-out DSC is greatest, and
becomes part of the network's own last bias: nothing that uses the weights has to know of it.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from inference.postprocess import MIN_INFECTION_SHARE
from inference.results import Task
from inference.training.batches import prepare, to_gray
from inference.training.checkpoint import State
from inference.training.dataset import Examples
from inference.training.precision import Precision, autocast

#: What is tried, in units of the logit; 0 first, so that a draw changes nothing.
BIASES = (0.0, *(sign * step / 4 for step in range(1, 9) for sign in (1, -1)))
#: Every network of segmentation-models-pytorch calls its last bias so; its second is foreground.
_LAST_BIAS = "segmentation_head.0.bias"
_AT_ONCE = 32


@torch.no_grad()
def foreground_bias(
    network: nn.Module, held_out: Examples, task: Task, precision: Precision
) -> float:
    """Of BIASES that with the greatest DSC, mean over images, empty on empty = 1.

    `network` and `held_out` are on one device. What post-processing takes for noise counts as
    nothing predicted.
    """
    network.eval()
    device = held_out.images.device
    least = MIN_INFECTION_SHARE * held_out.masks[0].numel() if task is Task.INFECTION else 0
    scores = []
    for images, masks in zip(
        held_out.images.split(_AT_ONCE),  # type: ignore[no-untyped-call]
        held_out.masks.split(_AT_ONCE),  # type: ignore[no-untyped-call]
        strict=True,
    ):
        with autocast(device, precision):
            logits = network(prepare(to_gray(images))).float()
        margin = logits[:, 1] - logits[:, 0]
        scores.append(torch.stack([_dsc(margin > -bias, masks > 0, least) for bias in BIASES]))
    return BIASES[int(np.argmax(torch.cat(scores, dim=1).mean(dim=1).cpu().numpy()))]


def shifted(network: Mapping[str, torch.Tensor], bias: float) -> State:
    """The weights with `bias` added to the foreground's logit."""
    last = network[_LAST_BIAS]
    return dict(network) | {_LAST_BIAS: last + torch.tensor([0, bias]).to(last)}


def _dsc(predicted: torch.Tensor, truth: torch.Tensor, least: float) -> torch.Tensor:
    """(n,): DSC of each image."""
    predicted, truth = predicted.flatten(1), truth.flatten(1)
    predicted = predicted & (predicted.sum(dim=1, keepdim=True) >= least)
    both = 2 * (predicted & truth).sum(dim=1).double()
    total = predicted.sum(dim=1) + truth.sum(dim=1)
    return torch.where(total == 0, 1.0, both / total.clamp(min=1))
