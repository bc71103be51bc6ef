"""A reader corrects the node's Segmentation in a viewer and stores it: it comes back and is counted
and kept, and one report of it is in the study, whatever is killed meanwhile.
"""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from dicom_node.config import load
from dicom_node.demo.modality import echo, send
from dicom_node.demo.node import RunningNode, free_port
from dicom_node.demo.pacs import Pacs
from dicom_node.errors import SUCCESS
from dicom_node.ledger import JobState, Ledger
from tests.dicom_node.radiographs import radiograph
from tests.dicom_node.rejecting import predecessors
from tests.readers import Mask, as_ohif
from tests.system.waiting import ended_job, run_cli, wait_until

pytestmark = pytest.mark.slow

SEG, SR = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.88.34"


@dataclass
class Corrected:
    """A node and an archive, after a reader has corrected what the node found."""

    file: Path  #: the configuration
    folder: Path
    pacs: Pacs
    image: Dataset
    seg: Dataset  #: the reader's


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corrected]:
    folder = tmp_path_factory.mktemp("corrected")
    file, image = folder / "node.toml", radiograph()
    with Pacs(folder / "archive") as pacs:
        file.write_text(
            f"""
            [node]
            state = "state"
            [corrections]
            accept = true
            report = true
            [[destination]]
            name = "archive"
            aet = "{pacs.aet}"
            host = "127.0.0.1"
            port = {pacs.port}
            preset = "slicer"
            """,
            "utf-8",
        )
        with RunningNode(folder / "state", config_file=file, port=free_port()) as node:
            (sent,) = send([image], "127.0.0.1", node.port)
            assert sent.status == SUCCESS
            ended_job(folder / "state", image.SOPInstanceUID)
            seg = erased(image, held(pacs, SEG)[0], folder)
            (sent,) = send([seg], "127.0.0.1", node.port, calling_aet="VIEWER")
            assert sent.status == SUCCESS
            # Success was answered: whatever happens now, it is counted and reported, once.
            for part in ("work", "listen"):
                os.kill(node.pid_of(part), signal.SIGKILL)
            wait_until(lambda: len(uids(pacs, SR)) == 2, 60, "a report of the reader's")
            wait_until(lambda: ended(folder, seg), 60, "the reader's to have ended")
            # The archive routes all that joins a study, and the reader's once more.
            wait_until(lambda: echo("127.0.0.1", node.port), 60, "the listener to be there again")
            again = [*held(pacs, SEG), *held(pacs, SR), seg]
            assert {one.status for one in send(again, "127.0.0.1", node.port)} == {SUCCESS}
            wait_until(lambda: received_again(node, seg), 60, "the duplicate to be received")
        yield Corrected(file, folder, pacs, image, seg)


def received_again(node: RunningNode, seg: Dataset) -> bool:
    return any('"received again"' in line and seg.SOPInstanceUID in line for line in list(node.log))


def erased(image: Dataset, ours: Dataset, folder: Path) -> Dataset:
    """As OHIF stores it, after a reader has erased the lower half of what the node found."""
    masks: dict[str, Mask] = {
        segment.SegmentLabel: np.asarray(frame, np.bool_)
        for segment, frame in zip(ours.SegmentSequence, ours.pixel_array, strict=True)
    }
    infection = masks["Infection in left lung"]
    rows = np.flatnonzero(infection.any(axis=1))
    infection[rows[len(rows) // 2] :] = False
    image.save_as(folder / "image.dcm", enforce_file_format=True)
    return as_ohif(folder / "image.dcm", masks, folder, ours)


def held(pacs: Pacs, sop_class: str) -> list[Dataset]:
    return [dcmread(one.path) for one in pacs.stored if one.sop_class_uid == sop_class]


def uids(pacs: Pacs, sop_class: str) -> list[str]:
    return [one.sop_instance_uid for one in pacs.stored if one.sop_class_uid == sop_class]


def ended(folder: Path, seg: Dataset) -> bool:
    return ended_job(folder / "state", seg.SOPInstanceUID).state is JobState.BUILT


def test_one_report_of_it_joins_the_study(corrected: Corrected) -> None:
    reports = {one.SOPInstanceUID: one for one in held(corrected.pacs, SR)}
    assert len(reports) == 2
    (first,) = [one for one in reports.values() if not predecessors(one)]
    (second,) = [one for one in reports.values() if predecessors(one)]
    assert predecessors(second) == {first.SOPInstanceUID}
    assert second.StudyInstanceUID == corrected.image.StudyInstanceUID
    assert len(uids(corrected.pacs, SEG)) == 1
    assert len(uids(corrected.pacs, SR)) == 2


def test_our_own_that_came_round_is_no_job(corrected: Corrected) -> None:
    with closing(Ledger.open(load(corrected.file).ledger_url)) as ledger:
        own = {*uids(corrected.pacs, SEG), *uids(corrected.pacs, SR)}
        assert [job for uid in own for job in ledger.jobs.of_instance(uid)] == []
        (kept,) = ledger.corrections.latest()
        assert kept.segmentation_uid == corrected.seg.SOPInstanceUID
        assert (kept.algorithm, kept.predecessor) == ("MANUAL", uids(corrected.pacs, SEG)[0])
        counted = kept.counted
        assert counted.percent_left is not None
        assert counted.node_left is not None
        assert 0 < counted.percent_left < counted.node_left
        assert counted.dice_lung_left == 1
        assert 0.4 < (counted.dice_infection or 0) < 0.9


def test_people_see_and_export_it(corrected: Corrected) -> None:
    config = ("--config", str(corrected.file))
    (listed,) = run_cli("corrections", *config).stdout.splitlines()
    assert "a reader without a name" in listed
    said = run_cli("job", "1", *config).stdout
    assert "drawn by readers" in said
    assert "Dice    left lung 1.00, right lung 1.00, infection 0." in said
    (told,) = json.loads(run_cli("job", "1", "--json", *config).stdout)["corrections"]
    assert told["segmentation_uid"] == corrected.seg.SOPInstanceUID
    folder = corrected.folder / "pairs"
    done = run_cli("corrections", "export", str(folder), *config)
    assert (done.returncode, done.stdout.split(" in ")[0]) == (
        0,
        "1 radiograph with what was drawn",
    )
    assert len(list(folder.rglob("*.dcm"))) == 2
