"""Several listeners of one `cxr-node up` on one port: all are reached, and one may die."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydicom import Dataset

from dicom_node.cli.node.room import listeners_of
from dicom_node.config import parse
from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from dicom_node.errors import SUCCESS
from inference.engines.cores import cores
from tests.system.once import assert_everything_once, radiographs, write_config
from tests.system.waiting import wait_until


def test_two_listeners_share_a_port_and_one_goes_on_without_the_other(tmp_path: Path) -> None:
    first, second = radiographs(4, seed=1), radiographs(4, seed=9)
    state, config = tmp_path / "state", tmp_path / "node.toml"
    with Pacs(tmp_path / "pacs") as pacs:
        write_config(config, state, pacs, node="listeners = 2")
        with RunningNode(state, config_file=config) as node:
            send_each_by_itself(first, node.port)
            listeners = started(node)
            assert len(listeners) == 2
            assert listening(node.port) == 2
            os.kill(listeners[0], signal.SIGKILL)
            # What waited to be accepted by the one is lost with it, and its sender sends again.
            wait_until(lambda: listening(node.port) < 2, 10, "the one killed to be gone")
            send_each_by_itself(second, node.port)
            wait_until(lambda: len(started(node)) == 3, 30, "the one killed to be replaced")
            assert_everything_once(first + second, state, pacs)
            wait_until(lambda: listening(node.port) == 2, 30, "both to listen again")


def send_each_by_itself(datasets: list[Dataset], port: int) -> None:
    with ThreadPoolExecutor(len(datasets)) as pool:
        sent = pool.map(lambda dataset: send([dataset], "127.0.0.1", port), datasets)
        assert [one.status for (one,) in sent] == [SUCCESS] * len(datasets)


def started(node: RunningNode) -> list[int]:
    """Processes of all listeners that were ever started."""
    events = [json.loads(line) for line in list(node.log) if '"started a part"' in line]
    return [event["pid"] for event in events if event["part"] == "listen"]


def listening(port: int) -> int:
    """How many sockets listen on a port, by proc(5): address and port, state 0A."""
    lines = Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]
    ends = [(line.split()[1], line.split()[3]) for line in lines]
    return sum(local.endswith(f":{port:04X}") and state == "0A" for local, state in ends)


def test_automatic_listeners_are_one_for_each_core(tmp_path: Path) -> None:
    asked = {"node": {"state": tmp_path, "listeners": "auto"}}
    assert listeners_of(parse(asked)) == cores()
    assert listeners_of(parse({"node": {"state": tmp_path}})) == 1
