"""The sender against real Application Entities: what arrives, what is tried again, what is not."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    generate_uid,
)
from pynetdicom import AE, evt

from dicom_node.config import Destination
from dicom_node.demo.pacs import Pacs
from dicom_node.ledger import BuiltOutput, DeliveryState, JobState, Ledger, StoredInstance
from dicom_node.queueing import Queues
from dicom_node.sender import DeliveryLoop, Sender
from dicom_node.spool import Spool
from tests.marks import refused_connection

CLASSES = {
    "SEG": SegmentationStorage,
    "SR": Comprehensive3DSRStorage,
    "SC": SecondaryCaptureImageStorage,
}


@dataclass
class Bench:
    """A spool and a ledger with something to deliver."""

    folder: Path
    spool: Spool = field(init=False)
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.spool = Spool(self.folder / "spool")
        self.ledger = Ledger.open(f"sqlite:///{self.folder / 'ledger.sqlite'}")

    def build(self, *destinations: Destination) -> int:
        """A job with one output of each role, waiting for every destination; its id."""
        study = generate_uid()
        instance = StoredInstance(
            *(CLASSES["SC"], generate_uid(), study, generate_uid(), ExplicitVRLittleEndian),
            *("MODALITY", "received/x.dcm", "0" * 64, 1),
        )
        job_id = self.ledger.accept(instance, "pipeline").job_id
        assert self.ledger.claim_job(job_id, "worker", 60)
        outputs = [self._output(role, study) for role in CLASSES]
        names = [destination.name for destination in destinations]
        self.ledger.built(job_id, "worker", outputs, names)
        return job_id

    def _output(self, role: str, study: str) -> BuiltOutput:
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID, dataset.SOPInstanceUID = CLASSES[role], generate_uid()
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, generate_uid()
        buffer = BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        stored = self.spool.store_output(dataset.SOPInstanceUID, buffer.getvalue())
        return BuiltOutput(
            *(role, CLASSES[role], dataset.SOPInstanceUID, dataset.SeriesInstanceUID),
            *(ExplicitVRLittleEndian, stored.path, stored.sha256, stored.size_bytes),
        )

    def loop(self, destination: Destination) -> DeliveryLoop:
        return DeliveryLoop("CXRNODE", destination, self.spool, self.ledger, "sender")

    def states(self, job_id: int) -> list[DeliveryState]:
        return [delivery.state for delivery in self.ledger.deliveries(job_id)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.ledger.close()


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Pacs]:
    with Pacs(tmp_path / "pacs") as pacs:
        yield pacs


def at(pacs: Pacs) -> Destination:
    return Destination("pacs", pacs.aet, pacs.host, pacs.port)


def test_all_outputs_of_a_study_arrive_and_the_job_is_delivered(bench: Bench, pacs: Pacs) -> None:
    job_id = bench.build(at(pacs))
    assert bench.loop(at(pacs)).deliver_due()
    assert [arrival.sop_class_uid for arrival in pacs.stored] == list(CLASSES.values())
    assert {arrival.calling_aet for arrival in pacs.stored} == {"CXRNODE"}
    job = bench.ledger.job(job_id)
    assert job is not None
    assert job.state is JobState.DELIVERED
    assert not bench.loop(at(pacs)).deliver_due()


def test_one_association_proposes_just_what_is_sent(bench: Bench) -> None:
    proposals: list[set[tuple[str, str]]] = []

    def remember(event: evt.Event) -> None:
        contexts = event.assoc.requestor.primitive.presentation_context_definition_list
        proposals.append({(cx.abstract_syntax, *cx.transfer_syntax) for cx in contexts})

    ae = AE(ae_title="PACS")
    for sop_class in CLASSES.values():
        ae.add_supported_context(sop_class)
    handlers = [(evt.EVT_REQUESTED, remember), (evt.EVT_C_STORE, lambda _: 0)]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    try:
        destination = Destination("pacs", "PACS", "127.0.0.1", server.server_address[1])
        bench.build(destination)
        bench.loop(destination).deliver_due()
    finally:
        ae.shutdown()
    assert proposals == [{(uid, ExplicitVRLittleEndian) for uid in CLASSES.values()}]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (0x0000, DeliveryState.DELIVERED),
        (0xB000, DeliveryState.DELIVERED),
        (0x0111, DeliveryState.DELIVERED),
        (0xA700, DeliveryState.WAITING),
        (0xA7FF, DeliveryState.WAITING),
        (0x0110, DeliveryState.WAITING),
        (0x0124, DeliveryState.WAITING),
        (0xA900, DeliveryState.REFUSED),
        (0xC123, DeliveryState.REFUSED),
        (0x0122, DeliveryState.REFUSED),
    ],
)
def test_a_status_decides_and_is_recorded(
    bench: Bench, pacs: Pacs, status: int, state: DeliveryState
) -> None:
    pacs.answer = lambda _: status
    job_id = bench.build(at(pacs))
    bench.loop(at(pacs)).deliver_due()
    deliveries = bench.ledger.deliveries(job_id)
    assert [delivery.state for delivery in deliveries] == [state] * 3
    assert {delivery.dimse_status for delivery in deliveries} == {status}
    assert all(f"{status:#06x}" in (d.reason or "") for d in deliveries) == (
        state is not DeliveryState.DELIVERED
    )


def test_a_class_the_destination_does_not_take_is_refused_and_the_rest_arrive(bench: Bench) -> None:
    ae = AE(ae_title="OLD")
    ae.add_supported_context(SecondaryCaptureImageStorage)
    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, lambda _: 0)]
    )
    try:
        destination = Destination("old", "OLD", "127.0.0.1", server.server_address[1])
        job_id = bench.build(destination)
        bench.loop(destination).deliver_due()
    finally:
        ae.shutdown()
    assert bench.states(job_id) == [
        DeliveryState.REFUSED, DeliveryState.REFUSED, DeliveryState.DELIVERED
    ]  # fmt: skip
    job = bench.ledger.job(job_id)
    assert job is not None
    assert "does not accept SEG" in (job.reason or "")


def wait_until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@refused_connection
def test_an_outage_ends_with_everything_delivered_once(bench: Bench, pacs: Pacs) -> None:
    pacs.stop()
    job_ids = [bench.build(at(pacs)) for _ in range(3)]
    loop, stop = bench.loop(at(pacs)), threading.Event()
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: any(d.reason for d in bench.ledger.deliveries(job_ids[0])))
        assert bench.states(job_ids[0]) == [DeliveryState.WAITING] * 3
        pacs.start()
        arrivals = pacs.wait_for(lambda stored: len(stored) >= 9)
        wait_until(lambda: bench.states(job_ids[2]) == [DeliveryState.DELIVERED] * 3)
    finally:
        stop.set()
        loop.ring()
        thread.join()
    assert len({arrival.sop_instance_uid for arrival in arrivals}) == len(pacs.stored) == 9


@refused_connection
def test_a_dead_destination_does_not_hold_up_another(
    bench: Bench, pacs: Pacs, tmp_path: Path
) -> None:
    dead = Destination("dead", "NOBODY", "127.0.0.1", 1)
    job_id = bench.build(dead, at(pacs))
    queues = Queues("filesystem://", tmp_path / "queue", prefetch=1)
    sender = Sender("CXRNODE", [dead, at(pacs)], bench.spool, bench.ledger, queues, "sender")
    stop = threading.Event()
    thread = threading.Thread(target=sender.run, args=(stop,))
    thread.start()
    try:
        pacs.wait_for(lambda stored: len(stored) == 3)
    finally:
        stop.set()
        thread.join()
        queues.close()
    waiting = {d.destination for d in bench.ledger.deliveries(job_id) if d.state == "WAITING"}
    assert waiting == {"dead"}
