"""Associations: whose are accepted, what they may bring, and what cannot disturb them."""

import copy
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec

import pytest
from pydicom import Dataset
from pydicom.uid import (
    MPEG2MPML,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEGExtended12Bit,
    VideoPhotographicImageStorage,
    generate_uid,
)
from pynetdicom import AE
from pynetdicom.association import Association

from dicom_node.config import Caller
from dicom_node.demo.phantom import Kind as PhantomKind
from dicom_node.demo.phantom import draw
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.dimse import storage_classes
from dicom_node.errors import INVALID_SOP_INSTANCE, OUT_OF_RESOURCES, SUCCESS
from dicom_node.ledger import JobState
from dicom_node.queueing import Kind
from tests.dicom_node import wire
from tests.dicom_node.listening import PIPELINE, Running
from tests.dicom_node.wire import Wire
from tests.sr_writer import examples
from tests.sr_writer.examples import ROLES
from tests.sr_writer.reading import read

Start = Callable[..., Running]

#: What else comes to a TCP port: a browser's or a monitor's request, the begin of a TLS handshake,
#: a remote desktop's, an A-ASSOCIATE-RQ that ends after its header.
NOISE = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: node\r\n\r\n",
    "TLS": bytes.fromhex("16030100a5010000a10303") + bytes(range(160)),
    "RDP": bytes.fromhex("0300001302e00000000000010008000300000000"),
    "half a request": bytes.fromhex("01000000ffff0001"),
    "a request of 4 GB": bytes.fromhex("0100ffffffff0001"),
    "a lone byte": b"\1",
    "P-DATA first": bytes.fromhex("04000000000c000000080103000000000400"),
}


@pytest.fixture(scope="module")
def radiograph() -> Dataset:
    return as_dicom(draw(PhantomKind.HEALTHY, rows=256, columns=208, seed=1))


def another(dataset: Dataset, **attributes: object) -> Dataset:
    """A copy that no node has seen."""
    fresh = copy.deepcopy(dataset)
    fresh.SOPInstanceUID = fresh.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    for keyword, value in attributes.items():
        setattr(fresh, keyword, value)
    fresh.file_meta.MediaStorageSOPClassUID = fresh.SOPClassUID
    return fresh


@contextmanager
def connections(port: int, count: int) -> Iterator[list[Wire]]:
    wires = [Wire(port) for _ in range(count)]
    try:
        yield wires
    finally:
        for one in wires:
            one.close()


def open_association(port: int, called: str = "CXRNODE", calling: str = "WIRE") -> Association:
    ae = AE(ae_title=calling)
    ae.add_requested_context(DigitalXRayImageStorageForPresentation)
    return ae.associate("127.0.0.1", port, ae_title=called)


def wait_until(condition: Callable[[], bool], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


# --- connections that are no associations ---


def test_silent_connections_keep_no_sender_out_and_are_closed(
    running: Start, radiograph: Dataset
) -> None:
    node = running(max_associations=2, association_timeout_s=1.0)
    with connections(node.listener.port, 25) as wires:
        assert node.send(radiograph) == [SUCCESS]
        assert all(one.is_closed_by_the_node() for one in wires)


def test_connections_that_close_leave_at_once(running: Start, radiograph: Dataset) -> None:
    node = running(max_associations=1, association_timeout_s=600.0)
    with connections(node.listener.port, 25):
        wait_until(lambda: node.listener.connections() == 25, within_s=20)
    wait_until(lambda: node.listener.connections() == 0, within_s=20)
    assert node.send(radiograph) == [SUCCESS]


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE.keys())
def test_what_is_no_dicom_keeps_no_sender_out_and_is_closed(
    running: Start, radiograph: Dataset, noise: bytes
) -> None:
    node = running(max_associations=1, association_timeout_s=1.0)
    with connections(node.listener.port, 5) as wires:
        for one in wires:
            one.send(noise)
        assert node.send(radiograph) == [SUCCESS]
        assert all(one.is_closed_by_the_node() for one in wires)
    wait_until(lambda: node.listener.connections() == 0, within_s=20)


