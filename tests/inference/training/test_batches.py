"""What the networks are fed while training."""

import numpy as np
import torch

from inference.engines.normalise import normalise
from inference.training.batches import draw, prepare, to_gray
from tests.inference.drawn_chests import chest


def test_a_batch_is_prepared_as_the_engine_prepares_one_image() -> None:
    gray = torch.from_numpy(chest(1, infected=True)[0])
    prepared = prepare(to_gray(gray[None]))
    expected = normalise(gray[None].numpy().astype(np.float32) / np.float32(255))[0]
    assert prepared.shape == (1, 3, 64, 64)
    for channel in prepared[0]:
        np.testing.assert_allclose(channel.numpy(), expected, atol=1e-5)


def test_an_epoch_shows_every_image_once_and_a_balanced_one_both_kinds_equally() -> None:
    masks = torch.zeros(64, 4, 4, dtype=torch.uint8)
    masks[:8] = 1
    plain = torch.cat(list(draw(masks, 8, balanced=False, seed=1)))
    assert sorted(plain.tolist()) == list(range(64))
    balanced = torch.cat([*draw(masks, 8, balanced=True, seed=1)] * 1)
    assert 20 <= int((balanced < 8).sum()) <= 44
