"""The log of a whole node: what belongs together is found by its id, and one line closes a job."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydicom import Dataset

from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from tests.phantoms import draw
from tests.system.waiting import ended_job, wait_until


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    with (
        Pacs(tmp_path_factory.mktemp("pacs")) as pacs,
        RunningNode(
            tmp_path_factory.mktemp("state"), [f"{pacs.aet}@{pacs.host}:{pacs.port}"]
        ) as running,
    ):
        yield running


def lines_about(node: RunningNode, source: Dataset) -> list[dict[str, Any]]:
    """Those that name the image or its study, whoever wrote them."""
    uids = (source.SOPInstanceUID, source.StudyInstanceUID)
    return [json.loads(line) for line in node.log if any(uid in line for uid in uids)]


def sent(node: RunningNode, kind: Kind, seed: int, **attributes: Any) -> tuple[Dataset, int]:
    """The image, and the id of its job, which has ended and is closed in the log."""
    source = as_dicom(draw(kind, rows=382, columns=318, seed=seed), **attributes)
    send([source], "127.0.0.1", node.port)
    job = ended_job(node.state, source.SOPInstanceUID)
    wait_until(
        lambda: any("outcome" in line for line in lines_about(node, source)), 30, "a closing line"
    )
    return source, job.id


def test_one_line_closes_a_job_and_every_line_about_it_has_its_id(node: RunningNode) -> None:
    source, job_id = sent(node, Kind.LEFT_OPACITY, 41)
    wait_until(
        lambda: sum(line["event"] == "sent" for line in lines_about(node, source)) == 2,
        30, "report and picture to be sent",
    )  # fmt: skip
    lines = lines_about(node, source)
    assert {line.get("job_id") for line in lines} == {job_id}
    (closing,) = [line for line in lines if "outcome" in line]
    assert (closing["event"], closing["outcome"]) == ("analysed", "BUILT")
    assert {"read", "decode", "reports", "pictures"} <= set(closing["durations_ms"])
    assert sum(closing["durations_ms"].values()) <= closing["total_ms"] + 1
    (received,) = [line for line in lines if line["event"] == "received"]
    assert len(received["association"]) == 8


def test_what_is_skipped_or_fails_is_closed_by_one_line_as_well(node: RunningNode) -> None:
    lateral, _ = sent(node, Kind.LATERAL, 42)
    cut_short, job_id = sent(node, Kind.HEALTHY, 43, Rows=700)
    (skipped,) = [line for line in lines_about(node, lateral) if "outcome" in line]
    (failed,) = [line for line in lines_about(node, cut_short) if "outcome" in line]
    assert (skipped["event"], skipped["outcome"]) == ("skipped", "SKIPPED")
    assert list(skipped["durations_ms"]) == ["read", "examine", "notices"]
    assert (failed["event"], failed["outcome"]) == ("failed for good", "FAILED")
    assert list(failed["durations_ms"]) == ["read", "examine", "notices"]
    assert failed["job_id"] == job_id


def test_lines_of_two_associations_are_told_apart(node: RunningNode) -> None:
    first, _ = sent(node, Kind.HEALTHY, 44)
    second, _ = sent(node, Kind.HEALTHY, 45)
    ids = [
        line["association"]
        for source in (first, second)
        for line in lines_about(node, source)
        if line["event"] == "received"
    ]
    assert len(set(ids)) == 2
