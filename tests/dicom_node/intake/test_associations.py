"""Associations: whose are accepted, and what cannot disturb them."""

import logging
import time
from collections.abc import Callable

import pytest
from pydicom import Dataset
from pydicom.uid import DigitalXRayImageStorageForPresentation
from pynetdicom import AE
from pynetdicom.association import Association

from dicom_node.config import Caller
from dicom_node.errors import SUCCESS
from tests.dicom_node import wire
from tests.dicom_node.listening import Start
from tests.dicom_node.wire import connections

pytestmark = pytest.mark.slow


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
    node = running(association_timeout_s=600.0, drain_s=30.0)
    with connections(node.listener.port, 3):
        wait_until(lambda: node.listener.connections() == 3, within_s=20)
        started = time.monotonic()
        node.listener.stop()
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


def test_a_message_that_keeps_coming_for_longer_than_that_is_taken(
    running: Start, radiograph: Dataset
) -> None:
    node = running(network_timeout_s=1.0)
    command, (_, data) = wire.store_values(radiograph)
    with connections(node.listener.port, 1) as (one,):
        assert one.associate(radiograph.SOPClassUID).type == wire.ACCEPTED
        one.send(wire.data_pdu(*command))
        for at in range(200):
            # Never so long apart that the reading thread would look for something else.
            one.send(wire.data_pdu(0, data[100 * at : 100 * at + 100]))
            time.sleep(0.01)
        one.send(wire.data_pdu(2, data[20_000:]))
        assert one.receive().type == wire.DATA
    assert len(list(node.spool.received())) == 1


def test_what_no_state_foresees_ends_the_association_and_leaves_no_thread(
    running: Start, radiograph: Dataset
) -> None:
    """pynetdicom's thread died of it, and the other one waited for that for ever."""
    node = running(max_associations=1)
    request = wire.request_pdu("1.2.840.10008.1.1", b"CXRNODE", b"WIRE")
    for _ in range(20):
        with connections(node.listener.port, 1) as (one,):
            # Refused while it is being accepted: A-ASSOCIATE response in state 13.
            one.send(request + b"\xff" * 18)
            assert one.is_closed_by_the_node()
        wait_until(lambda: node.listener.connections() == 0, within_s=20)
    assert node.send(radiograph) == [SUCCESS]


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


def test_a_stranger_is_told_so_before_a_place_is_taken(running: Start) -> None:
    node = running(callers=(Caller(aet="PACS"),), max_associations=1)
    assert open_association(node.listener.port, calling="STRANGER").is_rejected
    assert open_association(node.listener.port, calling="PACS").is_established
