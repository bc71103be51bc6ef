"""How a step runs its network: as it is, compiled, or on a GPU recorded as a CUDA graph.

An image of 256 x 256 is too small to keep a large GPU busy: launching a DenseNet's thousand kernels
there and back takes longer than they run. A graph launches them at once.
"""

import copy
import functools
from collections.abc import Callable
from types import MethodType
from typing import cast

import torch
from torch import nn

from inference.networks import CHANNELS, adders
from inference.training.precision import Precision, autocast

Forward = Callable[[torch.Tensor], torch.Tensor]


def forward_of(
    network: nn.Module, shape: tuple[int, int], precision: Precision, *, compiled: bool = False
) -> Forward:
    """`network` as a step calls it, with batches of `shape`: images, side of the square."""
    device = next(network.parameters()).device
    if device.type == "cpu":
        _add_one_by_one(network)
        if precision is Precision.BF16:
            _keep_depthwise_single(network)
    if compiled:
        return torch.compile(network)
    if device.type == "cuda":
        return _recorded(network, shape, precision, device)
    return network


def _keep_depthwise_single(network: nn.Module) -> None:
    """Have depthwise convolutions work in fp32 between what works in bf16.

    Their way back takes a CPU two to five times as long in bf16 (oneDNN 3.12, AVX-512): half of an
    EfficientNet's step.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and 1 < module.groups == module.in_channels:
            module.forward = MethodType(_in_single, module)  # type: ignore[method-assign]


def _in_single(module: nn.Conv2d, images: torch.Tensor) -> torch.Tensor:
    with torch.autocast(images.device.type, enabled=False):
        result: torch.Tensor = type(module).forward(module, images.float())
    return result.to(images.dtype)


def _add_one_by_one(network: nn.Module) -> None:
    """Have an FPN's levels added without stacking them first: a tenth of a step on a CPU."""
    for module in adders(network):
        module.forward = _sum


def _sum(levels: list[torch.Tensor]) -> torch.Tensor:
    return functools.reduce(torch.add, levels)


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
