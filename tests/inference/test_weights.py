"""Weights are found by name or path, described by their card, and verified to the bit."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from inference.engines.pytorch import load_network
from inference.findings import Task
from inference.weights import (
    MODELS,
    WeightsError,
    available,
    default,
    find,
    find_pair,
    identify,
    load_state,
)

LUNG = MODELS / "lung-unet-resnet18"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A hospital's own copy of the lung network, card beside it."""
    folder = tmp_path / "own"
    shutil.copytree(LUNG, folder)
    return folder / "weights.safetensors"


def with_metadata(path: Path, **metadata: str) -> Path:
    """The same weights without a card, described by the file itself."""
    alone = path.parent.parent / "alone.safetensors"
    save_file(load_file(path), alone, metadata=metadata)
    return alone


def change_card(path: Path, **fields: Any) -> None:
    card = path.with_name("card.json")
    card.write_text(json.dumps(json.loads(card.read_text()) | fields))


@pytest.mark.parametrize("task", Task)
def test_each_task_has_a_default_that_is_what_its_card_says(task: Task) -> None:
    card = default(task)
    assert hashlib.sha256(card.weights.read_bytes()).hexdigest() == card.sha256
    assert identify(task) == card.identity
    assert find(task, card.network) == card


def test_the_error_of_the_percentage_is_the_one_measured() -> None:
    """What stands beside every percentage is the card's own figure, not a copy gone stale."""
    card = default(Task.INFECTION)
    [measured] = [
        figure["value"]
        for figure in card.details["figures"]
        if "infected percentage" in figure["measure"] and "absolute error" in figure["measure"]
    ]
    assert card.identity.percent_error_points == measured
    assert default(Task.LUNG).identity.percent_error_points is None


@pytest.mark.parametrize("error", ["much", -1, 101, float("nan"), [15]])
def test_an_error_that_is_none_is_no_card(own: Path, error: object) -> None:
    change_card(own, percent_error_points=error)
    with pytest.raises(WeightsError, match="is not a model card"):
        find(Task.LUNG, str(own))


def test_every_shipped_card_says_what_a_user_must_know() -> None:
    assert {card.task for card in available()} == set(Task)
    for card in available():
        assert "Research use only" in card.licence
        for field in ("data", "split", "recipe", "date", "figures", "known_failures"):
            assert card.details[field], field
        assert all(figure["measured_on"] for figure in card.details["figures"])


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty"])
def test_a_damaged_file_is_refused(own: Path, damage: str) -> None:
    content = bytearray(own.read_bytes())
    content[len(content) // 2] ^= 1
    damaged = {"flipped": content, "truncated": content[:-1], "empty": bytearray()}[damage]
    own.write_bytes(damaged)
    with pytest.raises(WeightsError, match="damaged"):
        load_state(find(Task.LUNG, str(own)))


def test_the_lung_network_is_refused_as_the_infection_network(own: Path) -> None:
    with pytest.raises(WeightsError, match="swapped"):
        find(Task.INFECTION, str(own))


def test_swapped_files_are_refused(own: Path) -> None:
    shutil.copy(MODELS / "infection-fpn-efficientnetlite2" / "weights.safetensors", own)
    with pytest.raises(WeightsError, match="not the file its card describes"):
        load_state(find(Task.LUNG, str(own)))


@pytest.mark.parametrize("name", ["fpn-resnet50", "vgg", "../lung-unet-resnet18", "."])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(WeightsError, match="there are: unet-resnet18"):
        find(Task.LUNG, name)


def test_a_file_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.safetensors"):
        find(Task.LUNG, str(tmp_path / "absent.safetensors"))


def test_a_card_whose_file_is_absent_is_refused(own: Path) -> None:
    own.unlink()
    with pytest.raises(WeightsError, match="cannot be read"):
        load_state(find(Task.LUNG, str(own)))


def test_a_file_may_describe_itself(own: Path) -> None:
    alone = with_metadata(own, task="lung", network="fpn-resnet18", version="ours-3")
    card = find(Task.LUNG, str(alone))
    assert (card.network, card.version, card.size) == ("fpn-resnet18", "ours-3", 256)
    assert card.sha256 == hashlib.sha256(alone.read_bytes()).hexdigest()
    assert load_state(card).keys() == load_file(own).keys()


def test_a_file_that_describes_itself_is_not_taken_for_the_other_task(own: Path) -> None:
    alone = with_metadata(own, task="lung", network="fpn-resnet18")
    with pytest.raises(WeightsError, match="swapped"):
        find(Task.INFECTION, str(alone))


def test_a_file_that_says_nothing_of_itself_is_refused(own: Path) -> None:
    with pytest.raises(WeightsError, match="does not say what it is"):
        find(Task.LUNG, str(with_metadata(own, comment="mine")))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"task": "heart"}, "not a model card"),
        ({"network": "vgg"}, "no network is called 'vgg'"),
        ({"preprocessing": {"normalisation": "imagenet"}}, "only the normalisation"),
        ({"preprocessing": {"size": "big"}}, "not a model card"),
        ({"preprocessing": 3}, "not a model card"),
    ],
)
def test_a_card_that_cannot_be_followed_is_refused(
    own: Path, fields: dict[str, Any], says: str
) -> None:
    change_card(own, **fields)
    with pytest.raises(WeightsError, match=says):
        find(Task.LUNG, str(own))


def test_a_card_that_is_no_json_is_named(own: Path) -> None:
    own.with_name("card.json").write_text("{")
    with pytest.raises(WeightsError, match=r"card\.json cannot be read"):
        find(Task.LUNG, str(own))


def test_weights_of_another_network_do_not_load(own: Path) -> None:
    change_card(own, network="fpn-resnet18")
    with pytest.raises(WeightsError, match="does not fit a fpn-resnet18"):
        load_network(find(Task.LUNG, str(own)))


def test_weights_that_are_not_numbers_are_refused(own: Path) -> None:
    state = load_file(own)
    bias = "segmentation_head.0.bias"
    state[bias] = np.full_like(state[bias], np.nan)
    save_file(state, own)
    change_card(own, sha256=hashlib.sha256(own.read_bytes()).hexdigest())
    with pytest.raises(WeightsError, match="not numbers"):
        load_state(find(Task.LUNG, str(own)))


def test_networks_made_for_other_sizes_of_image_do_not_go_together(own: Path) -> None:
    change_card(own, preprocessing={"size": 512})
    with pytest.raises(WeightsError, match="different sizes"):
        find_pair(lung=str(own))
