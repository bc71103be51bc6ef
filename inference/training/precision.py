"""In which arithmetic to train: measured on the machine at hand, not assumed.

bf16 halves the time of a step on a CPU with bf16 instructions and takes six to ten times as long
on one without (AVX2 only), and both kinds are common.
"""

import time
from contextlib import AbstractContextManager
from enum import StrEnum

import torch
from torch import nn

#: (batch, channels, side) of the convolution tried: enough to tell a factor of two.
_PROBE = (2, 64, 32)
_REPEATS = 3


class Precision(StrEnum):
    """The arithmetic of the forward pass; weights and losses are always fp32."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"  #: with a scaled loss


_TYPES = {
    Precision.FP32: torch.float32,
    Precision.BF16: torch.bfloat16,
    Precision.FP16: torch.float16,
}


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """The context a forward pass runs in."""
    enabled = precision is not Precision.FP32
    # A CUDA graph must convert the weights itself at every run: they change in between.
    kind, kept = _TYPES[precision] if enabled else None, device.type != "cuda"
    return torch.autocast(device.type, kind, enabled=enabled, cache_enabled=kept)


def fastest(device: torch.device) -> Precision:
    """bf16 where it is the faster, else fp16 on a GPU and fp32 on a CPU."""
    if device.type == "cuda":
        return Precision.BF16 if torch.cuda.is_bf16_supported() else Precision.FP16
    return min((Precision.FP32, Precision.BF16), key=lambda precision: _step_s(device, precision))


def _step_s(device: torch.device, precision: Precision) -> float:
    """The least time one convolution takes there and back."""
    batch, channels, side = _PROBE
    with torch.random.fork_rng(devices=[]):
        convolution = nn.Conv2d(channels, channels, 3, padding=1)
        images = torch.randn(batch, channels, side, side)
    convolution = convolution.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = images.contiguous(memory_format=torch.channels_last).requires_grad_()
    times = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        with autocast(device, precision):
            result = convolution(images)
        result.float().sum().backward()
        times.append(time.perf_counter() - started)
    return min(times)