def test_a_silent_connection_does_not_hold_up_a_stop(running: Start) -> None:
    node = running(association_timeout_s=600.0)
    with connections(node.listener.port, 3):
        wait_until(lambda: node.listener.connections() == 3, within_s=20)
        started = time.monotonic()
        node.listener.stop(within_s=30.0)
        assert time.monotonic() - started < 10


# --- how many, how long ---


def test_one_association_too_many_is_rejected_and_a_place_is_free_when_one_ends(
    running: Start, radiograph: Dataset
) -> None:
    node = running(max_associations=1)
    first = open_association(node.listener.port)
    assert first.is_established
    with connections(node.listener.port, 1) as (second,):
        rejected = second.associate(DigitalXRayImageStorageForPresentation)
        # Transient, by the provider, local limit exceeded: PS3.8 table 9-21.
        assert (rejected.type, rejected.content) == (wire.REJECTED, bytes([0, 2, 3, 2]))
    first.release()
    assert node.send(radiograph) == [SUCCESS]


def test_an_association_whose_connection_breaks_gives_its_place_back(
    running: Start, radiograph: Dataset
) -> None:
    node = running(max_associations=1)
    with connections(node.listener.port, 1) as (first,):
        assert first.associate(DigitalXRayImageStorageForPresentation).type == wire.ACCEPTED
    wait_until(lambda: node.listener.connections() == 0, within_s=20)
    assert node.send(radiograph) == [SUCCESS]


def test_an_association_on_which_nothing_comes_is_aborted_in_the_time_configured(
    running: Start,
) -> None:
    node = running(network_timeout_s=1.0)
    with connections(node.listener.port, 1) as (idle,):
        assert idle.associate(DigitalXRayImageStorageForPresentation).type == wire.ACCEPTED
        assert idle.receive().type == wire.ABORTED


def test_an_association_that_stops_within_a_message_is_ended_in_the_time_configured(
    running: Start,
) -> None:
    node = running(network_timeout_s=1.0)
    with connections(node.listener.port, 1) as (idle,):
        assert idle.associate(DigitalXRayImageStorageForPresentation).type == wire.ACCEPTED
        idle.send(bytes.fromhex("040000010000"))
        assert idle.is_closed_by_the_node()


# --- titles ---


@pytest.mark.parametrize(
    ("called", "calling"),
    [
        (b"CXRNODE\0\0\0", b"PACS\0\0\0\0"),
        (b"  CXRNODE", b"  PACS"),
        (b"CXRNODE".ljust(16, b"\0"), b"PACS".ljust(16, b"\0")),
        (b"CXRNODE\0stale", b"PACS\r\n"),
    ],
)
def test_a_title_padded_with_anything_is_read_as_it_was_meant(
    running: Start, caplog: pytest.LogCaptureFixture, called: bytes, calling: bytes
) -> None:
    node = running(callers=(Caller(aet="PACS"),))
    with connections(node.listener.port, 1) as (one,):
        answer = one.associate(DigitalXRayImageStorageForPresentation, called, calling)
        assert answer.type == wire.ACCEPTED
        assert one.release().type == wire.RELEASED
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("calling", [b"", bytes(16), b"\xff\xfe", b"\\"])
@pytest.mark.parametrize("callers", [(), (Caller(aet="PACS"),)])
def test_a_blank_calling_title_gets_an_answer(
    running: Start,
    caplog: pytest.LogCaptureFixture,
    calling: bytes,
    callers: tuple[Caller, ...],
) -> None:
    node = running(callers=callers)
    with connections(node.listener.port, 1) as (one,):
        answer = one.associate(DigitalXRayImageStorageForPresentation, calling=calling)
    assert answer.type == (wire.REJECTED if callers else wire.ACCEPTED)
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("called", [b"OTHER", b"", bytes(16), b"cxrnode", b"CXRNODE2"])
def test_a_wrong_called_title_is_rejected_and_the_log_says_who_was_called(
    running: Start, caplog: pytest.LogCaptureFixture, called: bytes
) -> None:
    caplog.set_level(logging.INFO)
    node = running()
    with connections(node.listener.port, 1) as (one,):
        answer = one.associate(DigitalXRayImageStorageForPresentation, called)
        # Permanent, by the user, called AE title not recognised: PS3.8 table 9-21.
        assert (answer.type, answer.content) == (wire.REJECTED, bytes([0, 1, 1, 7]))
    (record,) = [record for record in caplog.records if "rejected" in record.getMessage()]
    assert "this node is CXRNODE" in record.getMessage()
    assert vars(record)["called"] == (called.strip(b"\0").decode() or "(BLANK)")


