"""The PyTorch engine: the plain networks' own answers, faster."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inference.engines.device import DeviceUnavailable, choose_device
from inference.engines.normalise import normalise
from inference.engines.pytorch import PytorchEngine, load_engine, load_network
from inference.engines.runners import fold
from inference.findings import Task
from inference.lungs import lung_mask
from inference.networks import build
from inference.weights import WeightsError, find, identify
from tests.inference.conftest import gray_png


def random_image(seed: int = 0, size: int = 256) -> NDArray[np.float32]:
    """(1, size, size)"""
    return np.random.default_rng(seed).random((1, size, size), np.float32)


def plain(task: Task, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The network as it was trained: not folded, contiguous, alone."""
    batch = torch.from_numpy(normalise(image))[None].expand(1, 3, -1, -1).contiguous()
    with torch.inference_mode():
        return torch.softmax(load_network(find(task, ""))(batch), dim=1)[:, 1].numpy()


def test_the_maps_are_those_of_the_plain_networks(engine: PytorchEngine) -> None:
    image = random_image()
    maps = engine.segment(image)
    np.testing.assert_allclose(maps.lung, plain(Task.LUNG, image), atol=1e-4)
    np.testing.assert_allclose(maps.infection, plain(Task.INFECTION, image), atol=1e-4)


def test_the_maps_have_the_engines_size_and_are_probabilities(engine: PytorchEngine) -> None:
    maps = engine.segment(random_image())
    for probability in (maps.lung, maps.infection):
        assert probability.shape == (1, engine.size, engine.size)
        assert probability.dtype == np.float32
        assert probability.min() >= 0
        assert probability.max() <= 1
        assert np.isfinite(probability).all()


def test_the_engine_says_which_models_speak(engine: PytorchEngine) -> None:
    assert engine.models == (identify(Task.LUNG), identify(Task.INFECTION))


def test_several_images_at_once_give_each_its_own_maps(engine: PytorchEngine) -> None:
    images = np.concatenate([random_image(0), 0.1 * random_image(1), random_image(2)])
    together = engine.segment(images)
    assert together.lung.shape == together.infection.shape == images.shape
    for index in range(len(images)):
        alone = engine.segment(images[index : index + 1])
        np.testing.assert_allclose(together.lung[index], alone.lung[0], atol=1e-5)
        np.testing.assert_allclose(together.infection[index], alone.infection[0], atol=1e-5)


def test_a_blank_image_gives_numbers(engine: PytorchEngine) -> None:
    maps = engine.segment(np.full((1, 256, 256), 0.7, np.float32))
    assert np.isfinite(maps.lung).all()
    assert np.isfinite(maps.infection).all()


def test_brightness_and_contrast_do_not_matter(engine: PytorchEngine) -> None:
    image = random_image()
    duller = np.float32(0.3) * image + np.float32(0.1)
    np.testing.assert_allclose(engine.segment(image).lung, engine.segment(duller).lung, atol=1e-3)


def test_several_threads_may_share_an_engine(engine: PytorchEngine) -> None:
    images = [random_image(seed) for seed in range(4)]
    alone = [engine.segment(image).lung for image in images]
    together: dict[int, np.ndarray] = {}

    def work(index: int) -> None:
        together[index] = engine.segment(images[index]).lung

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(images))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, expected in enumerate(alone):
        np.testing.assert_allclose(together[index], expected, atol=1e-5)


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


def test_networks_made_for_other_sizes_of_image_do_not_go_together(tmp_path: Path) -> None:
    import json
    import shutil

    folder = tmp_path / "own"
    shutil.copytree(find(Task.LUNG, "").weights.parent, folder)
    card = folder / "card.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"preprocessing": {"size": 512}}))
    with pytest.raises(WeightsError, match="different sizes"):
        load_engine(lung=str(folder / "weights.safetensors"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_is_refused_where_there_is_none() -> None:
    assert choose_device("auto").type == "cpu"
    with pytest.raises(DeviceUnavailable, match="choose cpu"):
        choose_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_cuda_gives_nearly_the_same_maps(engine: PytorchEngine) -> None:
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


def test_the_shipped_lung_network_is_as_good_as_its_card_says(
    engine: PytorchEngine, shared_data: Path
) -> None:
    images = sorted((shared_data / "covid-qu-ex" / "Val").glob("*/images/*.png"))[::78]
    assert len(images) >= 10
    scores = []
    for path in images:
        truth = gray_png(path.parent.parent / "lung masks" / path.name) > 127
        image = gray_png(path)[None].astype(np.float32) / np.float32(255)
        found = lung_mask(engine.segment(image).lung[0])
        scores.append(2 * (found & truth).sum() / (found.sum() + truth.sum()))
    # The card says 0.970 over all 932; a sample of 12 may differ.
    assert np.mean(scores) > 0.95
