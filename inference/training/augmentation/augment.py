"""Random variations of a batch, so that a network cannot lean on how one hospital's images look.

Geometry moves image and mask together; gray values, shadows, borders and markers change the image
alone, except that what a border hides is no longer there to be found.
"""

import math

import torch
from torch.nn.functional import affine_grid, grid_sample, interpolate

from inference.training.augmentation.dice import Dice

MAX_ROTATION_DEG = 12.0
SCALE = (0.6, 1.2)  #: below 1 the chest appears larger; at 0.6 the lungs fill many an image
MAX_STRETCH = 0.12  #: of one axis against the other: the square gives up the aspect ratio
MILDLY = 0.4  #: so much of the two above where an image is not varied strongly
MAX_SHIFT = 0.1  #: of the image's side
FLIP_SHARE = 0.5
MAX_LOG_GAMMA = 0.5
CONTRAST = (0.5, 1.4)
CURVE_SHARE = 0.3
CURVE_POINTS = 6  #: of a random rising curve of gray values
LOCAL_CONTRAST_SHARE = 0.4
LOCAL_CONTRAST = (-0.5, 0.8)  #: how much of the detail finer than an eighth or so is added
SHADOW_SHARE = 0.4
MAX_SHADOW = 0.2  #: of the gray range, at its deepest: breasts, scapulae, arms, a tilted grid
MAX_NOISE = 0.03  #: standard deviation, of the gray range 0..1
SHARPNESS_SHARE = 0.6
SHARPNESS = (-1.0, 1.5)  #: how much of an image's detail is added to it; -1 takes all away
BORDER_SHARE = 0.4
MAX_BORDER = 0.12  #: of the image's side, on each of the four
MARKERS = 3
MARKER_SHARE = 0.25  #: of each of the three
MARKER_SIDE = (0.03, 0.15)


