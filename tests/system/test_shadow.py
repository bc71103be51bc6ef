"""Another pipeline tried beside a whole node: it is compared, it is switched to, and back."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydicom import Dataset

from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import SUCCESS
from tests.phantoms import draw
from tests.system.once import classes, write_config
from tests.system.waiting import ended_job, run_cli, wait_until

#: At this point everything is positive.
SHADOW = "[shadow]\nnegative_below = 0.0\npositive_above = 0.0\n"


def healthy(seed: int) -> Dataset:
    return as_dicom(draw(Kind.HEALTHY, rows=382, columns=318, seed=seed))


def differences(config: Path) -> dict[str, Any]:
    said = run_cli("differences", "--json", "--config", str(config))
    assert said.returncode == 0, said.stderr
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def by_both(config: Path, count: int) -> Callable[[], bool]:
    return lambda: differences(config)["images"] == count


def receive(node: RunningNode, image: Dataset) -> str:
    """What the node, or whoever leads, decides."""
    (sent,) = send([image], "127.0.0.1", node.port)
    assert sent.status == SUCCESS
    number = str(ended_job(node.state, image.SOPInstanceUID).id)
    said = run_cli("job", number, "--json", "--state-dir", str(node.state)).stdout
    decision: str = json.loads(said)["findings"]["decision"]
    return decision


def test_what_is_tried_is_compared_and_leads_once_it_is_told_to(tmp_path: Path) -> None:
    config, images = tmp_path / "node.toml", [healthy(seed) for seed in (4, 5)]
    with Pacs(tmp_path / "pacs") as pacs:
        write_config(config, tmp_path / "state", pacs, sections=SHADOW)
        with RunningNode(tmp_path / "state", config_file=config) as node:
            assert receive(node, images[0]) != "positive"
            wait_until(by_both(config, 1), 90, "the first image to be tried")
            alive = run_cli("status", "--config", str(config)).stdout
            assert "shadow" in alive
        (found,) = differences(config)["decisions"]
        assert (found["tried"], found["images"]) == ("positive", 1)
        assert found["sent"] != "positive"
        assert len(classes(pacs, images[0])) == 3
        pair = differences(config)["sent"], differences(config)["tried"]

        write_config(config, tmp_path / "state", pacs, sections=f"{SHADOW}leads = true\n")
        with RunningNode(tmp_path / "state", config_file=config) as node:
            assert receive(node, images[1]) == "positive"
            wait_until(by_both(config, 2), 90, "the second image to be tried by what led before")
        found = differences(config)
        assert (found["sent"], found["tried"]) == pair[::-1]
        assert {one["sent"] for one in found["decisions"]} == {"positive"}
        # What the first pipeline sent of the first image stays as it was.
        assert len(classes(pacs, images[0])) == len(classes(pacs, images[1])) == 3

        write_config(config, tmp_path / "state", pacs, sections=SHADOW)
        with RunningNode(tmp_path / "state", config_file=config):
            assert (differences(config)["sent"], differences(config)["tried"]) == pair


def test_a_trial_that_cannot_run_holds_up_nothing(tmp_path: Path) -> None:
    """Its process is killed: the node goes on, and starts it again."""
    config, image = tmp_path / "node.toml", healthy(6)
    with Pacs(tmp_path / "pacs") as pacs:
        write_config(config, tmp_path / "state", pacs, sections=SHADOW)
        with RunningNode(tmp_path / "state", config_file=config) as node:
            os.kill(node.pid_of("shadow"), signal.SIGKILL)
            receive(node, image)
            wait_until(by_both(config, 1), 120, "the image to be tried by the next process")


def test_a_network_that_is_not_there_is_named_before_anything_starts(tmp_path: Path) -> None:
    config = tmp_path / "node.toml"
    config.write_text(
        f'[node]\nstate = "{tmp_path}/state"\nno_destination = true\n'
        '[shadow]\ninfection = "no-such-network"\n'
    )
    said = run_cli("up", "--config", str(config))
    assert said.returncode == 2
    assert "[shadow]" in said.stderr
    assert "no-such-network" in said.stderr
    assert run_cli("differences", "--config", str(config)).returncode == 2
