"""The listener, met by real Application Entities: what it answers and what it then has."""

import copy
import hashlib
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    RLELossless,
    generate_uid,
)
from pynetdicom import AE

from dicom_node.config import Caller, parse
from dicom_node.demo.modality import echo, send
from dicom_node.demo.phantom import Kind as PhantomKind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import (
    CANNOT_UNDERSTAND,
    DATA_SET_DOES_NOT_MATCH,
    OUT_OF_RESOURCES,
    SUCCESS,
    ClassMismatch,
)
from dicom_node.intake.listener import Listener
from dicom_node.ledger import JobState, Ledger
from dicom_node.queueing import Kind, Queues
from dicom_node.spool import Spool
from tests.dicom_node.listening import INSTALLATION, PIPELINE, Start
from tests.dicom_node.radiographs import file_bytes
from tests.phantoms import draw

pytestmark = pytest.mark.slow


def test_an_echo_is_answered(running: Start) -> None:
    assert echo("127.0.0.1", running().listener.port)


def test_success_means_spooled_committed_and_published(running: Start, radiograph: Dataset) -> None:
    node = running()
    assert node.send(radiograph) == [SUCCESS]
    (job,) = node.ledger.jobs.of_instance(radiograph.SOPInstanceUID)
    assert (job.state, job.pipeline, job.calling_aet) == (JobState.RECEIVED, PIPELINE, "MODALITY")
    assert job.study_instance_uid == radiograph.StudyInstanceUID
    assert hashlib.sha256(node.spool.read(job.path)).hexdigest() == job.sha256
    assert node.queues.depth(Kind.JOB, PIPELINE) == 1


@pytest.mark.parametrize(
    "transfer_syntax",
    [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, RLELossless,
     JPEG2000Lossless],
)  # fmt: skip
def test_the_bytes_are_kept_exactly_as_they_came(
    running: Start, tmp_path: Path, transfer_syntax: str
) -> None:
    node = running()
    phantom = draw(PhantomKind.HEALTHY, rows=256, columns=208, seed=2)
    dataset = as_dicom(phantom, transfer_syntax=transfer_syntax)
    path = tmp_path / "sent.dcm"
    dataset.save_as(path, enforce_file_format=True)
    assert node.send(path) == [SUCCESS]
    (job,) = node.ledger.jobs.of_instance(dataset.SOPInstanceUID)
    assert job.transfer_syntax_uid == transfer_syntax
    assert data_set_bytes(node.spool.read(job.path)) == data_set_bytes(path.read_bytes())


def data_set_bytes(content: bytes) -> bytes:
    """What follows the file meta group: the sender's own bytes."""
    length = dcmread(BytesIO(content), stop_before_pixels=True).file_meta
    return content[144 + length.FileMetaInformationGroupLength :]


def test_a_duplicate_is_the_same_job_and_answers_success(
    running: Start, radiograph: Dataset
) -> None:
    node = running()
    assert node.send(radiograph, radiograph) == [SUCCESS, SUCCESS]
    assert node.send(radiograph) == [SUCCESS]
    assert len(node.ledger.jobs.of_instance(radiograph.SOPInstanceUID)) == 1
    assert node.queues.depth(Kind.JOB, PIPELINE) == 1


def test_the_same_uid_with_other_bytes_keeps_both_files_and_the_newest_are_the_jobs(
    running: Start, radiograph: Dataset
) -> None:
    node = running()
    node.send(radiograph)
    (first,) = node.ledger.jobs.of_instance(radiograph.SOPInstanceUID)
    other = copy.deepcopy(radiograph)
    other.StudyDescription = "corrected later"
    assert node.send(other) == [SUCCESS]
    (job,) = node.ledger.jobs.of_instance(radiograph.SOPInstanceUID)
    assert job.id == first.id
    assert job.sha256 != first.sha256
    assert hashlib.sha256(node.spool.read(job.path)).hexdigest() == job.sha256
    received = list((node.spool_folder / "received").rglob("*.dcm"))
    assert len(received) == 2


