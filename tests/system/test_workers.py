"""Several workers of one `cxr-node up` share the work, and one that dies leaves none behind."""

import json
import os
import signal
from pathlib import Path

import pytest

from dicom_node.cli.node import room
from dicom_node.cli.node.opening import open_ledger
from dicom_node.cli.node.room import WORKER_BYTES, free_memory, workers_of
from dicom_node.config import parse
from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from dicom_node.errors import SUCCESS
from dicom_node.ledger import Event
from tests.system.once import assert_everything_once, radiographs, write_config
from tests.system.waiting import ended_job, wait_until


def test_two_workers_share_the_work_and_survive_each_other(tmp_path: Path) -> None:
    first, second = radiographs(4, seed=1), radiographs(4, seed=9)
    state, config = tmp_path / "state", tmp_path / "node.toml"
    with Pacs(tmp_path / "pacs") as pacs:
        write_config(config, state, pacs, sections="[worker]\nprocesses = 2")
        with RunningNode(state, config_file=config) as node:
            assert [one.status for one in send(first, "127.0.0.1", node.port)] == [SUCCESS] * 4
            assert_everything_once(first, state, pacs)
            workers = pids(node)
            assert len(workers) == 2
            assert len({owner_of(state, source.SOPInstanceUID) for source in first}) == 2
            assert [one.status for one in send(second, "127.0.0.1", node.port)] == [SUCCESS] * 4
            os.kill(workers[0], signal.SIGKILL)
            wait_until(lambda: len(pids(node)) == 3, 30, "the one killed to be replaced")
            assert_everything_once(first + second, state, pacs)


def pids(node: RunningNode) -> list[int]:
    """Of all workers that were ever started."""
    events = [json.loads(line) for line in list(node.log) if '"started a part"' in line]
    return [event["pid"] for event in events if event["part"] == "work"]


def owner_of(state: Path, sop_instance_uid: str) -> str | None:
    """Who analysed it."""
    job = ended_job(state, sop_instance_uid)
    ledger = open_ledger(parse({"node": {"state": state}}))
    try:
        entries = ledger.reports.events(job.id)
        return next(entry.owner for entry in entries if entry.event == Event.CLAIMED)
    finally:
        ledger.close()


@pytest.mark.parametrize(
    ("cores", "gigabytes", "expected"), [(8, 64, 8), (8, 3.5, 3), (8, 0.5, 1), (1, 64, 1)]
)
def test_automatic_workers_fit_into_cores_and_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, gigabytes: float, expected: int
) -> None:
    monkeypatch.setattr(room, "cores", lambda: cores)
    monkeypatch.setattr(room, "free_memory", lambda: int(gigabytes * WORKER_BYTES))
    config = parse({"node": {"state": tmp_path}, "worker": {"processes": "auto"}})
    assert workers_of(config) == expected


def test_free_memory_is_less_than_all_there_is() -> None:
    assert 0 < free_memory() < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_a_container_has_no_more_than_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, said in (("_LIMIT", "3000000"), ("_IN_USE", "1000000")):
        (tmp_path / name).write_text(said, "ascii")
        monkeypatch.setattr(room, name, tmp_path / name)
    assert free_memory() == 2000000


def test_a_number_of_workers_is_what_it_says(tmp_path: Path) -> None:
    asked = {"node": {"state": tmp_path}, "worker": {"processes": 3}}
    assert workers_of(parse(asked)) == 3
    assert workers_of(parse({"node": {"state": tmp_path}})) == 1
