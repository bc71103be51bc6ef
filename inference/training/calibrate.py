"""What a trained network's numbers are worth, measured on the part held out.

Where 0.5 lies: cross-entropy asks for likely pixels, the figures for overlap, which wants more. So
a constant is added to the foreground's logit, chosen where the held-out DSC is greatest, and
becomes part of the network's own last bias: nothing that uses the weights has to know of it.

And how probable infection is where its signs are so and so strong (`inference.extent`): the card
says it.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from torch import nn

from inference.datasets.examples import Examples
from inference.engines.familiarity import pooled_of
from inference.evaluation.metrics import PixelCounts
from inference.extent import least_infection, strength_of
from inference.findings import Task
from inference.pipeline import Calibration
from inference.training.batches import prepare, to_gray
from inference.training.checkpoint import State
from inference.training.held_out import AT_ONCE, count, predict
from inference.training.precision import Precision, autocast

#: What is tried, in units of the logit; 0 first, so that a draw changes nothing.
BIASES = (0.0, *(sign * step / 4 for step in range(1, 9) for sign in (1, -1)))
#: Examples whose features say what has been learnt from: more say little more.
LOOKED_AT = 1500
#: Every network of segmentation-models-pytorch calls its last bias so; its second is foreground.
_LAST_BIAS = "segmentation_head.0.bias"


def foreground_bias(
    network: nn.Module, held_out: Examples, task: Task, precision: Precision
) -> float:
    """Of BIASES that with the greatest DSC, mean over images, empty on empty = 1.

    `network` and `held_out` are on one device. What post-processing takes for noise counts as
    nothing predicted.
    """
    least = least_infection(held_out.masks[0].numel()) if task is Task.INFECTION else 0
    batches = []
    for logits, masks in predict(network, held_out, precision):
        margin = logits[:, 1] - logits[:, 0]
        batches.append(torch.stack([_count(margin > -bias, masks, least) for bias in BIASES]))
    counts = torch.cat(batches, dim=2).cpu().numpy()
    scores = [PixelCounts(*of_bias).dsc().mean() for of_bias in counts]
    return BIASES[int(np.argmax(scores))]


def calibration_of(
    network: nn.Module, held_out: Examples, bias: float, precision: Precision
) -> Calibration | None:
    """What the signs of `network`, its foreground's logit moved by `bias`, are worth.

    Read within the true lungs where these are known, as the analysis reads them within those it
    found. None where what is held out has not both kinds of images, or signs that tell them apart
    the wrong way.
    """
    probabilities: list[NDArray[np.float32]] = []
    for logits, _ in predict(network, held_out, precision):
        margin = logits[:, 1] - logits[:, 0] + bias
        probabilities += [*margin.sigmoid().cpu().numpy()]
    inside = np.ones((len(held_out), *probabilities[0].shape), np.bool_)
    if held_out.lungs is not None:
        inside = held_out.lungs.cpu().numpy() > 0
        inside[~inside.any(axis=(1, 2))] = True
    strengths = [
        strength_of(probability[lungs], lungs.size)
        for probability, lungs in zip(probabilities, inside, strict=True)
    ]
    there = held_out.masks.flatten(1).amax(dim=1).cpu().numpy() > 0
    return fit(np.array(strengths), there)


@torch.no_grad()
def features_of(network: nn.Module, examples: Examples, precision: Precision) -> torch.Tensor:
    """(n, channels) of n examples at most LOOKED_AT, evenly spread: `familiarity.pooled_of`."""
    network.eval()
    step = max(1, len(examples) // LOOKED_AT)
    images = examples.images[::step]
    pooled = []
    for part in images.split(AT_ONCE):  # type: ignore[no-untyped-call]
        with autocast(part.device, precision):
            pooled.append(pooled_of(network.encoder(prepare(to_gray(part)))))  # type: ignore[operator]
    return torch.cat(pooled)


def fit(strengths: NDArray[np.float64], there: NDArray[np.bool_]) -> Calibration | None:
    """The logistic curve likeliest to have made `there`, (n,), of `strengths` (Platt 1999).

    His targets, one image short of certain, keep the slope finite where nothing overlaps.
    """
    count = int(there.sum())
    if not 0 < count < len(there):
        return None
    target = np.where(there, (count + 1) / (count + 2), 1 / (len(there) - count + 2))

    def loss(curve: NDArray[np.float64]) -> float:
        logit = curve[0] * strengths + curve[1]
        return float((np.logaddexp(0, logit) - target * logit).mean())

    def gradient(curve: NDArray[np.float64]) -> NDArray[np.float64]:
        miss = expit(curve[0] * strengths + curve[1]) - target
        return np.array([(miss * strengths).mean(), miss.mean()])

    slope, offset = minimize(loss, np.array([1.0, 0.0]), jac=gradient).x
    return Calibration(round(float(slope), 4), round(float(offset), 4)) if slope > 0 else None


def shifted(network: Mapping[str, torch.Tensor], bias: float) -> State:
    """The weights with `bias` added to the foreground's logit."""
    last = network[_LAST_BIAS]
    return dict(network) | {_LAST_BIAS: last + torch.tensor([0, bias]).to(last)}


def _count(predicted: torch.Tensor, masks: torch.Tensor, least: int) -> torch.Tensor:
    """(4, n), as `count`; fewer than `least` pixels of an image are none."""
    enough = predicted.sum(dim=(1, 2), keepdim=True) >= least
    return count(predicted & enough, masks > 0)
