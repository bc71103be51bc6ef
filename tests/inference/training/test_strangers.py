"""What helps on other hospitals' radiographs: exchanged looks and lungs, more chests, an encoder
that has seen other things.
"""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dicom_node.__main__ import main
from inference.datasets.cases import read_cases, undrawn
from inference.datasets.examples import Examples, load_examples
from inference.datasets.pack import pack
from inference.findings import Task
from inference.networks import build
from inference.training.augmentation.style import restyle
from inference.training.augmentation.transplant import transplant
from inference.training.feed import Feed
from inference.training.losses import loss_of
from inference.training.recipes import STRANGERS
from inference.training.start import begin
from inference.weights import WeightsError
from tests.conftest import ROOT
from tests.inference.drawn_chests import INFECTED, LUNG, chest, draw_split

pytestmark = pytest.mark.slow

HALFWAY = (LUNG + INFECTED) / 2


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images, infection and lungs; every other one is infected."""
    chests = [chest(number, infected=number % 2 == 0) for number in range(count)]
    images, lungs, infection = (
        torch.from_numpy(np.stack(kind)) for kind in zip(*chests, strict=True)
    )
    return images.float() / 255, infection.float(), lungs.float()


def test_a_class_takes_the_gray_values_of_the_other() -> None:
    masks = torch.zeros(256, 32, 32)
    masks[::2, 8:16, 8:16] = 1
    noise = torch.rand(256, 32, 32, generator=seeded(1))
    # All that is infected comes from a bright source, all that is healthy from a dark one.
    images = torch.where(masks.amax(dim=(1, 2), keepdim=True) > 0, 0.6, 0.1) + 0.3 * noise
    restyled = restyle(images, masks, seeded())
    means = restyled.mean(dim=(1, 2))
    assert (images[1::2].mean(dim=(1, 2)) < 0.3).all()
    assert (means[1::2] > 0.3).float().mean() > 0.15
    assert (means[::2] < 0.7).float().mean() > 0.15


def test_a_class_takes_the_sharpness_of_the_other() -> None:
    masks = torch.zeros(64, 32, 32)
    masks[::2, 8:16, 8:16] = 1
    noise = torch.rand(64, 32, 32, generator=seeded(1))
    smooth = torch.nn.functional.avg_pool2d(noise[:, None], 5, 1, 2)[:, 0]
    images = torch.where(masks.amax(dim=(1, 2), keepdim=True) > 0, smooth, noise)
    restyled = restyle(images, masks, seeded())

    def roughness(these: torch.Tensor) -> torch.Tensor:
        return these.diff(dim=1).abs().mean(dim=(1, 2))

    least = roughness(images[1::2]).min()
    assert (roughness(restyled[1::2]) < 0.7 * least).float().mean() > 0.2
    assert (roughness(restyled[::2]) > 1.5 * roughness(images[::2]).max()).float().mean() > 0.2


def test_an_exchange_of_looks_repeats_with_its_seed_and_stays_in_range() -> None:
    images, masks, _ = drawn(8)
    first = restyle(images, masks, seeded(3))
    assert torch.equal(first, restyle(images, masks, seeded(3)))
    assert not torch.equal(first, restyle(images, masks, seeded(4)))
    assert first.min() >= 0
    assert first.max() <= 1


def test_a_batch_of_one_class_is_restyled_too() -> None:
    images, masks, _ = drawn(8)
    assert restyle(images[::2], masks[::2], seeded()).shape == images[::2].shape


def test_infection_arrives_in_healthy_lungs_with_its_mask_and_healthy_lungs_replace_it() -> None:
    images, masks, lungs = drawn(64)
    sewn, now = transplant(images, masks, lungs, seeded())
    assert set(now.flatten().tolist()) <= {0.0, 1.0}
    assert (now * (1 - lungs)).sum() == 0
    infected = now.amax(dim=(1, 2)) > 0
    assert 0.2 < infected[1::2].float().mean() < 0.8
    assert (now[::2].sum(dim=(1, 2)) < 0.5 * masks[::2].sum(dim=(1, 2))).any()
    # What is marked looks like infection, what is lung and not marked does not.
    assert sewn[now > 0].median() > HALFWAY
    assert sewn[(lungs > 0) & (now == 0)].median() < HALFWAY


def test_only_lungs_change_hands_and_only_where_both_are_known() -> None:
    images, masks, lungs = drawn(32)
    sewn, _ = transplant(images, masks, lungs, seeded())
    assert torch.equal(sewn[lungs == 0], images[lungs == 0])
    sewn, now = transplant(images, masks, torch.zeros_like(lungs), seeded())
    assert torch.equal(sewn, images)
    assert torch.equal(now, masks)


def test_further_images_have_their_share_of_every_step(tmp_path: Path) -> None:
    cases = read_cases(draw_split(tmp_path, each=4))
    examples = load_examples(cases, Task.INFECTION, 64, with_lungs=True)
    assert examples.lungs is not None
    assert (examples.lungs >= examples.masks).all()
    white = torch.full((5, 64, 64), 255, dtype=torch.uint8)
    further = Examples(white, torch.zeros_like(white), tuple("abcde"))
    recipe = replace(STRANGERS, batch=6, further_share=0.5, augment=False, styled=False)
    feed = Feed(examples, further, recipe)
    steps = list(feed.chosen(seed=0))
    assert len(steps) == feed.steps == len(examples) // 3
    assert sorted(torch.cat(steps).tolist()) == list(range(len(examples)))
    images, masks = feed.show(steps[0], seeded())
    assert images.shape == masks.shape == (feed.batch, 64, 64)
    assert (images.amin(dim=(1, 2)) == 1).tolist() == [False] * 3 + [True] * 3
    assert masks[3:].sum() == 0


def test_infected_chests_nobody_drew_on_count_for_presence_alone(tmp_path: Path) -> None:
    examples = load_examples(read_cases(draw_split(tmp_path, each=4)), Task.INFECTION, 64)
    cases = undrawn([draw_split(tmp_path / "more", each=2, masks=False)])
    further = load_examples(cases, Task.INFECTION, 64)
    recipe = replace(STRANGERS, batch=8, further_share=0.25, undrawn_share=0.25, augment=False)
    recipe = replace(recipe, presence_weight=0.0)
    feed = Feed(examples, further, recipe)
    _, masks = feed.show(next(feed.chosen(seed=0)), seeded())
    assert (feed.batch, feed.drawn) == (8, 6)
    assert masks[4:6].sum() == 0
    assert (masks[6:] == 1).all()
    logits = torch.randn(8, 2, 64, 64, generator=seeded())
    elsewhere = torch.cat([logits[:6], -logits[6:]])
    losses = [loss_of(these, masks, recipe, feed.drawn) for these in (logits, elsewhere)]
    assert losses[0] == losses[1]
    recipe = replace(recipe, presence_weight=1.0)
    surer = torch.cat([logits[:6], logits[6:] + torch.tensor([0, 9.0])[:, None, None]])
    assert loss_of(surer, masks, recipe, feed.drawn) < loss_of(logits, masks, recipe, feed.drawn)


def test_only_a_share_of_the_images_takes_another_look() -> None:
    images, masks, _ = drawn(32)
    changed = (restyle(images, masks, seeded(), 0.25) != images).flatten(1).any(dim=1)
    assert 0 < changed.sum() <= 8


def test_without_further_images_a_step_is_the_examples_alone(tmp_path: Path) -> None:
    examples = load_examples(read_cases(draw_split(tmp_path, each=2)), Task.INFECTION, 64)
    feed = Feed(examples, None, replace(STRANGERS, batch=3))
    images, _ = feed.show(next(feed.chosen(seed=0)), seeded())
    assert len(images) == feed.batch == 3


def encoder_file(folder: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    """As timm names the parameters, in half precision, with the classifier's layers."""
    state = build("fpn-efficientnetlite0").encoder.model.state_dict()  # type: ignore[union-attr]  # of segmentation_models_pytorch
    stored = {key: v.half() if v.is_floating_point() else v for key, v in state.items()}
    file = folder / "tf_efficientnet_lite0.safetensors"
    save_file(stored | {"conv_head.weight": torch.zeros(4), "bn2.bias": torch.zeros(4)}, file)
    return file, stored


