"""An instance that comes again, through a whole node: the right results at the right place."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    Comprehensive3DSRStorage,
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    generate_uid,
)

from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import SUCCESS
from tests.dicom_node.rejecting import predecessors, referenced, rejection_note, title
from tests.phantoms import draw
from tests.system.waiting import ended_job, run_cli, wait_until

RESULTS = {SegmentationStorage, Comprehensive3DSRStorage, SecondaryCaptureImageStorage}


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pacs]:
    with Pacs(tmp_path_factory.mktemp("pacs")) as pacs:
        yield pacs


@pytest.fixture(scope="module")
def node(pacs: Pacs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    destination = f"{pacs.aet}@{pacs.host}:{pacs.port}"
    with RunningNode(tmp_path_factory.mktemp("state"), [destination]) as node:
        yield node


def radiograph(seed: int) -> Dataset:
    return as_dicom(draw(Kind.LEFT_OPACITY, rows=382, columns=318, seed=seed))


def receive(node: RunningNode, image: Dataset) -> None:
    (sent,) = send([image], "127.0.0.1", node.port)
    assert sent.status == SUCCESS


def of_study(pacs: Pacs, study: str, count: int) -> list[Dataset]:
    """What the PACS has of a study, once there is so much."""

    def paths() -> list[Path]:
        return [one.path for one in pacs.stored if one.path.parent.name == study]

    wait_until(lambda: len(paths()) >= count, 90, f"{count} instances of {study}")
    return [dcmread(path) for path in paths()]


def test_a_broken_image_sent_again_whole_is_analysed(node: RunningNode, pacs: Pacs) -> None:
    whole = radiograph(21)
    broken = copy.deepcopy(whole)
    broken.PixelData = broken.PixelData[: len(broken.PixelData) // 2]
    receive(node, broken)
    (notice,) = of_study(pacs, whole.StudyInstanceUID, 1)
    assert ended_job(node.state, whole.SOPInstanceUID).state == "FAILED"
    receive(node, whole)
    arrived = of_study(pacs, whole.StudyInstanceUID, 4)
    assert {one.SOPClassUID for one in arrived[1:]} == RESULTS
    (report,) = [one for one in arrived[1:] if one.SOPClassUID == Comprehensive3DSRStorage]
    assert predecessors(report) == {notice.SOPInstanceUID}
    assert ended_job(node.state, whole.SOPInstanceUID).state == "BUILT"


def test_an_image_corrected_to_another_patient_and_study_is_followed(
    node: RunningNode, pacs: Pacs
) -> None:
    wrong = radiograph(22)
    receive(node, wrong)
    before = of_study(pacs, wrong.StudyInstanceUID, 3)
    ended_job(node.state, wrong.SOPInstanceUID)
    right = copy.deepcopy(wrong)
    right.PatientID, right.PatientName = "THE-RIGHT-ONE", "Right^Patient"
    right.StudyInstanceUID, right.SeriesInstanceUID = generate_uid(), generate_uid()
    receive(node, right)
    made = of_study(pacs, right.StudyInstanceUID, 3)
    assert {one.SOPClassUID for one in made} == RESULTS
    assert {one.PatientID for one in made} == {"THE-RIGHT-ONE"}
    note = of_study(pacs, wrong.StudyInstanceUID, 4)[-1]
    assert note.SOPClassUID == KeyObjectSelectionDocumentStorage
    assert title(note) == "Incorrect Modality Worklist Entry"
    assert referenced(note, "CurrentRequestedProcedureEvidenceSequence") == {
        one.SOPInstanceUID for one in before
    }

    def said() -> list[str]:
        status = json.loads(run_cli("status", "--json", "--state", str(node.state)).stdout)
        return [one["what"] for one in status["changes"]
                if one["sop_instance_uid"] == wrong.SOPInstanceUID]  # fmt: skip

    assert any("PatientID" in what and "StudyInstanceUID" in what for what in said())
    # The archive has the note before the sender has heard so.
    withdrawn = "3 outputs withdrawn by a rejection note"
    wait_until(lambda: any(withdrawn in what for what in said()), 30, withdrawn)


def test_what_failed_is_analysed_again_when_a_person_asks(node: RunningNode) -> None:
    image = radiograph(23)
    image.PixelData = image.PixelData[:1000]
    receive(node, image)
    first = ended_job(node.state, image.SOPInstanceUID)
    options = ("--sop-instance-uid", image.SOPInstanceUID, "--state-dir", str(node.state))
    run = run_cli("requeue", "--dry-run", *options)
    assert (run.returncode, run.stdout.splitlines()[-1]) == (
        0,
        "would requeue 1 job and 0 deliveries",
    )
    assert ended_job(node.state, image.SOPInstanceUID) == first
    run = run_cli("requeue", *options)
    assert run.stdout.splitlines()[-1] == "requeued 1 job and 0 deliveries"
    wait_until(
        lambda: ended_job(node.state, image.SOPInstanceUID).updated_at > first.updated_at,
        90,
        "the image to be analysed again",
    )
    assert ended_job(node.state, image.SOPInstanceUID).state == "FAILED"


def test_an_image_rejected_in_the_archive_has_its_results_taken_back(
    node: RunningNode, pacs: Pacs
) -> None:
    image = radiograph(24)
    receive(node, image)
    before = of_study(pacs, image.StudyInstanceUID, 3)
    ended_job(node.state, image.SOPInstanceUID)
    receive(node, rejection_note("113037", image))
    note = of_study(pacs, image.StudyInstanceUID, 4)[-1]
    assert title(note) == "Rejected for Patient Safety Reasons"
    assert referenced(note, "CurrentRequestedProcedureEvidenceSequence") == {
        one.SOPInstanceUID for one in before
    }
    job = ended_job(node.state, image.SOPInstanceUID)
    assert (job.state, job.reason) == ("SKIPPED", "rejected: Rejected for Patient Safety Reasons")
