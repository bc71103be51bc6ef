"""A whole node and destinations that do not accept all there is: each gets what comes closest."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import SOP_CLASSES, Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from tests.phantoms import draw
from tests.system.waiting import ended_job, run_cli


def without(*refused: UID) -> list[UID]:
    return [sop_class for sop_class in SOP_CLASSES if sop_class not in refused]


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pacs]:
    """Knows neither SEG nor the 3D class of SR."""
    classes = without(SegmentationStorage, Comprehensive3DSRStorage)
    with Pacs(tmp_path_factory.mktemp("old"), aet="OLD", sop_classes=classes) as pacs:
        yield pacs


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pacs]:
    """Knows no presentation state either, and Implicit VR alone."""
    classes = without(SegmentationStorage, GrayscaleSoftcopyPresentationStateStorage)
    with Pacs(
        tmp_path_factory.mktemp("older"),
        aet="OLDER",
        sop_classes=classes,
        transfer_syntaxes=[ImplicitVRLittleEndian],
    ) as pacs:
        yield pacs


@pytest.fixture(scope="module")
def node(old: Pacs, older: Pacs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    destinations = [f"{pacs.aet}@{pacs.host}:{pacs.port}" for pacs in (old, older)]
    with RunningNode(tmp_path_factory.mktemp("state"), destinations) as node:
        yield node


def radiograph(seed: int) -> Dataset:
    return as_dicom(draw(Kind.LEFT_OPACITY, rows=382, columns=318, seed=seed))


def held(pacs: Pacs, source: Dataset) -> dict[str, Dataset]:
    """What the source's study holds there, by class."""
    files = [a.path for a in pacs.stored if a.path.parent.name == source.StudyInstanceUID]
    return {dataset.SOPClassUID: dataset for dataset in map(dcmread, files)}


def test_each_gets_the_next_best_and_status_says_so(
    node: RunningNode, old: Pacs, older: Pacs
) -> None:
    source = radiograph(600)
    send([source], "127.0.0.1", node.port)
    job = ended_job(node.state, source.SOPInstanceUID)
    assert (job.state, job.reason) == ("BUILT", None)
    assert set(held(old, source)) == {
        GrayscaleSoftcopyPresentationStateStorage,
        ComprehensiveSRStorage,
        SecondaryCaptureImageStorage,
    }
    in_older = held(older, source)
    assert set(in_older) == {Comprehensive3DSRStorage, SecondaryCaptureImageStorage}
    for dataset in in_older.values():
        assert dataset.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
        assert dataset.PatientName == source.PatientName
    text = run_cli("status", "--state", str(node.state)).stdout
    name_of_old = f"OLD@{old.host}:{old.port}"
    assert f"{name_of_old} does not accept SEG: PR is sent instead (1 so far" in text
    assert f"{name_of_old} does not accept SR: SR2D is sent instead" in text
    said = json.loads(run_cli("status", "--state", str(node.state), "--json").stdout)
    assert len(said["substitutions"]) == 4


def test_a_failed_analysis_is_reported_in_the_class_that_is_accepted(
    node: RunningNode, old: Pacs, older: Pacs, tmp_path: Path
) -> None:
    source = radiograph(601)
    truncated = tmp_path / "truncated.dcm"
    source.save_as(truncated, enforce_file_format=True)
    truncated.write_bytes(truncated.read_bytes()[:-100_000])
    send([truncated], "127.0.0.1", node.port)
    for pacs, sop_class in ((older, Comprehensive3DSRStorage), (old, ComprehensiveSRStorage)):
        pacs.wait_for(lambda _, pacs=pacs: bool(held(pacs, source)), 60)  # type: ignore[misc]  # mypy infers no lambda that has a default
        ((arrived, notice),) = held(pacs, source).items()
        assert arrived == sop_class
        assert "analysis failed" in notice.SeriesDescription
    assert ended_job(node.state, source.SOPInstanceUID).state == "FAILED"


def test_a_page_reaches_who_takes_nothing_but_pages(tmp_path: Path) -> None:
    source = radiograph(602)
    with (
        Pacs(tmp_path / "pacs", sop_classes=[EncapsulatedPDFStorage]) as pacs,
        RunningNode(tmp_path / "state", [f"PACS@127.0.0.1:{pacs.port}"]) as node,
    ):
        send([source], "127.0.0.1", node.port)
        job = ended_job(node.state, source.SOPInstanceUID)
        assert set(held(pacs, source)) == {EncapsulatedPDFStorage}
        status = json.loads(run_cli("status", "--state", str(node.state), "--json").stdout)
    # The masks found nothing to stand in for them: that is a refusal, and named.
    assert job.state == "BUILT"
    assert any("does not accept SC" in refusal["reason"] for refusal in status["refusals"])
