"""Break the bond between class and source: each image may take the look of one of the other class.

In COVID-QU-Ex the class goes with the hospital, so a network can learn what a hospital's images
look like instead of what the disease does, and then calls a stranger's healthy chest infected. So a
healthy chest is given the amplitudes of an infected one's spectrum, which hold sharpness, contrast
and scanning but little of where things are (Yang and Soatto 2020, FDA), or its histogram; and the
other way round.
"""

import torch

from inference.training.augmentation.dice import Dice

SPECTRUM_SHARE = 0.6  #: of the images
HISTOGRAM_SHARE = 0.4
MIN_BAND = 0.05  #: least radius of what is taken of a spectrum, in cycles a pixel; most is all
#: Below this radius the spectrum says how large lungs and opacities are, not how they were scanned.
KEPT = 0.012


def restyle(
    images: torch.Tensor, masks: torch.Tensor, generator: torch.Generator, share: float = 1.0
) -> torch.Tensor:
    """(n, size, size) images, 0..1, some of `share` of them looking like one of the other class."""
    chosen = torch.randperm(len(images), device=images.device, generator=generator)
    chosen = chosen[: round(share * len(images))]
    partners = images[_partner(masks, Dice(len(images), images.device, generator))[chosen]]
    own, dice = images[chosen], Dice(len(chosen), images.device, generator)
    own = torch.where(dice.happens(SPECTRUM_SHARE), _take_spectrum(own, partners, dice), own)
    amount = dice.uniform(0, 1) * dice.happens(HISTOGRAM_SHARE)
    own = (own + amount * (_take_histogram(own, partners) - own)).clamp(0, 1)
    return images.index_copy(0, chosen, own)


def _partner(masks: torch.Tensor, dice: Dice) -> torch.Tensor:
    """(n,): an image with foreground for each without, and the reverse; any where there is none."""
    there = masks.flatten(1).amax(dim=1) > 0
    other = there[:, None] != there[None, :]
    liking = dice.uniform(0, 1, len(masks)) + other.float()
    return liking.argmax(dim=1)


def _take_spectrum(images: torch.Tensor, partners: torch.Tensor, dice: Dice) -> torch.Tensor:
    """A random share of the partner's amplitudes in a random band; phases stay."""
    own, theirs = torch.fft.rfft2(images), torch.fft.rfft2(partners)
    radius = _radius(images)
    band = (radius > KEPT) & (radius < dice.uniform(MIN_BAND, 0.75))
    share = dice.uniform(0, 1) * band
    ratio = (theirs.abs() + 1e-3) / (own.abs() + 1e-3)
    # In the logarithm, so that half the share is half the way for strong and weak amplitudes.
    mixed: torch.Tensor = torch.fft.irfft2(own * torch.pow(ratio, share), images.shape[1:])
    return mixed


def _radius(images: torch.Tensor) -> torch.Tensor:
    """(1, size, size // 2 + 1): each coefficient's distance from the mean, in cycles a pixel."""
    rows, columns = images.shape[1:]
    vertical = torch.fft.fftfreq(rows, device=images.device)[:, None]
    horizontal = torch.fft.rfftfreq(columns, device=images.device)[None, :]
    return torch.hypot(vertical, horizontal)[None]


def _take_histogram(images: torch.Tensor, partners: torch.Tensor) -> torch.Tensor:
    """Each image with exactly its partner's gray values, in its own order."""
    order = images.flatten(1).argsort(dim=1)
    values = partners.flatten(1).sort(dim=1).values
    return torch.zeros_like(values).scatter(1, order, values).view_as(images)
