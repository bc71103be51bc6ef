"""The threshold is where the held-out DSC is greatest, and becomes part of the weights."""

import numpy as np
import pytest
import torch
from torch import nn

from inference.datasets.examples import Examples
from inference.extent import strength_of
from inference.findings import Task
from inference.networks import build
from inference.training.calibrate import BIASES, calibration_of, fit, foreground_bias, shifted
from inference.training.precision import Precision

SIZE = 64


class Hesitant(nn.Module):
    """Gives the foreground a margin of -`doubt` where the image is bright, else of -20."""

    def __init__(self, doubt: float) -> None:
        super().__init__()
        self.doubt = doubt

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        margin = torch.where(batch[:, 0] > 0, -self.doubt, -20.0)
        return torch.stack([torch.zeros_like(margin), margin], dim=1)


def bright_squares(sides: list[int], infected: list[bool]) -> Examples:
    images = torch.zeros(len(sides), SIZE, SIZE, dtype=torch.uint8)
    for image, side in zip(images, sides, strict=True):
        image[:side, :side] = 200
    masks = (images > 0).byte() * torch.tensor(infected).byte()[:, None, None]
    return Examples(images, masks, tuple(f"case {number}" for number in range(len(sides))))


def bias_of(doubt: float, examples: Examples, task: Task = Task.INFECTION) -> float:
    return foreground_bias(Hesitant(doubt), examples, task, Precision.FP32)


def test_the_bias_overcomes_just_the_doubt_there_is() -> None:
    assert bias_of(0.6, bright_squares([20, 30, 16], [True, True, True])) == 0.75


def test_a_network_that_is_right_stays_as_it_is() -> None:
    assert bias_of(-0.1, bright_squares([20, 30], [True, True])) == 0


def test_what_is_marked_in_the_healthy_moves_it_the_other_way() -> None:
    assert bias_of(-0.6, bright_squares([20, 30], [False, False])) == -0.75


def test_noise_that_post_processing_drops_costs_nothing() -> None:
    # Two pixels a side are 4, below a thousandth of 64 x 64; lungs know no such limit.
    examples = bright_squares([30, 2, 2, 2], [True, False, False, False])
    assert bias_of(0.6, examples) == 0.75
    assert bias_of(0.6, examples, Task.LUNG) == 0


def test_the_curve_gives_back_the_probabilities_its_images_were_drawn_by() -> None:
    random = np.random.default_rng(0)
    strengths = random.normal(0, 3, 20_000)
    there = random.random(strengths.size) < 1 / (1 + np.exp(-(0.8 * strengths - 1.2)))
    curve = fit(strengths, there)
    assert curve is not None
    assert (curve.slope, curve.offset) == pytest.approx((0.8, -1.2), abs=0.06)


def test_the_curve_stays_finite_where_strength_tells_all() -> None:
    curve = fit(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([False, False, True, True]))
    assert curve is not None
    assert 0.5 < curve.certainty(1.0) < curve.certainty(2.0) < 0.95


def test_there_is_no_curve_of_one_kind_nor_of_signs_that_mislead() -> None:
    strengths = np.array([-1.0, 0.0, 1.0])
    assert fit(strengths, np.array([True, True, True])) is None
    assert fit(strengths, np.array([True, False, False])) is None


def test_the_certainty_is_fitted_to_the_strength_the_analysis_will_see() -> None:
    examples = bright_squares([40, 40, 0, 0], [True, True, False, False])
    curve = calibration_of(Hesitant(-1.0), examples, 0.5, Precision.FP32)
    assert curve is not None
    # A margin of 1 moved by 0.5 in the infected, none in the others.
    strong, weak = (
        strength_of(np.full(SIZE * SIZE, 1 / (1 + np.exp(-margin))), SIZE * SIZE)
        for margin in (1.5, -19.5)
    )
    assert curve.certainty(strong) == pytest.approx(3 / 4, abs=0.01)
    assert curve.certainty(weak) == pytest.approx(1 / 4, abs=0.01)


def test_the_shifted_weights_give_shifted_logits() -> None:
    for name in ("fpn-resnet18", "unet-resnet18", "unetplusplus-resnet18"):
        network = build(name).eval()
        image = torch.randn(1, 3, SIZE, SIZE)
        with torch.no_grad():
            before = network(image)
            network.load_state_dict(shifted(network.state_dict(), 0.5))
            after = network(image)
        torch.testing.assert_close(
            after - before, torch.tensor([0, 0.5]).view(1, 2, 1, 1).expand_as(before)
        )


def test_doing_nothing_is_tried_first() -> None:
    assert BIASES[0] == 0