def test_a_data_set_of_another_instance_is_refused_and_quarantined(
    running: Start, radiograph: Dataset
) -> None:
    node = running()
    other = generate_uid()
    with pytest.raises(ClassMismatch, match="request says") as caught:
        node.listener.receive(file_bytes(radiograph), radiograph.SOPClassUID, other, "MODALITY")
    assert caught.value.dimse_status == DATA_SET_DOES_NOT_MATCH
    assert node.ledger.jobs.of_instance(other) == []
    assert len(list((node.spool_folder / "quarantine").rglob("*.txt"))) == 1


@pytest.mark.parametrize("missing", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_a_data_set_the_ledger_cannot_index_is_answered_and_the_node_goes_on(
    running: Start, radiograph: Dataset, missing: str
) -> None:
    node = running()
    poor = copy.deepcopy(radiograph)
    delattr(poor, missing)
    assert node.send(poor) == [CANNOT_UNDERSTAND]
    assert node.send(radiograph) == [SUCCESS]


def test_garbage_and_an_empty_data_set_are_answered_and_the_node_goes_on(
    running: Start, radiograph: Dataset, tmp_path: Path
) -> None:
    node = running()
    whole = file_bytes(radiograph)
    start = len(whole) - len(data_set_bytes(whole))
    garbage, empty, truncated = (tmp_path / name for name in ("garbage", "empty", "truncated"))
    garbage.write_bytes(whole[:start] + b"\xde\xad\xbe\xef" * 100)
    empty.write_bytes(whole[:start])
    truncated.write_bytes(whole[: len(whole) - 5000])
    assert node.send(garbage)[0] not in (SUCCESS,)
    assert node.send(empty)[0] not in (SUCCESS,)
    # Cut within its pixels it can still be indexed: it is kept, and the worker says what is wrong.
    assert node.send(truncated) == [SUCCESS]


def test_a_disk_that_takes_nothing_answers_out_of_resources(
    running: Start, radiograph: Dataset
) -> None:
    node = running()
    received = node.spool_folder / "received"
    # A file where the folder should be: root ignores permissions, so they cannot be the obstacle.
    received.write_bytes(b"")
    assert node.send(radiograph) == [OUT_OF_RESOURCES]
    assert node.ledger.jobs.of_instance(radiograph.SOPInstanceUID) == []
    received.unlink()
    assert node.send(radiograph) == [SUCCESS]


def test_a_dead_broker_does_not_keep_the_listener_from_answering(
    tmp_path: Path, radiograph: Dataset
) -> None:
    config = parse({"node": {"state": tmp_path, "port": 0}})
    spool, ledger = Spool(config.spool_folder), Ledger.open(config.ledger_url)
    queues = Queues("amqp://guest:guest@127.0.0.1:1//", None, prefetch=1)
    listener = Listener(config.node, (), spool, ledger, queues, INSTALLATION)
    listener.start()
    try:
        sent = send([radiograph], "127.0.0.1", listener.port)
        assert [one.status for one in sent] == [SUCCESS]
        assert ledger.jobs.count_waiting() == {PIPELINE: 1}
    finally:
        listener.stop()
        queues.close()
        ledger.close()


def test_only_callers_on_the_allow_list_are_let_in(running: Start, radiograph: Dataset) -> None:
    node = running(callers=(Caller(aet="PACS"), Caller(aet="ELSEWHERE", host="192.0.2.1")))
    assert node.send(radiograph, calling_aet="PACS") == [SUCCESS]
    for stranger in ("STRANGER", "ELSEWHERE"):
        ae = AE(ae_title=stranger)
        ae.add_requested_context(DigitalXRayImageStorageForPresentation)
        association = ae.associate("127.0.0.1", node.listener.port)
        assert association.is_rejected
        assert not association.is_established


@pytest.mark.parametrize(
    "proposed",
    [[JPEGLosslessSV1, ExplicitVRLittleEndian], [ExplicitVRLittleEndian, JPEGLosslessSV1]],
)
def test_the_senders_first_transfer_syntax_is_chosen(running: Start, proposed: list[str]) -> None:
    ae = AE()
    ae.add_requested_context(DigitalXRayImageStorageForPresentation, proposed)
    association = ae.associate("127.0.0.1", running().listener.port)
    (context,) = association.accepted_contexts
    association.release()
    assert context.transfer_syntax == proposed[:1]
