"""Algorithm 1: losses, schedules, recipes, and a run that is killed and goes on."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from dicom_node.__main__ import main
from inference.datasets.cases import read_cases
from inference.datasets.examples import Examples, load_examples
from inference.findings import Task
from inference.training.calibrate import BIASES
from inference.training.checkpoint import CheckpointError
from inference.training.history import Epoch
from inference.training.loop import Plan, Run
from inference.training.losses import dice_loss, loss_of
from inference.training.precision import Precision, fastest
from inference.training.recipes import PAPER, SCRATCH, Recipe, RecipeError, adjusted
from inference.training.schedule import is_exhausted, one_cycle, plateau
from inference.training.start import begin
from inference.weights import WeightsError, default, find, load_state
from tests.inference.drawn_chests import draw_split

pytestmark = pytest.mark.slow

RECIPE = replace(SCRATCH, epochs=3, batch=4, learning_rate=1e-2)


@pytest.fixture(autouse=True)
def one_thread() -> object:
    """Two threads on two busy cores wait for each other longer than one thread works."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    cases = read_cases(draw_split(tmp_path_factory.mktemp("drawn"), each=6))
    return load_examples(cases, Task.LUNG, 64)


def small_network() -> nn.Module:
    """With all that has a state or needs chance: normalisation and dropout."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout2d(0.2),
        nn.Conv2d(8, 2, 3, padding=1),
    )  # fmt: skip


def run_of(examples: Examples, recipe: Recipe = RECIPE) -> Run:
    plan = Plan(Task.LUNG, "fpn-resnet18", recipe, 64, 7, Precision.FP32, False, "", "")
    held = np.arange(len(examples)) % 4 == 0
    return Run(
        plan, small_network(), examples.pick(~held), examples.pick(held), torch.device("cpu")
    )


def timeless(history: list[Epoch]) -> list[Epoch]:
    return [replace(epoch, elapsed_s=0) for epoch in history]


class Killed(Exception):
    """Stands for the signal: nothing after it runs."""


def test_a_killed_run_that_goes_on_equals_an_undisturbed_one_bit_for_bit(
    examples: Examples, tmp_path: Path
) -> None:
    undisturbed = run_of(examples)
    undisturbed.go(tmp_path / "undisturbed.pt")

    def kill(progress: float) -> None:
        if progress > 0.5:
            raise Killed

    with pytest.raises(Killed):
        run_of(examples).go(tmp_path / "killed.pt", advance=kill, save_every_s=0)
    resumed = run_of(examples)
    trained: list[int] = []
    resumed.go(tmp_path / "killed.pt", report=lambda epoch: trained.append(epoch.epoch))
    assert trained == [2, 3]

    for kind in ("network", "average"):
        expected = getattr(undisturbed, kind).state_dict()
        got = getattr(resumed, kind).state_dict()
        assert all(torch.equal(got[name], values) for name, values in expected.items())
    # As text: the specificity of lungs is not a number, and equals nothing.
    assert str(timeless(resumed.history)) == str(timeless(undisturbed.history))
    assert resumed.best_epoch == undisturbed.best_epoch


def test_a_finished_run_does_nothing_more(examples: Examples, tmp_path: Path) -> None:
    run_of(examples).go(tmp_path / "c.pt")
    again = run_of(examples)
    epochs: list[object] = []
    again.go(tmp_path / "c.pt", report=epochs.append)
    assert epochs == []
    assert len(again.history) == RECIPE.epochs
    assert again.best


def test_a_checkpoint_of_another_recipe_is_refused(examples: Examples, tmp_path: Path) -> None:
    run_of(examples, replace(RECIPE, epochs=1)).go(tmp_path / "c.pt")
    with pytest.raises(CheckpointError, match="another recipe"):
        run_of(examples, replace(RECIPE, epochs=2)).go(tmp_path / "c.pt")


def test_a_truncated_checkpoint_is_refused(examples: Examples, tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    run_of(examples, replace(RECIPE, epochs=1)).go(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cannot be read"):
        run_of(examples, replace(RECIPE, epochs=1)).go(path)


def test_a_run_ends_with_its_time_and_with_the_learning_rate_at_its_end(
    examples: Examples, tmp_path: Path
) -> None:
    run = run_of(examples, replace(RECIPE, epochs=1))
    run.go(tmp_path / "c.pt", minutes=2 / 60)
    assert len(run.history) > 1
    assert run.elapsed_s() >= 2
    assert run.history[-1].learning_rate < 0.05 * RECIPE.learning_rate


def test_a_run_learns(examples: Examples, tmp_path: Path) -> None:
    run = run_of(examples, replace(RECIPE, epochs=12, augment=False, average=0.8))
    run.go(tmp_path / "c.pt")
    assert max(epoch.dsc for epoch in run.history) > 0.8
    assert run.history[-1].held_loss < run.history[0].held_loss


def test_the_paper_recipe_is_section_3_4() -> None:
    assert (PAPER.epochs, PAPER.batch, PAPER.learning_rate) == (40, 4, 1e-4)
    assert (PAPER.stop_after, PAPER.weight_decay, PAPER.dice_weight) == (8, 0, 0)
    assert not PAPER.augment
    assert not PAPER.calibrated
    assert PAPER.imagenet


def test_the_rate_falls_by_five_after_three_epochs_without_improvement() -> None:
    assert plateau([1.0, 0.9, 0.91, 0.92]) == 1
    assert plateau([1.0, 0.9, 0.91, 0.92, 0.93]) == pytest.approx(1 / 5)
    assert plateau([1.0, 0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96]) == pytest.approx(1 / 25)


def test_training_stops_after_eight_epochs_without_improvement() -> None:
    assert not is_exhausted([1.0, *[1.1] * 7], 8)
    assert is_exhausted([1.0, *[1.1] * 8], 8)
    assert not is_exhausted([1.0, *[1.1] * 7, 0.9], 8)


def test_one_cycle_rises_then_falls_to_nothing() -> None:
    rates = [one_cycle(progress) for progress in np.linspace(0, 1, 50)]
    peak = int(np.argmax(rates))
    assert 0 < peak < 25
    assert rates == sorted(rates[: peak + 1]) + sorted(rates[peak + 1 :], reverse=True)
    assert one_cycle(1.2) == pytest.approx(0, abs=1e-9)


def test_one_stray_pixel_in_an_empty_image_costs_little_and_a_patch_costs_much() -> None:
    empty = torch.zeros(1, 64, 64)
    logits = torch.stack([torch.full((1, 64, 64), 9.0), torch.full((1, 64, 64), -9.0)], dim=1)
    clean = dice_loss(logits, empty)
    logits[0, 1, 5, 5] = 20
    stray = dice_loss(logits, empty)
    logits[0, 1, :20, :20] = 20
    patch = dice_loss(logits, empty)
    assert clean < 0.01
    assert stray < 0.3
    assert patch > 0.95


@pytest.mark.parametrize("recipe", [PAPER, SCRATCH])
def test_the_loss_is_finite_and_falls_as_the_prediction_improves(recipe: Recipe) -> None:
    masks = torch.zeros(2, 64, 64)
    masks[0, 10:30, 10:30] = 1
    right = torch.stack([1 - 2 * masks, 2 * masks - 1], dim=1)
    losses = [float(loss_of(scale * right, masks, recipe)) for scale in (-50, 0, 1, 50)]
    assert all(math.isfinite(loss) for loss in losses)
    assert losses == sorted(losses, reverse=True)


def test_a_recipe_is_changed_by_field_and_a_wrong_field_is_named() -> None:
    changed = adjusted(SCRATCH, ["epochs=5", "augment=false", "average=0.9"])
    assert (changed.epochs, changed.augment, changed.average) == (5, False, 0.9)
    for wrong in ("epoch=5", "epochs=five", "augment=perhaps"):
        with pytest.raises(RecipeError, match=wrong):
            adjusted(SCRATCH, [wrong])


def test_the_infection_network_starts_from_the_trained_lung_encoder() -> None:
    start = begin(Task.INFECTION, "unet-resnet18", "lung-unet-resnet18", imagenet=False)
    trained = load_state(default(Task.LUNG))
    encoder = start.network.encoder.state_dict()  # type: ignore[union-attr]  # of segmentation_models_pytorch
    assert torch.equal(
        encoder["conv1.weight"], torch.from_numpy(trained["encoder.conv1.weight"]).float()
    )
    assert start.digest == default(Task.LUNG).sha256


def test_another_encoder_cannot_be_started_from() -> None:
    with pytest.raises(WeightsError, match="another encoder"):
        begin(Task.LUNG, "fpn-densenet121", "lung-unet-resnet18", imagenet=False)


def test_the_precision_is_one_this_processor_is_fast_in() -> None:
    assert fastest(torch.device("cpu")) in (Precision.FP32, Precision.BF16)


def test_the_command_trains_a_network_that_the_node_can_load(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw_split(tmp_path / "data" / "Train", each=4)
    command = [
        "train", "lung", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out"),
        "--size", "64", "--set", "epochs=1", "--set", "batch=4", "--set", "held_out=0.25",
        "--data-name", "drawn chests", "--licence", "MIT", "--precision", "fp32",
    ]  # fmt: skip
    assert main(command) == 0
    folder = tmp_path / "out" / "lung-fpn-resnet18"
    assert str(folder / "weights.safetensors") in capsys.readouterr().out
    card = find(Task.LUNG, str(folder / "weights.safetensors"))
    assert (card.size, card.licence, card.details["data"]) == (64, "MIT", "drawn chests")
    recipe = json.loads((folder / "card.json").read_text())["recipe"]
    assert recipe["epochs_trained"] == 1
    assert recipe["foreground_bias"] in BIASES
    assert load_state(card)["encoder.conv1.weight"].dtype == np.float16
    assert len((folder / "history.csv").read_text().splitlines()) == 2
    assert (folder / "curves.png").stat().st_size > 10_000


def test_a_command_without_data_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "lung", "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(command) == 2
    assert "neither" in capsys.readouterr().err
