"""One radiograph, end to end: a whole node as a user starts it, a PACS, real associations."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict, Unpack

import pytest
from pydicom import Dataset, dcmread

from dicom_node.demo.modality import echo, send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.demo.results import count_segmentation, read_report
from dicom_node.errors import SUCCESS
from tests.phantoms import draw
from tests.system.waiting import ended_job, run_cli

SEG, SR, SC = (
    "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.88.34",
    "1.2.840.10008.5.1.4.1.1.7",
)


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pacs]:
    with Pacs(tmp_path_factory.mktemp("pacs")) as pacs:
        yield pacs


@pytest.fixture(scope="module")
def node(pacs: Pacs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    destination = f"{pacs.aet}@{pacs.host}:{pacs.port}"
    with RunningNode(tmp_path_factory.mktemp("state"), [destination]) as node:
        yield node


class Attributes(TypedDict, total=False):
    """What the header is to say otherwise of the pixels."""

    Rows: int
    Columns: int
    PixelData: bytes


def radiograph(kind: Kind, seed: int, **attributes: Unpack[Attributes]) -> Dataset:
    return as_dicom(draw(kind, rows=764, columns=636, seed=seed), **attributes)


def test_a_radiograph_comes_back_as_seg_sr_and_overlay_in_its_own_study(
    node: RunningNode, pacs: Pacs
) -> None:
    source = radiograph(Kind.LEFT_OPACITY, seed=11)
    (sent,) = send([source], "127.0.0.1", node.port)
    assert sent.status == SUCCESS
    job = ended_job(node.state, source.SOPInstanceUID)
    assert (job.state, job.reason) == ("BUILT", None)
    arrived = {
        arrival.sop_class_uid: arrival.path
        for arrival in pacs.stored
        if dcmread(arrival.path).StudyInstanceUID == source.StudyInstanceUID
    }
    assert set(arrived) == {SEG, SR, SC}
    report = read_report(arrived[SR])
    assert report.decision == "positive"
    assert report.percentages.agree(count_segmentation(arrived[SEG]))
    assert dcmread(arrived[SEG]).PatientID == source.PatientID


def test_a_duplicate_send_gives_no_second_result(node: RunningNode, pacs: Pacs) -> None:
    source = radiograph(Kind.HEALTHY, seed=12)
    for _ in range(3):
        (sent,) = send([source], "127.0.0.1", node.port)
        assert sent.status == SUCCESS
    ended_job(node.state, source.SOPInstanceUID)
    (sent,) = send([source], "127.0.0.1", node.port)
    assert sent.status == SUCCESS
    # Whatever a second job would send is sent before what comes after it.
    after = radiograph(Kind.HEALTHY, seed=13)
    send([after], "127.0.0.1", node.port)
    ended_job(node.state, after.SOPInstanceUID)
    of_study = [a for a in pacs.stored if a.path.parent.name == source.StudyInstanceUID]
    assert len(of_study) == 3


def test_a_refused_instance_is_stored_skipped_and_gives_nothing(
    node: RunningNode, pacs: Pacs
) -> None:
    source = radiograph(Kind.LATERAL, seed=14)
    (sent,) = send([source], "127.0.0.1", node.port)
    assert sent.status == SUCCESS
    job = ended_job(node.state, source.SOPInstanceUID)
    assert job.state == "SKIPPED"
    assert "not a frontal view" in (job.reason or "")
    assert not [a for a in pacs.stored if a.path.parent.name == source.StudyInstanceUID]


def test_bad_input_fails_by_name_and_delays_nothing_else(node: RunningNode, tmp_path: Path) -> None:
    good = radiograph(Kind.HEALTHY, seed=15)
    truncated = tmp_path / "truncated.dcm"
    bad = radiograph(Kind.HEALTHY, seed=16)
    bad.save_as(truncated, enforce_file_format=True)
    truncated.write_bytes(truncated.read_bytes()[:-100_000])
    huge = radiograph(Kind.HEALTHY, seed=17, Rows=20_000, Columns=20_000)
    wrong_length = radiograph(Kind.HEALTHY, seed=18, Rows=700)
    dot = radiograph(Kind.HEALTHY, seed=19, Rows=1, Columns=1, PixelData=b"\0\0")
    sent = send([truncated, huge, wrong_length, dot, good], "127.0.0.1", node.port)
    assert [one.status for one in sent] == [SUCCESS] * 5
    assert ended_job(node.state, good.SOPInstanceUID).state == "BUILT"
    expected = {
        bad.SOPInstanceUID: "FAILED",
        huge.SOPInstanceUID: "SKIPPED",
        wrong_length.SOPInstanceUID: "FAILED",
    }
    for uid, state in expected.items():
        job = ended_job(node.state, uid)
        assert (job.state, bool(job.reason)) == (state, True), job.reason
    # One pixel can be decoded, and no lungs found in it: a report that says so, or a refusal.
    assert ended_job(node.state, dot.SOPInstanceUID).state in ("BUILT", "SKIPPED", "FAILED")


def test_an_echo_is_answered(node: RunningNode) -> None:
    assert echo("127.0.0.1", node.port)


def test_status_tells_what_the_ledger_knows(node: RunningNode) -> None:
    source = radiograph(Kind.LATERAL, seed=20)
    send([source], "127.0.0.1", node.port)
    ended_job(node.state, source.SOPInstanceUID)
    status = json.loads(run_cli("status", "--state", str(node.state), "--json").stdout)
    assert status["counts"]["SKIPPED"] >= 1
    assert status["oldest_waiting_age_s"] is None
    failed = [failure["sop_instance_uid"] for failure in status["failures"]]
    assert source.SOPInstanceUID not in failed
    assert sum(skip["count"] for skip in status["skipped"]) == status["counts"]["SKIPPED"]
    text = run_cli("status", "--state", str(node.state)).stdout
    assert "not a frontal view" in text


REAL = {
    "chest/cr_mono1_jpeglossless_noview.dcm": "BUILT",
    "chest/cr_pa_mono1_explicit_440.dcm": "BUILT",
    "chest/sc_cr_pa_mono2_jpegbaseline.dcm": "BUILT",
    "chest/sc_cr_pa_mono1_mislabelled_jpegbaseline.dcm": "BUILT",
    "chest/sc_dx_mono2_implicit_noview.dcm": "BUILT",
    "chest/sc_dx_mono2_implicit_noview_2.dcm": "BUILT",
    "not-chest/dx_lateral_dog_mono1.dcm": "SKIPPED",
    "not-chest/sc_ct_labelled.dcm": "SKIPPED",
    "not-chest/cr_hip_jpegls.dcm": "SKIPPED",
    "not-chest/cr_tibia_rle.dcm": "SKIPPED",
}


def test_the_real_files_come_out_as_they_should(node: RunningNode, shared_data: Path) -> None:
    paths = {name: shared_data / "dicom" / name for name in REAL}
    uids = {
        name: dcmread(path, stop_before_pixels=True).SOPInstanceUID for name, path in paths.items()
    }
    sent = send(paths.values(), "127.0.0.1", node.port)
    assert [one.status for one in sent] == [SUCCESS] * len(REAL)
    assert {name: ended_job(node.state, uid).state for name, uid in uids.items()} == REAL
