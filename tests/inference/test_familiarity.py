"""A network whose weights say what it learnt from tells how unlike an image is to that."""

import numpy as np
import torch

from dicom_node.demo.phantom import Kind
from inference.engines.familiarity import PREFIX, Familiarity, familiarity_of, pooled_of, shaped_as
from inference.engines.pytorch import load_engine
from inference.engines.runners import as_batch, read
from inference.networks import build
from tests.phantoms import draw

CHANNELS = 40


def drawn(count: int, seed: int) -> torch.Tensor:
    """Features that vary a hundred times as much in some directions as in others."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, CHANNELS, generator=generator) * torch.logspace(-1, 1, CHANNELS) + 3


def learnt() -> Familiarity:
    return familiarity_of(drawn(800, 0), drawn(400, 1))


def test_hardly_any_image_like_those_learnt_from_is_farther_than_one() -> None:
    strange = learnt().distance(drawn(4000, 2)) > 1
    assert 0 < strange.float().mean() < 0.03


def test_what_differs_where_the_learnt_hardly_vary_is_far() -> None:
    """By little in the whole, by much for its direction."""
    images = drawn(50, 3)
    images[:, 0] += 2
    assert (learnt().distance(images) > 1).all()
    images = drawn(50, 3)
    images[:, -1] += 2
    assert (learnt().distance(images) > 1).float().mean() < 0.1


def test_fewer_images_than_channels_still_give_a_finite_distance() -> None:
    few = familiarity_of(drawn(12, 0), drawn(12, 1))
    assert torch.isfinite(few.distance(drawn(10, 2))).all()


def test_it_travels_with_the_weights_and_is_read_beside_the_map() -> None:
    network = build("fpn-resnet18").eval()
    batch = as_batch(torch.rand(2, 64, 64))
    with torch.inference_mode():
        pooled = pooled_of(network.encoder(batch))  # type: ignore[operator]
        expected_map = torch.softmax(network(batch).float(), dim=1)[:, 1]
    familiarity = familiarity_of(torch.rand(30, pooled.shape[1]), torch.rand(30, pooled.shape[1]))
    state = {f"{PREFIX}{name}": values for name, values in familiarity.state_dict().items()}
    assert shaped_as({}) is None
    network.familiarity = shaped_as(state)  # type: ignore[assignment]
    network.load_state_dict({**network.state_dict(), **state})
    probability, strangeness = read(network, batch)
    torch.testing.assert_close(strangeness, familiarity.distance(pooled))
    torch.testing.assert_close(probability, expected_map)


def test_weights_that_know_of_the_deepest_level_alone_are_still_read() -> None:
    network = build("fpn-resnet18").eval()
    with torch.inference_mode():
        features = network.encoder(as_batch(torch.rand(2, 64, 64)))  # type: ignore[operator]
    deepest = features[-1].mean(dim=(2, 3))
    assert pooled_of(features).shape[1] > deepest.shape[1]
    older = familiarity_of(torch.rand(30, deepest.shape[1]), torch.rand(30, deepest.shape[1]))
    torch.testing.assert_close(older(features), older.distance(deepest))


def test_a_network_that_does_not_know_what_it_learnt_from_finds_nothing_strange() -> None:
    _, strangeness = read(build("unet-resnet18").eval(), as_batch(torch.rand(2, 64, 64)))
    assert strangeness.tolist() == [0, 0]


def test_noise_and_a_chest_on_its_side_are_strange_to_the_shipped_network() -> None:
    """The distance that its weights hold, in half precision, is of some use."""
    phantom = draw(Kind.HEALTHY, rows=256, columns=256, seed=0).image
    chest = phantom / phantom.max()
    noise = np.random.default_rng(0).random((256, 256))
    images = np.stack([chest, noise, np.rot90(chest, 3)]).astype(np.float32)
    upright, *strange = load_engine(device="cpu").segment(images).strangeness
    assert upright < 1
    assert min(strange) > 1
