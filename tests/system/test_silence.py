"""A silent node analyses and shows, and a PACS gets nothing until a person asks."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.ledger import JobState, Ledger
from tests.phantoms import draw
from tests.system.waiting import run_cli, wait_until


@dataclass
class Trial:
    """A silent node, then the same that is not, and what was seen at each moment."""

    folder: Path
    pacs: Pacs
    said: dict[str, str]
    stored: dict[str, int]  #: instances at the PACS at each moment
    report: str


def built(state: Path, uid: str) -> bool:
    ledger = Ledger.open(f"sqlite:///{state / 'ledger.sqlite'}")
    try:
        return [job.state for job in ledger.jobs.of_instance(uid)] == [JobState.BUILT]
    finally:
        ledger.close()


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    folder = tmp_path_factory.mktemp("node")
    file = folder / "node.toml"
    images = [
        as_dicom(draw(kind, rows=382, columns=318, seed=seed), AccessionNumber=f"S-{seed}")
        for kind, seed in ((Kind.LEFT_OPACITY, 61), (Kind.HEALTHY, 62))
    ]

    def write(pacs: Pacs, *, silent: bool) -> None:
        file.write_text(
            f'[node]\nstate = "state"\nsilent = {str(silent).lower()}\n'
            f'[[destination]]\nname = "pacs"\naet = "{pacs.aet}"\nhost = "127.0.0.1"\n'
            f"port = {pacs.port}\n"
        )

    said: dict[str, str] = {}
    stored: dict[str, int] = {}

    def look(step: str, *arguments: str) -> None:
        run = run_cli(*arguments, "--config", str(file))
        said[step] = run.stdout + run.stderr

    with Pacs(folder / "pacs") as pacs:
        write(pacs, silent=True)
        with RunningNode(folder / "state", config_file=file) as node:
            for image in images:
                send([image], "127.0.0.1", node.port)
                uid = image.SOPInstanceUID
                wait_until(partial(built, folder / "state", uid), 120, "the analysis")
            look("find", "find", "S-61")
            look("status", "status")
            look("destinations", "destinations")
            look("check", "status", "--check", "--max-wait", "1")
            look("too early", "requeue", "--state", "HELD", "--yes")
            look("report", "acceptance", "--out", str(folder / "report.html"))
            stored["silent"] = len(pacs.stored)
        write(pacs, silent=False)
        with RunningNode(folder / "state", config_file=file) as node:
            after = as_dicom(draw(Kind.HEALTHY, rows=382, columns=318, seed=63))
            send([after], "127.0.0.1", node.port)
            wait_until(lambda: len(pacs.stored) >= 3, 120, "what came after")
            # All that waits is sent before that.
            stored["loud"] = len(pacs.stored)
            look("one", "requeue", "--state", "HELD", "--limit", "1", "--yes")
            wait_until(lambda: len(pacs.stored) >= 6, 120, "one of what was held")
            stored["asked"] = len(pacs.stored)
            look("left", "jobs", "--state", "HELD", "--json")
        report = (folder / "report.html").read_text()
        yield Trial(folder, pacs, said, stored, report)


def test_a_silent_node_analyses_and_shows_and_sends_nothing(trial: Trial) -> None:
    assert trial.stored["silent"] == 0
    find = trial.said["find"]
    assert "BUILT, held, as a destination was silent" in find
    assert "SR to pacs: HELD" in find
    assert "positive" in find
    assert "cxr-node requeue --job 1 --state HELD sends it" in find
    assert "silent: results are held, and nothing is sent to pacs" in trial.said["status"]
    assert "silent: nothing is sent there" in trial.said["destinations"]
    # Nobody is called at night for what is meant.
    assert trial.said["check"].startswith("OK")


def test_what_is_held_cannot_be_let_go_while_it_is_silent(trial: Trial) -> None:
    assert "pacs: silent, nothing is sent there; end that first" in trial.said["too early"]


def test_once_it_is_silent_no_more_only_what_comes_is_sent(trial: Trial) -> None:
    assert trial.stored["loud"] == 3
    assert "3 deliveries" in trial.said["one"]
    assert trial.stored["asked"] == 6
    left: list[dict[str, Any]] = json.loads(trial.said["left"])
    assert len(left) == 1


def test_the_report_tells_of_the_silent_weeks_and_of_no_patient(trial: Trial) -> None:
    assert "2 radiographs, 2 analysed" in trial.said["report"]
    assert "<td>silent destinations</td><td>pacs</td>" in trial.report
    assert "cxr-node Phantom" in trial.report
    assert "S-61" not in trial.report
    assert "PHANTOM" not in trial.report