def test_other_called_titles_are_taken_where_the_configuration_says_so(running: Start) -> None:
    assert open_association(running().listener.port, "ANY-SCP").is_established
    node = running(also_called=("OLDNODE",))
    assert open_association(node.listener.port, "OLDNODE").is_established
    assert open_association(node.listener.port, "CXRNODE").is_established
    assert open_association(node.listener.port, "ANY-SCP").is_rejected
    assert open_association(running(also_called=("*",)).listener.port, "WHOEVER").is_established


# --- what may be sent ---


def proposals() -> Iterator[list[str]]:
    classes = sorted(storage_classes())
    for start in range(0, len(classes), 128):
        yield classes[start : start + 128]


def test_every_storage_class_of_the_standard_is_accepted(running: Start) -> None:
    port = running().listener.port
    assert "1.2.840.10008.5.1.4.1.1.6" in storage_classes()  # Ultrasound, retired
    assert len(storage_classes()) > 180
    for classes in proposals():
        ae = AE()
        for sop_class in classes:
            ae.add_requested_context(sop_class)
        association = ae.associate("127.0.0.1", port)
        accepted = {context.abstract_syntax for context in association.accepted_contexts}
        association.release()
        assert accepted == set(classes)


@pytest.mark.parametrize(
    "sop_class", [CTImageStorage, "1.2.840.10008.5.1.4.1.1.6", "1.2.840.10008.5.1.4.1.1.104.1"]
)
def test_what_is_not_analysed_is_kept_and_skipped_with_its_reason_and_costs_no_worker(
    running: Start, radiograph: Dataset, sop_class: str
) -> None:
    node = running()
    other = another(radiograph, SOPClassUID=sop_class)
    assert node.send(other, radiograph) == [SUCCESS, SUCCESS]
    (job,) = node.ledger.jobs.of_instance(other.SOPInstanceUID)
    assert (job.state, job.sop_class_uid) == (JobState.SKIPPED, sop_class)
    assert job.reason is not None
    assert job.reason.startswith("SOP Class is not CR, DX or Secondary Capture (SOP Class ")
    assert node.spool.read(job.path)
    assert [entry.event for entry in node.ledger.reports.events(job.id)][
        -1
    ] == "passed over as it came"
    assert node.queues.depth(Kind.JOB, PIPELINE) == 1
    assert node.send(other) == [SUCCESS]


def accepted(port: int, sop_class: str, syntaxes: Sequence[str]) -> str | None:
    ae = AE()
    ae.add_requested_context(sop_class, list(syntaxes))
    association = ae.associate("127.0.0.1", port)
    contexts = association.accepted_contexts
    association.release()
    return str(contexts[0].transfer_syntax[0]) if contexts else None