def test_a_network_starts_from_an_encoder_s_own_file(tmp_path: Path) -> None:
    file, stored = encoder_file(tmp_path)
    start = begin(Task.INFECTION, "unet-efficientnetlite0", str(file), imagenet=True)
    encoder = start.network.encoder.model.state_dict()  # type: ignore[union-attr]  # of segmentation_models_pytorch
    assert encoder.keys() == stored.keys()
    assert all(torch.equal(encoder[key], v.to(encoder[key])) for key, v in stored.items())
    assert "tf_efficientnet_lite0" in start.origin
    assert start.digest[:12] in start.origin


def test_another_network_s_encoder_file_is_refused(tmp_path: Path) -> None:
    file, _ = encoder_file(tmp_path)
    with pytest.raises(WeightsError, match="not the encoder of a fpn-efficientnetlite2"):
        begin(Task.INFECTION, "fpn-efficientnetlite2", str(file), imagenet=False)
    with pytest.raises(WeightsError, match="cannot be read"):
        begin(
            Task.INFECTION,
            "fpn-efficientnetlite2",
            str(tmp_path / "no.safetensors"),
            imagenet=False,
        )


def test_the_command_learns_from_further_images_and_says_so(tmp_path: Path) -> None:
    draw_split(tmp_path / "data" / "Train", each=4)
    more = tmp_path / "more"
    draw_split(more, each=3, masks=False)
    command = [
        "train", "infection", "--data", str(tmp_path / "data"), "--more", str(more),
        "--out", str(tmp_path / "out"), "--size", "64", "--recipe", "strangers",
        "--network", "fpn-efficientnetlite0", "--precision", "fp32",
        "--set", "epochs=1", "--set", "batch=4", "--set", "held_out=0.25",
    ]  # fmt: skip
    assert main(command) == 0
    card = (tmp_path / "out" / "infection-fpn-efficientnetlite0" / "card.json").read_text()
    assert "further ones free of infection" in card


