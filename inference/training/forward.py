"""How a step runs its network: as it is, compiled, or on a GPU recorded as a CUDA graph.

An image of 256 x 256 is too small to keep a large GPU busy: launching a DenseNet's thousand kernels
there and back takes longer than they run. A graph launches them at once.
"""

import copy
from collections.abc import Callable
from typing import cast

import torch
from torch import nn

from inference.networks import CHANNELS
from inference.training.precision import Precision, autocast

Forward = Callable[[torch.Tensor], torch.Tensor]


def forward_of(
    network: nn.Module, shape: tuple[int, int], precision: Precision, *, compiled: bool = False
) -> Forward:
    """`network` as a step calls it, with batches of `shape`: images, side of the square."""
    device = next(network.parameters()).device
    if compiled:
        return torch.compile(network)
    if device.type == "cuda":
        return _recorded(network, shape, precision, device)
    return network


def _recorded(
    network: nn.Module, shape: tuple[int, int], precision: Precision, device: torch.device
) -> Forward:
    """Forward and backward pass of training; in evaluation mode `network` runs as before."""
    images, size = shape
    sample = torch.rand(images, CHANNELS, size, size, device=device)
    sample = sample.contiguous(memory_format=torch.channels_last)
    # The passes before the recording move the normalisation's running means.
    before = copy.deepcopy(network.state_dict())
    network.train()
    # All batches have one shape, so trying out algorithms on the first pays.
    with (
        torch.backends.cudnn.flags(enabled=True, benchmark=True),
        autocast(device, precision),
    ):
        recorded = torch.cuda.make_graphed_callables(network, (sample,))
    network.load_state_dict(before)
    return cast(Forward, recorded)