def test_only_what_this_installation_decodes_is_accepted_of_what_is_analysed(
    running: Start,
) -> None:
    port = running().listener.port
    dx = DigitalXRayImageStorageForPresentation
    both = [JPEGExtended12Bit, ExplicitVRLittleEndian]
    has_decoder = find_spec("libjpeg") is not None
    assert accepted(port, dx, both) == both[0 if has_decoder else 1]
    assert accepted(port, dx, both[:1]) == (both[0] if has_decoder else None)
    assert accepted(port, CTImageStorage, both) == JPEGExtended12Bit
    assert accepted(port, VideoPhotographicImageStorage, [MPEG2MPML]) == MPEG2MPML


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"1.2." + b"3" * 61, "has 65 characters, 64 are allowed"),
        (b"1.2." + b"3" * 400, "has 404 characters, 64 are allowed"),
        (b"1.2.abc", "is no UID: '1.2.abc'"),
        (b"1.2.\xe4", "is no UID: '1.2.?'"),
        (b"1.2\\3.4", "is no UID: "),
        (b"1..2", "is no UID: '1..2'"),
        (b"", "is empty"),
        (b"\0\0", "is empty"),
    ],
)
def test_a_bad_uid_costs_its_one_instance(
    running: Start, radiograph: Dataset, said: bytes, why: str
) -> None:
    node = running()
    good = another(radiograph)
    with connections(node.listener.port, 1) as (one,):
        assert one.associate(radiograph.SOPClassUID).type == wire.ACCEPTED
        answer = one.store(radiograph, said)
        assert wire.status_of(answer) == INVALID_SOP_INSTANCE
        assert answer[0x0902].decode().startswith(f"SOP Instance UID {why}")
        stored = one.store(good, good.SOPInstanceUID.encode())
        assert wire.status_of(stored) == SUCCESS
        assert one.release().type == wire.RELEASED
    assert node.ledger.jobs.of_instance(good.SOPInstanceUID)
    assert sum(node.ledger.reports.summary().counts.values()) == 1
    assert len(list((node.spool_folder / "quarantine").rglob("*.txt"))) == 1


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, where the test sets it
def test_a_uid_with_leading_zeros_is_taken(running: Start, radiograph: Dataset) -> None:
    node = running()
    with connections(node.listener.port, 1) as (one,):
        one.associate(radiograph.SOPClassUID)
        dataset = another(radiograph)
        dataset.SOPInstanceUID = "1.2.826.0.1.007.01"
        assert wire.status_of(one.store(dataset, b"1.2.826.0.1.007.01")) == SUCCESS


def test_an_instance_beyond_the_limit_is_refused_and_the_next_is_taken(
    running: Start, radiograph: Dataset
) -> None:
    node = running(max_instance_mb=1)
    large = as_dicom(draw(PhantomKind.HEALTHY, rows=1024, columns=1024, seed=1))
    assert len(large.PixelData) == 2 * 1024 * 1024
    assert node.send(large, radiograph) == [OUT_OF_RESOURCES, SUCCESS]
    assert node.ledger.jobs.of_instance(large.SOPInstanceUID) == []


# --- our own results, routed back ---


def test_our_own_results_are_answered_success_and_dropped_and_logged_once(
    running: Start, caplog: pytest.LogCaptureFixture, radiograph: Dataset
) -> None:
    caplog.set_level(logging.INFO)
    node = running()
    outputs = examples.write(examples.findings(), examples.header(), ROLES)
    results = [read(output) for output in outputs.values()]
    assert len(results) == len(ROLES)
    assert {result.SOPClassUID for result in results} <= storage_classes()
    assert node.send(*results) == [SUCCESS] * len(ROLES)
    assert node.send(*results) == [SUCCESS] * len(ROLES)
    assert sum(node.ledger.reports.summary().counts.values()) == 0
    assert list((node.spool_folder / "received").rglob("*.dcm")) == []
    said = [one for one in caplog.records if "our own result came back" in one.getMessage()]
    assert len(said) == 1
    assert "CXR node project" in said[0].getMessage()
    assert node.send(radiograph) == [SUCCESS]
    assert node.ledger.jobs.of_instance(radiograph.SOPInstanceUID)


def test_a_stranger_is_told_so_before_a_place_is_taken(running: Start) -> None:
    node = running(callers=(Caller(aet="PACS"),), max_associations=1)
    assert open_association(node.listener.port, calling="STRANGER").is_rejected
    assert open_association(node.listener.port, calling="PACS").is_established