def test_further_images_teach_no_lungs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw_split(tmp_path, each=2)
    command = ["train", "lung", "--data", str(tmp_path), "--more", str(tmp_path),
               "--out", str(tmp_path / "out")]  # fmt: skip
    assert main(command) == 2
    assert "--more is for infection" in capsys.readouterr().err


def test_several_candidates_are_trained_side_by_side_and_only_what_is_wanted_comes_back(
    tmp_path: Path,
) -> None:
    pack(
        {"Train": read_cases(draw_split(tmp_path / "data", each=4))}, tmp_path / "packed", 64, 10**9
    )
    encoder_file(tmp_path)
    quick = "--size 64 --precision fp32 --set epochs=1 --set batch=4 --set held_out=0.25"
    candidates = (
        f"one fpn-efficientnetlite0 --recipe strangers {quick}\n"
        f"two fpn-efficientnetlite0 --recipe imagenet {quick}\n"
    )
    script = ROOT / "deploy" / "candidates.sh"
    done = subprocess.run(
        [script, tmp_path / "packed", tmp_path / "out", "0.05", tmp_path],
        env=os.environ | {"CANDIDATES": candidates, "OMP_NUM_THREADS": "1",
             "PYTHON": sys.executable},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    files = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*"))
    assert files == ["all.log", "one/card.json", "one/weights.safetensors", "two/card.json",
                     "two/weights.safetensors"]  # fmt: skip
    assert (tmp_path / "out/one/weights.safetensors").stat().st_size < 16 * 2**20
    assert "encoder from tf_efficientnet_lite0" in (tmp_path / "out/two/card.json").read_text()
