"""What each step of training is shown: images with masks, further ones beside them, all varied."""

from collections.abc import Iterator

import torch

from inference.datasets.examples import Examples
from inference.training.augmentation.augment import augment
from inference.training.augmentation.dice import Dice
from inference.training.augmentation.style import restyle
from inference.training.augmentation.transplant import transplant
from inference.training.batches import batches_in_epoch, draw, to_gray
from inference.training.recipes import Recipe


class Feed:
    """Steps' images and masks, from the examples and, in every step, from the further ones."""

    def __init__(self, examples: Examples, further: Examples | None, recipe: Recipe) -> None:
        """Both on the device where they are wanted."""
        self._examples, self._further, self._recipe = examples, further or None, recipe
        self._more = round(recipe.further_share * recipe.batch) if further else 0

    @property
    def batch(self) -> int:
        """How many images a step gets."""
        return min(self._own, len(self._examples)) + self._more

    @property
    def steps(self) -> int:
        """How many steps an epoch has: one of them shows every example once, about."""
        return batches_in_epoch(len(self._examples), self._own)

    def chosen(self, seed: int) -> Iterator[torch.Tensor]:
        """One epoch's steps, as indices of examples."""
        balanced = self._recipe.balanced
        return draw(self._examples.masks, self._own, balanced=balanced, seed=seed)

    def show(
        self, chosen: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, size, size) images, 0..1, and masks, 0 or 1, both float32 and varied."""
        images = to_gray(self._examples.images[chosen])
        masks = self._examples.masks[chosen].float()
        if self._recipe.styled and self._examples.lungs is not None:
            lungs = self._examples.lungs[chosen].float()
            sewn, sewn_masks = transplant(images, masks, lungs, generator)
            changed = self._styled(images, generator)
            images = torch.where(changed, sewn, images)
            masks = torch.where(changed, sewn_masks, masks)
        if self._further is not None:
            further = torch.randint(
                len(self._further), (self._more,), device=images.device, generator=generator
            )
            images = torch.cat([images, to_gray(self._further.images[further])])
            masks = torch.cat([masks, self._further.masks[further].float()])
        if self._recipe.styled:
            changed = self._styled(images, generator)
            images = torch.where(changed, restyle(images, masks, generator), images)
        return augment(images, masks, generator) if self._recipe.augment else (images, masks)

    def _styled(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """(n, 1, 1), which of the images may be styled."""
        return Dice(len(images), images.device, generator).happens(self._recipe.styled)

    @property
    def _own(self) -> int:
        return max(1, self._recipe.batch - self._more)
