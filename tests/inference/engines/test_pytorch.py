"""What is the PyTorch engine's own: folding, and CUDA."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from inference.engines import Engine
from inference.engines.device import DeviceUnavailable, choose_device
from inference.engines.pytorch import load_engine
from inference.engines.runners import fold
from inference.networks import build
from tests.inference.engines.conftest import random_image


def normalisations(network: torch.nn.Module) -> int:
    return sum(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize(
    "name", ["unet-resnet18", "unetplusplus-resnet50", "fpn-densenet121", "unet-inceptionv4"]
)
def test_folding_changes_no_networks_answer(name: str) -> None:
    torch.manual_seed(0)
    network = build(name).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            # Fresh statistics would fold into nothing.
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    batch, had = torch.randn(1, 3, 96, 96), normalisations(network)
    with torch.inference_mode():
        before = torch.softmax(network(batch), dim=1)
        folded = fold(network)
        after = torch.softmax(folded(batch), dim=1)
    torch.testing.assert_close(after, before, atol=1e-4, rtol=0)
    assert normalisations(folded) < had


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_is_refused_where_there_is_none() -> None:
    assert choose_device("auto").type == "cpu"
    with pytest.raises(DeviceUnavailable, match="choose cpu"):
        choose_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_cuda_gives_nearly_the_same_maps(engine: Engine) -> None:
    on_cuda = load_engine(device="cuda")
    # A recorded graph must not give one image's maps to another, whoever asks at the same time.
    images = [random_image(seed) for seed in range(6)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(on_cuda.segment, images))
    for image, maps in [
        *zip(images, together, strict=True),
        (np.concatenate(images), on_cuda.segment(np.concatenate(images))),
    ]:
        expected = engine.segment(image)
        np.testing.assert_allclose(maps.lung, expected.lung, atol=0.05)
        np.testing.assert_allclose(maps.infection, expected.infection, atol=0.05)
