"""Where 0.5 lies: cross-entropy asks for likely pixels, the figures for overlap, which wants more.

So a constant is added to the foreground's logit, chosen where the held-out DSC is greatest, and
becomes part of the network's own last bias: nothing that uses the weights has to know of it.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from inference.datasets.examples import Examples
from inference.evaluation.metrics import PixelCounts
from inference.extent import least_infection
from inference.findings import Task
from inference.training.checkpoint import State
from inference.training.held_out import count, predict
from inference.training.precision import Precision

#: What is tried, in units of the logit; 0 first, so that a draw changes nothing.
BIASES = (0.0, *(sign * step / 4 for step in range(1, 9) for sign in (1, -1)))
#: Every network of segmentation-models-pytorch calls its last bias so; its second is foreground.
_LAST_BIAS = "segmentation_head.0.bias"


def foreground_bias(
    network: nn.Module, held_out: Examples, task: Task, precision: Precision
) -> float:
    """Of BIASES that with the greatest DSC, mean over images, empty on empty = 1.

    `network` and `held_out` are on one device. What post-processing takes for noise counts as
    nothing predicted.
    """
    least = least_infection(held_out.masks[0].numel()) if task is Task.INFECTION else 0
    batches = []
    for logits, masks in predict(network, held_out, precision):
        margin = logits[:, 1] - logits[:, 0]
        batches.append(torch.stack([_count(margin > -bias, masks, least) for bias in BIASES]))
    counts = torch.cat(batches, dim=2).cpu().numpy()
    scores = [PixelCounts(*of_bias).dsc().mean() for of_bias in counts]
    return BIASES[int(np.argmax(scores))]


def shifted(network: Mapping[str, torch.Tensor], bias: float) -> State:
    """The weights with `bias` added to the foreground's logit."""
    last = network[_LAST_BIAS]
    return dict(network) | {_LAST_BIAS: last + torch.tensor([0, bias]).to(last)}


def _count(predicted: torch.Tensor, masks: torch.Tensor, least: int) -> torch.Tensor:
    """(4, n), as `count`; fewer than `least` pixels of an image are none."""
    enough = predicted.sum(dim=(1, 2), keepdim=True) >= least
    return count(predicted & enough, masks > 0)
