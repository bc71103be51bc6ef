"""What each step of training is shown: images with masks, further ones beside them, all varied.

The further ones come in two kinds: free of infection, and infected, nobody drew where.
"""

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
        self._examples, self._recipe = examples, recipe
        self._healthy, self._undrawn = _parted(further)
        self._more = round(recipe.further_share * recipe.batch) if self._healthy else 0
        self._infected = round(recipe.undrawn_share * recipe.batch) if self._undrawn else 0

    @property
    def drawn(self) -> int:
        """How many images of a step, the first, have masks that say where infection is."""
        return min(self._own, len(self._examples)) + self._more

    @property
    def batch(self) -> int:
        """How many images a step gets."""
        return self.drawn + self._infected

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
            dice = Dice(len(images), images.device, generator)
            changed = dice.happens(self._recipe.styled)
            images = torch.where(changed, sewn, images)
            masks = torch.where(changed, sewn_masks, masks)
        for pool, count in ((self._healthy, self._more), (self._undrawn, self._infected)):
            if pool is None:
                continue
            further = torch.randint(len(pool), (count,), device=images.device, generator=generator)
            images = torch.cat([images, to_gray(pool.images[further])])
            masks = torch.cat([masks, pool.masks[further].float()])
        if self._recipe.styled:
            images = restyle(images, masks, generator, self._recipe.styled)
        if not self._recipe.augment:
            return images, masks
        return augment(images, masks, generator, self._recipe.strongly_varied)

    @property
    def _own(self) -> int:
        return max(1, self._recipe.batch - self._more - self._infected)


def _parted(further: Examples | None) -> tuple[Examples | None, Examples | None]:
    """Those free of infection, and those with infection somewhere."""
    if further is None:
        return None, None
    infected = further.masks.flatten(1).amax(dim=1).cpu().numpy() > 0
    return further.pick(~infected) or None, further.pick(infected) or None