def augment(
    images: torch.Tensor, masks: torch.Tensor, generator: torch.Generator, strongly: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Vary (n, size, size) images, 0..1, and masks, 0 or 1; both float32, shapes kept.

    `strongly`: the share of the images, 0..1, that may look as from quite another place; the others
    keep their shadows, curve and sharpness, and are framed less freely.
    """
    dice = Dice(len(images), images.device, generator)
    strong = dice.happens(strongly).float()
    images, masks = _move(images, masks, dice, strong)
    images = _gray(_shadow(images, dice, strong), dice, strong)
    images = _sharpness(_local_contrast(images, dice, strong), dice, strong)
    images = images + dice.uniform(0, MAX_NOISE) * dice.normal(images)
    images, masks = _border(images, masks, dice)
    return _markers(images, dice).clamp(0, 1), masks


def _move(
    images: torch.Tensor, masks: torch.Tensor, dice: Dice, strong: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotate, scale, shift, flip; what comes in from outside is black, or white now and then."""
    outside = dice.happens(0.1).float()
    both = torch.stack([images - outside, masks], dim=1)
    grid = affine_grid(_affine(dice, strong), list(both.shape), align_corners=False)
    moved = grid_sample(both, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return moved[:, 0] + outside, (moved[:, 1] > 0.5).float()


def _affine(dice: Dice, strong: torch.Tensor) -> torch.Tensor:
    """(n, 2, 3): from a place in the result to its place in the source."""
    limit = math.radians(MAX_ROTATION_DEG)
    angle = dice.uniform(-limit, limit, 1)
    freely = MILDLY + (1 - MILDLY) * strong[:, :, 0]
    scale = 1 + freely * (dice.uniform(*SCALE, 1) - 1)
    stretch = freely * dice.uniform(-MAX_STRETCH, MAX_STRETCH, 1)
    mirror = 1 - 2 * (dice.uniform(0, 1, 1) < FLIP_SHARE).float()
    wide, high = scale * (1 + stretch) * mirror, scale * (1 - stretch)
    cos, sin = angle.cos(), angle.sin()
    # The grid's axes run from -1 to 1, so a shift by the whole side is 2.
    shift = 2 * dice.uniform(-MAX_SHIFT, MAX_SHIFT, 2)
    row_x = torch.cat([wide * cos, -high * sin, shift[:, :1]], dim=1)
    row_y = torch.cat([wide * sin, high * cos, shift[:, 1:]], dim=1)
    return torch.stack([row_x, row_y], dim=1)


def _shadow(images: torch.Tensor, dice: Dice, strong: torch.Tensor) -> torch.Tensor:
    """Brighten and darken softly over large places: soft tissue is no infection."""
    field = dice.uniform(-1, 1, 1, 4, 4)
    smooth = interpolate(field, images.shape[1:], mode="bicubic", align_corners=False)[:, 0]
    depth = dice.uniform(0, MAX_SHADOW) * dice.happens(SHADOW_SHARE) * strong
    return (images + depth * smooth).clamp(0, 1)


def _gray(images: torch.Tensor, dice: Dice, strong: torch.Tensor) -> torch.Tensor:
    """A random rising curve, gamma, then contrast around the image's own mean."""
    images = torch.where(dice.happens(CURVE_SHARE) & (strong > 0), _curve(images, dice), images)
    gamma = dice.uniform(-MAX_LOG_GAMMA, MAX_LOG_GAMMA).exp()
    images = images.clamp(0, 1) ** gamma
    mean = images.mean(dim=(1, 2), keepdim=True)
    return ((images - mean) * dice.uniform(*CONTRAST) + mean).clamp(0, 1)


def _curve(images: torch.Tensor, dice: Dice) -> torch.Tensor:
    steps = dice.uniform(0.2, 1, CURVE_POINTS)
    ends = torch.cat([torch.zeros_like(steps[:, :1]), steps.cumsum(dim=1)], dim=1)
    ends = ends / ends[:, -1:]
    place = (images.clamp(0, 1) * CURVE_POINTS).flatten(1)
    below = place.floor().long().clamp(max=CURVE_POINTS - 1)
    low, high = ends.gather(1, below), ends.gather(1, below + 1)
    return (low + (high - low) * (place - below)).view_as(images)


def _local_contrast(images: torch.Tensor, dice: Dice, strong: torch.Tensor) -> torch.Tensor:
    """Structures of a lung's size against what is larger, as a maker's processing raises them."""
    middle, large = (images - _without_detail(images, factor) for factor in (8, 32))
    detail = torch.where(dice.happens(0.5), middle, large)
    amount = dice.uniform(*LOCAL_CONTRAST) * dice.happens(LOCAL_CONTRAST_SHARE) * strong
    return (images + amount * detail).clamp(0, 1)


def _sharpness(images: torch.Tensor, dice: Dice, strong: torch.Tensor) -> torch.Tensor:
    """More or less detail, fine or coarse: every source sharpens, scans and shrinks its own way."""
    fine, coarse = (images - _without_detail(images, factor) for factor in (2, 4))
    detail = torch.where(dice.happens(0.5), fine, coarse)
    amount = dice.uniform(*SHARPNESS) * dice.happens(SHARPNESS_SHARE) * strong
    return (images + amount * detail).clamp(0, 1)


def _without_detail(images: torch.Tensor, factor: int) -> torch.Tensor:
    reduced = interpolate(images[:, None], scale_factor=1 / factor, mode="area")
    return interpolate(reduced, images.shape[1:], mode="bilinear", align_corners=False)[:, 0]


def _border(
    images: torch.Tensor, masks: torch.Tensor, dice: Dice
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cover a strip along each side, as collimation and careless screenshots do."""
    rows, columns = _places(images)
    width = dice.uniform(0, MAX_BORDER, 4)[:, :, None, None] * dice.happens(BORDER_SHARE)[:, None]
    top, bottom, left, right = width.unbind(dim=1)
    covered = (rows < top) | (rows > 1 - bottom) | (columns < left) | (columns > 1 - right)
    color = dice.happens(0.3).float()
    return torch.where(covered, color, images), masks.masked_fill(covered, 0)


def _markers(images: torch.Tensor, dice: Dice) -> torch.Tensor:
    """Cover rectangles anywhere, black, white or gray: letters and labels mean nothing."""
    rows, columns = _places(images)
    for _ in range(MARKERS):
        top, left = dice.uniform(0, 1), dice.uniform(0, 1)
        height, width = dice.uniform(*MARKER_SIDE), dice.uniform(*MARKER_SIDE)
        covered = (rows >= top) & (rows < top + height)
        covered = covered & (columns >= left) & (columns < left + width)
        covered = covered & dice.happens(MARKER_SHARE)
        gray = dice.uniform(-0.5, 1.5).clamp(0, 1)
        images = torch.where(covered, gray, images)
    return images


def _places(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Row (1, size, 1) and column (1, 1, size) of each pixel's centre, 0..1."""
    size = images.shape[-1]
    centres = (torch.arange(size, device=images.device) + 0.5) / size
    return centres[None, :, None], centres[None, None, :]
