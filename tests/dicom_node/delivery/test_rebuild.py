"""Damaged outputs with a real worker: what can be built again is, and nothing is sent twice."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import dcmread

from dicom_node.config.profiles import STANDARD
from dicom_node.delivery.dicom import DicomCarrier
from dicom_node.delivery.loop import DeliveryLoop
from dicom_node.delivery.sending import Sending
from dicom_node.demo.pacs import Pacs
from dicom_node.ledger import Job, JobState, Progress
from inference.engines import Engine
from tests.dicom_node.bench import Bench
from tests.dicom_node.delivery.bench import arrived, at
from tests.dicom_node.delivery.damage import flip_a_bit, make_a_folder, remove, truncate
from tests.dicom_node.hearts import heart
from tests.dicom_node.ledger.records import progress
from tests.dicom_node.radiographs import file_bytes, radiograph, unreadable

pytestmark = pytest.mark.slow


@pytest.fixture
def node(tmp_path: Path, engine: Engine) -> Iterator[Bench]:
    node = Bench(tmp_path, engine)
    with closing(node.ledger), closing(node.queues):
        yield node


def deliver(node: Bench, pacs: Pacs) -> None:
    """All that becomes due within an hour."""
    node.clock.ahead += timedelta(hours=1)
    sending = Sending("pacs", DicomCarrier(at(pacs), "CXRNODE", node.spool), node.spool)
    loop = DeliveryLoop(at(pacs), sending, node.ledger, heart(node.ledger, "sender"))
    while loop.deliver_due():
        pass


def job_of(node: Bench, job_id: int) -> Job:
    job = node.ledger.jobs.get(job_id)
    assert job is not None
    return job


def files(node: Bench, job_id: int) -> dict[str, Path]:
    """Of each output."""
    return {d.role: node.spool.resolve(d.path) for d in node.ledger.deliveries.of_job(job_id)}


@pytest.mark.parametrize("damage", [remove, truncate, flip_a_bit, make_a_folder])
def test_damaged_outputs_are_built_again_and_arrive_once(
    node: Bench, pacs: Pacs, damage: Callable[[Path], None]
) -> None:
    job_id = node.accept(file_bytes(radiograph()))
    node.work(job_id, STANDARD)
    uids = {dcmread(file).SOPInstanceUID for file in files(node, job_id).values()}
    bytes_built = {role: file.read_bytes() for role, file in files(node, job_id).items()}
    for role in ("SEG", "SC"):
        damage(files(node, job_id)[role])
    deliver(node, pacs)
    assert arrived(pacs) == ["SR"]
    node.work(job_id, STANDARD)
    deliver(node, pacs)
    assert arrived(pacs) == ["SR", "SEG", "SC"]
    assert {arrival.sop_instance_uid for arrival in pacs.stored} <= uids
    assert {role: file.read_bytes() for role, file in files(node, job_id).items()} == bytes_built
    assert progress(node.ledger, job_id) is Progress.DELIVERED


def test_where_the_received_file_is_lost_too_the_job_says_what_to_do(
    node: Bench, pacs: Pacs
) -> None:
    content = file_bytes(radiograph())
    job_id = node.accept(content)
    node.work(job_id, STANDARD)
    remove(files(node, job_id)["SEG"])
    flip_a_bit(node.spool.resolve(job_of(node, job_id).path))
    deliver(node, pacs)
    job = node.work(job_id, STANDARD)
    assert job.state is JobState.FAILED
    assert job.reason is not None
    assert job.reason.endswith("(its SHA-256 differs); send the image again")
    states = node.states(job_id)
    assert (states["SEG"], states["SR"], states["SC"]) == ("DEAD", "DELIVERED", "DELIVERED")
    # Sent again, it is analysed again: the copy in the spool is whole, and the SEG can be built.
    node.accept(content)
    assert node.work(job_id, STANDARD).state is JobState.BUILT
    deliver(node, pacs)
    assert arrived(pacs) == ["SR", "SC", "SEG"]
    assert progress(node.ledger, job_id) is Progress.DELIVERED


@pytest.mark.parametrize("damage", [remove, truncate, flip_a_bit, make_a_folder])
def test_a_received_file_that_is_damaged_fails_the_job_at_once_with_the_reason(
    node: Bench, damage: Callable[[Path], None]
) -> None:
    job_id = node.accept(file_bytes(radiograph()))
    damage(node.spool.resolve(job_of(node, job_id).path))
    job = node.work(job_id, STANDARD)
    assert (job.state, job.attempts) == (JobState.FAILED, 1)
    assert job.reason is not None
    assert job.reason.endswith("; send the image again")
    assert [failure.reason for failure in node.ledger.reports.summary().failures] == [job.reason]


def test_a_spool_that_is_away_fails_no_job(node: Bench) -> None:
    job_id = node.accept(file_bytes(radiograph()))
    spool = node.folder / "spool"
    spool.rename(node.folder / "away")
    assert node.work(job_id, STANDARD).state is JobState.RECEIVED
    (node.folder / "away").rename(spool)
    node.clock.ahead += timedelta(hours=1)
    assert node.work(job_id, STANDARD).state is JobState.BUILT


def test_a_damaged_report_of_failure_is_written_again(node: Bench, pacs: Pacs) -> None:
    job_id = node.accept(unreadable())
    failed = node.work(job_id, STANDARD)
    assert failed.state is JobState.FAILED
    flip_a_bit(files(node, job_id)["SR"])
    deliver(node, pacs)
    assert job_of(node, job_id).state is JobState.RECEIVED
    again = node.work(job_id, STANDARD)
    deliver(node, pacs)
    assert (again.state, again.reason) == (JobState.FAILED, failed.reason)
    assert arrived(pacs) == ["SR"]
