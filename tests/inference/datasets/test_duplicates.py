"""Near-duplicates: found whatever they are called, and never parted by a fold."""

import numpy as np
import torch

from inference.datasets.duplicates import clusters, folds, near
from tests.inference.drawn_chests import chest


def test_a_copy_and_a_brightened_copy_are_near_duplicates_and_another_chest_is_not() -> None:
    first = torch.from_numpy(chest(0, infected=True)[0])
    brighter = (first.float() * 0.8 + 30).to(torch.uint8)
    noise = torch.randint(0, 255, (64, 64), dtype=torch.uint8, generator=torch.Generator())
    found = clusters(torch.stack([first, noise, brighter, first]))
    assert found[0] == found[2] == found[3] != found[1]


def test_folds_are_even_and_never_part_a_cluster() -> None:
    cluster = np.random.default_rng(0).integers(0, 400, 1000)
    cluster = np.unique(cluster, return_inverse=True)[1]
    fold = folds(cluster, 5, seed=1)
    assert all(np.unique(fold[cluster == number]).size == 1 for number in range(cluster.max() + 1))
    assert np.bincount(fold).min() > 180
    assert not np.array_equal(fold, folds(cluster, 5, seed=2))


def test_a_further_image_that_is_held_out_under_another_name_is_found() -> None:
    images = torch.from_numpy(np.stack([chest(n, infected=False)[0] for n in range(3)]))
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 255, (64, 64), dtype=torch.uint8, generator=generator)
    darker = (images[1].float() * 0.7).to(torch.uint8)
    assert near(torch.stack([noise, darker]), images).tolist() == [False, True]
