"""Associations that ask for too much: what is bounded, and that the next sender is served."""

import logging
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import DigitalXRayImageStorageForPresentation
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification

from dicom_node.errors import SUCCESS
from dicom_node.intake.refusals import refusals_in
from dicom_node.network import messages, request
from tests.dicom_node import wire
from tests.dicom_node.listening import Start
from tests.dicom_node.wire import connections, data_pdu, explicit, nested, report_pdus
from tests.system.waiting import wait_until

pytestmark = pytest.mark.slow


def item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(content)) + content


def with_items(items: bytes) -> bytes:
    """A good A-ASSOCIATE-RQ with these behind it."""
    content = wire.request_pdu(Verification, b"CXRNODE", b"WIRE")[6:] + items
    return struct.pack(">BBL", 0x01, 0, len(content)) + content


def context(number: int, content: bytes) -> bytes:
    return item(0x20, bytes([number, 0, 0, 0]) + content)


SYNTAX = item(0x40, b"1.2.840.10008.1.2")
PAIR = item(0x30, b"1.2.840.10008.1.1") + SYNTAX
ROLE = item(0x54, struct.pack(">H", 3) + b"1.2" + b"\1\1")

EXCESSIVE = {
    "contexts": context(3, PAIR) * request.MOST_CONTEXTS,
    "transfer syntaxes": context(3, PAIR + SYNTAX * 2000) * 3,
    "roles": item(0x50, ROLE * 600),
    "no abstract syntax": context(3, SYNTAX),
    "no transfer syntax": context(3, item(0x30, b"1.2.840.10008.1.1")),
    "nothing in a context": context(3, b"") * 30_000,
}


@pytest.mark.parametrize("items", EXCESSIVE.values(), ids=EXCESSIVE.keys())
def test_a_request_beyond_bounds_is_aborted_before_it_is_read_and_counted(
    tmp_path: Path, running: Start, caplog: pytest.LogCaptureFixture, items: bytes
) -> None:
    node = running()
    with connections(node.listener.port, 1) as (one,):
        one.send(with_items(items))
        assert one.receive().type == wire.ABORTED
    node.listener.stop()
    (refused,) = refusals_in(tmp_path)
    assert refused.host == "127.0.0.1"
    assert not [record for record in caplog.records if record.exc_info]


def test_a_request_within_bounds_is_accepted(running: Start) -> None:
    items = b"".join(context(2 * number + 1, PAIR) for number in range(1, request.MOST_CONTEXTS))
    with connections(running().listener.port, 1) as (one,):
        one.send(with_items(items))
        assert one.receive().type == wire.ACCEPTED


@pytest.mark.parametrize("control", [0x01, 0x00], ids=["command", "data"])
def test_a_command_or_a_report_without_an_end_is_aborted(
    running: Start, caplog: pytest.LogCaptureFixture, radiograph: Dataset, control: int
) -> None:
    caplog.set_level(logging.INFO)
    node = running(max_associations=1)
    with connections(node.listener.port, 1) as (one,):
        assert one.associate(Verification).type == wire.ACCEPTED
        with suppress(ConnectionError):
            for _ in range(1 + messages.LONGEST_REPORT // 1000):
                one.send(data_pdu(control, bytes(1000)))
        assert one.is_closed_by_the_node()
    wait_until(lambda: "aborted before" in caplog.records[-1].getMessage(), 20, "the log")
    assert "is longer than" in vars(caplog.records[-1])["reason"]
    assert node.send(radiograph) == [SUCCESS]


def test_thousands_of_reports_are_served_one_after_another(
    running: Start, radiograph: Dataset
) -> None:
    node = running()
    report = Dataset()
    report.TransactionUID = "1.2.3"
    count = 300
    with connections(node.listener.port, 1) as (one,):
        assert one.associate(StorageCommitmentPushModel).type == wire.ACCEPTED
        before = threading.active_count()
        sender = threading.Thread(target=one.send, args=(report_pdus(explicit(report)) * count,))
        sender.start()
        most = 0
        for _ in range(count):
            answer = one.receive()
            assert wire.status_of(wire.elements(answer.content[6:])) == 0x0115
            most = max(most, threading.active_count())
        sender.join()
    assert most <= before + 1  # the test's own
    assert node.send(radiograph) == [SUCCESS]


def test_a_report_that_cannot_be_read_is_answered_and_nothing_of_it_is_logged(
    running: Start, caplog: pytest.LogCaptureFixture
) -> None:
    node = running()
    with connections(node.listener.port, 1) as (one,):
        assert one.associate(StorageCommitmentPushModel).type == wire.ACCEPTED
        one.send(report_pdus(nested(2000)))
        answer = one.receive()
        assert wire.status_of(wire.elements(answer.content[6:])) == 0x0110
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    "garbage",
    [b"\xff" * 6, b"\x04\x00\x00\x10\x00\x00", bytes.fromhex("010000000004") + bytes(4)],
    ids=["no PDU", "half a PDU", "another request"],
)
def test_what_comes_after_an_abort_keeps_no_socket_open(running: Start, garbage: bytes) -> None:
    """pynetdicom reads on for as long as the peer likes, and waits a minute for half a PDU."""
    node = running(network_timeout_s=600.0, association_timeout_s=600.0)
    with connections(node.listener.port, 1) as (one,):
        assert one.associate(DigitalXRayImageStorageForPresentation).type == wire.ACCEPTED
        one.send(b"\xff" * 6 + garbage)
        began = time.monotonic()
        assert one.is_closed_by_the_node()
        assert time.monotonic() - began < 10
    wait_until(lambda: node.listener.connections() == 0, 10, "no connection is left")
