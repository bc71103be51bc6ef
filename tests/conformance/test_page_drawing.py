"""A reader corrects the node's masks on its own page, in Chromium, with mouse and finger.

A whole node and an archive: what was drawn is kept as a Segmentation of the reader's, counted anew,
and it and a report on it join the study. The pictures stay in pytest's folder, for whoever looks.
"""

import json
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread

from dicom_node.config import load
from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode, free_port
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import SUCCESS
from dicom_node.ledger import Correction, Ledger
from tests.conformance.browser import VIEWERS, look_for_chromium
from tests.conformance.validators import dciodvfy
from tests.dicom_node.rejecting import predecessors, referenced
from tests.phantoms import draw
from tests.system.waiting import ended_job, run_cli, wait_until

pytestmark = pytest.mark.slow

SEG, SR = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.88.34"


@dataclass
class Drawn:
    """What was to be seen, by the step, and what was left behind."""

    steps: dict[str, dict[str, Any]]
    correction: Correction
    seg: Dataset  #: the reader's
    archived: list[Dataset]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    look_for_chromium()
    folder = tmp_path_factory.mktemp("drawing")
    file, monitor = folder / "node.toml", f"127.0.0.1:{free_port()}"
    # Larger than the sheet that is drawn on.
    image = as_dicom(draw(Kind.LEFT_OPACITY, rows=1536, columns=1280, seed=7))
    with Pacs(folder / "archive", aet="ARCHIVE", port=free_port()) as archive:
        file.write_text(
            f"""
            [node]
            state = "state"
            [corrections]
            accept = true
            report = true
            [[destination]]
            name = "archive"
            aet = "ARCHIVE"
            host = "127.0.0.1"
            port = {archive.port}
            preset = "slicer"
            """,
            "utf-8",
        )
        with RunningNode(folder / "state", config_file=file, monitor=monitor) as node:
            (sent,) = send([image], "127.0.0.1", node.port)
            assert sent.status == SUCCESS
            job = ended_job(folder / "state", image.SOPInstanceUID)
            link = run_cli("page", "link", "--config", str(file)).stdout.strip()
            command = ["node", str(VIEWERS / "draw.mjs"), link, str(job.id), str(folder)]
            reader = subprocess.run(
                command, cwd=VIEWERS, text=True, capture_output=True, check=True
            )
            steps = {one["step"]: one for one in map(json.loads, reader.stdout.splitlines())}
            assert "failed" not in steps, steps["failed"]
            wait_until(lambda: len(_held(archive, SR)) == 2, 60, "a report of the reader's")
        with closing(Ledger.open(load(file).ledger_url)) as ledger:
            (correction,) = ledger.corrections.latest()
        segmentations = _held(archive, SEG)
        (seg,) = [one for one in segmentations if predecessors(one)]
        return Drawn(steps, correction, seg, segmentations + _held(archive, SR))


def _held(archive: Pacs, sop_class: str) -> list[Dataset]:
    return [dcmread(one.path) for one in archive.stored if one.sop_class_uid == sop_class]


def test_mouse_and_finger_draw_and_a_step_is_undone(drawn: Drawn) -> None:
    steps = drawn.steps
    begun, by_mouse = steps["opened"]["begun"], steps["drawn by mouse"]["drawn"]
    assert by_mouse["infection"] > begun["infection"] > 0
    assert {**by_mouse, "infection": 0} == {**begun, "infection": 0}
    assert steps["undone and drawn again"]["undone"] == begun
    touched = steps["erased by finger"]
    assert touched["pointers"] == ["mouse", "touch"]
    assert touched["erased"]["infection"] < steps["undone and drawn again"]["again"]["infection"]


def test_two_fingers_enlarge_and_draw_nothing(drawn: Drawn) -> None:
    touched = drawn.steps["erased by finger"]
    assert touched["pinched"]["scale"] > 1.5 * touched["before"]
    assert touched["pinched"]["masks"] == 1


def test_nothing_is_wider_than_the_screen_and_nothing_went_wrong(drawn: Drawn) -> None:
    seen = ("opened", "erased by finger", "on a telephone")
    assert [drawn.steps[step]["wider"] for step in seen] == [0, 0, 0]
    assert drawn.steps["opened"]["faults"] == drawn.steps["saved"]["faults"] == []


def test_saving_nothing_is_said_and_the_editor_stays(drawn: Drawn) -> None:
    said = drawn.steps["nothing drawn"]
    assert "nothing was changed" in said["fault"]
    assert said["at"].endswith("/drawing")


def test_it_becomes_a_segmentation_of_the_readers(drawn: Drawn) -> None:
    ours, seg = next(one for one in drawn.archived if one.SOPClassUID == SEG), drawn.seg
    assert seg.StudyInstanceUID == ours.StudyInstanceUID
    assert predecessors(seg) == {ours.SOPInstanceUID}
    assert [one.SegmentAlgorithmType for one in seg.SegmentSequence] == [
        "AUTOMATIC", "AUTOMATIC", "SEMIAUTOMATIC", "SEMIAUTOMATIC",
    ]  # fmt: skip
    assert "@" in str(seg.ContentCreatorName)


def test_a_validator_finds_nothing_wrong_with_it(drawn: Drawn, tmp_path: Path) -> None:
    file = tmp_path / "drawn.dcm"
    drawn.seg.save_as(file, enforce_file_format=True)
    assert dciodvfy(file) == []


def test_it_is_counted_anew_beside_the_nodes_figures(drawn: Drawn) -> None:
    counted = drawn.correction.counted
    assert counted.percent_left is not None
    assert counted.node_left is not None
    assert counted.percent_right is not None
    assert counted.node_right is not None
    assert counted.percent_left < counted.node_left
    assert counted.percent_right > counted.node_right
    # Where nobody drew, the masks are as fine as the node's.
    assert (counted.dice_lung_left, counted.dice_lung_right) == (1, 1)
    shown = drawn.steps["saved"]
    assert shown["at"].endswith("#readers")
    assert f"{counted.percent_left:.1f} %" in shown["readers"]
    assert f"kept as job {drawn.correction.job_id}" in shown["told"]


def test_a_report_of_it_joins_the_study(drawn: Drawn) -> None:
    reports = [one for one in drawn.archived if one.SOPClassUID == SR]
    (first,) = [one for one in reports if not predecessors(one)]
    (second,) = [one for one in reports if predecessors(one)]
    assert predecessors(second) == {first.SOPInstanceUID}
    evidence = referenced(second, "CurrentRequestedProcedureEvidenceSequence")
    # What it refers to is in the archive: nobody else would have stored it there.
    assert drawn.seg.SOPInstanceUID in evidence
    assert drawn.seg.SOPInstanceUID == drawn.correction.segmentation_uid
