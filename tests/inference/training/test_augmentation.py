"""What varies a look at an image."""

import numpy as np
import pytest
import torch

from inference.training.augmentation.augment import augment
from tests.inference.drawn_chests import chest


def test_variations_repeat_with_their_seed_and_move_mask_and_image_together() -> None:
    gray, lungs, _ = chest(0, infected=False)
    images = torch.from_numpy(gray).float().repeat(32, 1, 1) / 255
    masks = torch.from_numpy(lungs).float().repeat(32, 1, 1)
    varied, moved = augment(images, masks, torch.Generator().manual_seed(5))
    again, _ = augment(images, masks, torch.Generator().manual_seed(5))
    assert torch.equal(varied, again)
    assert varied.min() >= 0
    assert varied.max() <= 1
    assert set(moved.flatten().tolist()) == {0.0, 1.0}
    # Lungs are darker than what is around them, wherever they have gone.
    darker = [
        float(image[mask > 0].median() < image[mask == 0].median())
        for image, mask in zip(varied, moved, strict=True)
    ]
    assert np.mean(darker) > 0.9


def test_variations_add_detail_to_some_images_and_take_it_from_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = torch.rand(64, 64, 64, generator=torch.Generator().manual_seed(1)) / 4 + 0.4

    def detail() -> torch.Tensor:
        varied, _ = augment(images, torch.zeros_like(images), torch.Generator().manual_seed(2))
        return varied[:, 24:40, 24:40].diff(dim=1).std(dim=(1, 2))

    with_it = detail()
    monkeypatch.setattr("inference.training.augmentation.augment.SHARPNESS_SHARE", 0)
    change = with_it / detail()
    assert (change < 0.5).any()
    assert (change > 1.5).any()
    assert 0.2 < (change == 1).float().mean() < 0.6


def test_what_is_not_varied_strongly_keeps_its_sharpness_and_most_of_its_framing() -> None:
    images = torch.rand(64, 64, 64, generator=torch.Generator().manual_seed(1)) / 4 + 0.4
    masks = torch.zeros_like(images)
    masks[:, 16:48, 16:48] = 1

    def looks(strongly: float) -> tuple[torch.Tensor, torch.Tensor]:
        varied, moved = augment(images, masks, torch.Generator().manual_seed(2), strongly)
        contrast = varied[:, 24:40, 24:40].std(dim=(1, 2))
        detail = varied[:, 24:40, 24:40].diff(dim=1).std(dim=(1, 2)) / contrast
        return detail, moved.sum(dim=(1, 2))

    (strong, far), (mild, near) = looks(1.0), looks(0.0)
    assert mild.std() < 0.5 * strong.std()
    assert near.std() < 0.75 * far.std()
