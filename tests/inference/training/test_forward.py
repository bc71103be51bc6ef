"""How a step runs its network."""

import torch
from torch import nn

from inference.networks import build
from inference.training.forward import forward_of
from inference.training.precision import Precision, autocast

CPU = torch.device("cpu")


def test_on_a_cpu_a_pyramid_s_levels_are_added_as_they_would_be() -> None:
    torch.manual_seed(0)
    network = build("fpn-resnet18").eval()
    images = torch.rand(1, 3, 64, 64)
    before = network(images)
    assert torch.allclose(forward_of(network, (1, 64), Precision.FP32)(images), before, atol=1e-5)


def test_on_a_cpu_depthwise_convolutions_alone_work_in_single_precision() -> None:
    depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
    others = (nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1, groups=2))
    images = torch.rand(2, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    whole = {layer: layer(images) for layer in (depthwise, *others)}
    forward = {layer: forward_of(layer, (2, 16), Precision.BF16) for layer in whole}
    with autocast(CPU, Precision.BF16):
        in_bf16 = {layer: forward[layer](images.bfloat16()).float() for layer in whole}
        in_single = depthwise(images)
    assert torch.equal(in_single, whole[depthwise])
    assert in_bf16[depthwise].sub(whole[depthwise]).abs().max() < 0.02
    assert all(not torch.equal(in_bf16[layer], whole[layer]) for layer in others)
