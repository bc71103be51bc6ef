"""Lungs, or parts of them, from one radiograph into another's chest, infection and all.

So infection is seen in the chests of hospitals that only sent healthy ones, healthy lungs in
those of hospitals that only sent infected ones, and both side by side in one image. The seam means
nothing: healthy lungs are cut and sewn in the same way.
"""

import torch
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample, interpolate

from inference.training.augmentation.dice import Dice

SHARE = 0.5  #: of the images that have lungs and follow one that has
WHOLE_SHARE = 0.4  #: of those: all of both lungs; else patches
PATCHES = 4  #: cells a side, of the random field whose high places are the patches
SEAM = 9  #: pixels over which one image turns into the other; odd


def transplant(
    images: torch.Tensor, masks: torch.Tensor, lungs: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Vary (n, size, size) images, 0..1, and masks, 0 or 1; each image's donor is the one before.

    `lungs` are masks too, empty where they are not known; infection lies inside them.
    """
    dice = Dice(len(images), images.device, generator)
    known = lungs.flatten(1).amax(dim=1) > 0
    known = known & known.roll(1)
    grid = affine_grid(_onto(lungs.roll(1, 0), lungs), [len(images), 3, *images.shape[1:]], False)
    gray = _as_bright_as(images, lungs)
    donors = torch.stack([gray.roll(1, 0), masks.roll(1, 0), lungs.roll(1, 0)], dim=1)
    donor, infected, inside = grid_sample(donors, grid, align_corners=False).unbind(dim=1)
    place = (inside > 0.5) & (lungs > 0) & _patches(images, dice)
    place = place & (dice.happens(SHARE) & known[:, None, None])
    sewn = _blurred(place.float()) * (lungs > 0)
    images = images + sewn * (donor - images)
    return images.clamp(0, 1), torch.where(sewn > 0.5, (infected > 0.5).float(), masks)


def _patches(images: torch.Tensor, dice: Dice) -> torch.Tensor:
    field = dice.uniform(0, 1, 1, PATCHES, PATCHES)
    smooth = interpolate(field, images.shape[1:], mode="bicubic", align_corners=False)[:, 0]
    return (smooth > dice.uniform(0.3, 0.7)) | dice.happens(WHOLE_SHARE)


def _onto(donors: torch.Tensor, lungs: torch.Tensor) -> torch.Tensor:
    """(n, 2, 3): from a place in the recipient to that in its donor, box of the lungs on box."""
    (x, y, wide, high), (donor_x, donor_y, donor_wide, donor_high) = _box(lungs), _box(donors)
    zero = torch.zeros_like(x)
    scale_x, scale_y = donor_wide / wide, donor_high / high
    row_x = torch.stack([scale_x, zero, donor_x - scale_x * x], dim=1)
    row_y = torch.stack([zero, scale_y, donor_y - scale_y * y], dim=1)
    return torch.stack([row_x, row_y], dim=1)


def _box(lungs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Centre (x, y) and half the width and height of what is inside, -1..1; (n,) each."""
    ends = []
    for along in (1, 2):
        there = (lungs.amax(dim=along) > 0).float()
        size = there.shape[1]
        first, last = there.argmax(dim=1), size - there.flip(1).argmax(dim=1)
        ends.append((2 * first / size - 1, 2 * last / size - 1))
    (left, right), (top, bottom) = ends
    return (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2


def _as_bright_as(images: torch.Tensor, lungs: torch.Tensor) -> torch.Tensor:
    """Each image with the mean and deviation its recipient, the next one, has beside the lungs."""
    beside = (lungs == 0).float()
    count = beside.sum(dim=(1, 2), keepdim=True).clamp(min=1)
    mean = (images * beside).sum(dim=(1, 2), keepdim=True) / count
    variance = ((images - mean).square() * beside).sum(dim=(1, 2), keepdim=True) / count
    deviation = variance.sqrt().clamp(min=1e-3)
    return (images - mean) / deviation * deviation.roll(-1, 0) + mean.roll(-1, 0)


def _blurred(masks: torch.Tensor) -> torch.Tensor:
    return avg_pool2d(masks[:, None], SEAM, stride=1, padding=SEAM // 2)[:, 0]
