"""What a step minimises: cross-entropy (equation 1), and for our own recipe two terms more.

The figures reported are a mean over images in which an empty image counts fully, and a decision
that one pixel turns. Cross-entropy alone sees neither; a plain Dice loss is undefined on an empty
image and, smoothed by a mere epsilon, throws it from 0 to 1 for a single pixel. Hence a Dice per
image with a smoothing of about the smallest infection there is, and a term for presence.
"""

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from inference.training.recipes import Recipe

#: Share of an image's pixels added above and below the Dice fraction: 66 of 256 x 256. The
#: smallest true infection of COVID-QU-Ex Train has 130, so every one still outweighs it.
SMOOTHING = 1e-3
#: Presence is judged by the mean of this share of the pixels, those most like foreground.
PRESENCE_SHARE = 1e-3


def loss_of(
    logits: torch.Tensor, masks: torch.Tensor, recipe: Recipe, drawn: int | None = None
) -> torch.Tensor:
    """A scalar, from (n, 2, size, size) logits in single precision and (n, size, size) masks.

    Of those after the first `drawn` the masks say only whether there is foreground.
    """
    loss = cross_entropy(logits[:drawn], masks[:drawn].long())
    if recipe.dice_weight:
        loss = loss + recipe.dice_weight * dice_loss(logits[:drawn], masks[:drawn])
    if recipe.presence_weight:
        loss = loss + recipe.presence_weight * presence_loss(logits, masks)
    return loss


def dice_loss(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """1 - DSC, the mean over images; on an empty image it grows with what is predicted there."""
    probability = logits.softmax(dim=1)[:, 1].flatten(1)
    truth = masks.flatten(1)
    smoothing = SMOOTHING * truth.shape[1]
    both = 2 * (probability * truth).sum(dim=1)
    dsc = (both + smoothing) / (probability.sum(dim=1) + truth.sum(dim=1) + smoothing)
    return 1 - dsc.mean()


def presence_loss(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of whether there is foreground, read off the pixels most like it."""
    margin = (logits[:, 1] - logits[:, 0]).flatten(1)
    strongest = margin.topk(max(1, round(PRESENCE_SHARE * margin.shape[1])), dim=1).values
    there = masks.flatten(1).amax(dim=1)
    return binary_cross_entropy_with_logits(strongest.mean(dim=1), there)
