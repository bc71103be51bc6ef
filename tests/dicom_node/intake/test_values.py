"""Messages however their sender has parted them into PDUs and values (PS3.8 9.3.5, Annex E)."""

import copy
import logging
import struct
import threading
import time
from collections.abc import Callable, Sequence

import pytest
from pydicom import Dataset
from pydicom.uid import UID, generate_uid
from pynetdicom.dsutils import create_file_meta, encode_file_meta

from dicom_node.errors import SUCCESS
from tests.dicom_node import wire
from tests.dicom_node.listening import Start
from tests.dicom_node.wire import Wire, connections, store_values
from tests.system.waiting import wait_until

pytestmark = pytest.mark.slow

#: Control byte and content of each presentation data value.
Values = Sequence[tuple[int, bytes]]


def parted(values: Values, size: int) -> Values:
    """The same messages in values of at most `size` bytes; only a message's last ends it."""
    parts = []
    for control, content in values:
        pieces = [content[at : at + size] for at in range(0, len(content), size)]
        parts += [(control & 1, piece) for piece in pieces[:-1]]
        parts.append((control, pieces[-1]))
    return parts


def each_in_a_pdu(values: Values) -> bytes:
    return b"".join(wire.data_pdu(control, content) for control, content in values)


def all_in_one_pdu(values: Values) -> bytes:
    return wire.data_pdu_of(values)


def with_empty_ones(values: Values) -> bytes:
    empty = [one for control, content in values for one in ((control & 1, b""), (control, content))]
    return wire.data_pdu_of([]) + all_in_one_pdu(empty)


@pytest.mark.parametrize("size", [7, 1000, 1 << 19])
@pytest.mark.parametrize("pdus", [each_in_a_pdu, all_in_one_pdu, with_empty_ones])
def test_a_message_is_the_same_however_it_is_parted(
    running: Start, radiograph: Dataset, pdus: Callable[[Values], bytes], size: int
) -> None:
    node = running()
    with connections(node.listener.port, 1) as (one,):
        one.associate(radiograph.SOPClassUID)
        one.send(pdus(parted(store_values(radiograph), size)))
        assert status_from(one) == SUCCESS
        assert one.release().type == wire.RELEASED
    (received,) = node.spool.received()
    stored = node.spool.resolve(received.path).read_bytes()
    assert stored.endswith(wire.store_values(radiograph)[1][1])


def test_messages_that_come_in_one_pdu_are_all_answered(
    running: Start, radiograph: Dataset
) -> None:
    values: list[tuple[int, bytes]] = []
    another = copy.deepcopy(radiograph)
    for _ in range(3):
        another.SOPInstanceUID = generate_uid()
        values += store_values(another)
    node = running()
    with connections(node.listener.port, 1) as (one,):
        one.associate(radiograph.SOPClassUID)
        one.send(all_in_one_pdu(values))
        assert [status_from(one) for _ in range(3)] == [SUCCESS] * 3


def test_an_answer_does_not_wait_for_the_end_of_the_next_message(
    running: Start, radiograph: Dataset
) -> None:
    is_over = threading.Event()

    def keep_coming() -> None:
        while not is_over.wait(0.003):
            one.send(wire.data_pdu(0, bytes(100)))

    command, _ = store_values(radiograph)
    with connections(running().listener.port, 1) as (one,):
        one.associate(radiograph.SOPClassUID)
        pdu = all_in_one_pdu([*wire.echo_values(), command, (0, bytes(100))])
        one.send(pdu[:-1])
        time.sleep(0.3)  # in which the echo is served, while the rest of its PDU is awaited
        sender = threading.Thread(target=keep_coming)
        one.send(pdu[-1:])
        sender.start()
        began = time.monotonic()
        try:
            assert status_from(one) == SUCCESS
        finally:
            is_over.set()
            sender.join()
        assert time.monotonic() - began < 5


def test_a_data_set_of_another_context_than_its_command_is_aborted(
    running: Start, radiograph: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    node = running()
    command, data = store_values(radiograph)
    with connections(node.listener.port, 1) as (one,):
        one.associate(radiograph.SOPClassUID)
        one.send(all_in_one_pdu([command]) + wire.data_pdu_of([data], context_id=3))
        assert one.receive().type == wire.ABORTED
    wait_until(lambda: "aborted before" in caplog.records[-1].getMessage(), 20, "the log")
    assert "two presentation contexts" in vars(caplog.records[-1])["reason"]
    assert not list(node.spool.received())


def test_a_message_that_could_not_be_answered_is_aborted(
    running: Start, radiograph: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    node = running()
    with connections(node.listener.port, 1) as (one,):
        one.associate(radiograph.SOPClassUID)
        one.send(all_in_one_pdu(store_values(radiograph, message_id=None)))
        assert one.receive().type == wire.ABORTED
    wait_until(lambda: "aborted before" in caplog.records[-1].getMessage(), 20, "the log")
    assert "no Message ID" in vars(caplog.records[-1])["reason"]
    assert not list(node.spool.received())


def test_a_cancel_is_not_answered_and_what_follows_is(running: Start, radiograph: Dataset) -> None:
    with connections(running().listener.port, 1) as (one,):
        one.associate(radiograph.SOPClassUID)
        one.send(all_in_one_pdu([*wire.cancel_values(), *store_values(radiograph)]))
        assert status_from(one) == SUCCESS
        assert one.release().type == wire.RELEASED


@pytest.mark.parametrize("uid", ["1.2.3", "1.2.34", "1." + "2" * 62])
def test_the_file_begins_as_pynetdicom_would_have_it(
    running: Start, radiograph: Dataset, uid: str
) -> None:
    another = copy.deepcopy(radiograph)
    another.SOPInstanceUID = another.file_meta.MediaStorageSOPInstanceUID = UID(uid)
    node = running()
    assert node.send(another, radiograph) == [SUCCESS, SUCCESS]
    meta = create_file_meta(
        sop_class_uid=another.SOPClassUID,
        sop_instance_uid=another.SOPInstanceUID,
        transfer_syntax=another.file_meta.TransferSyntaxUID,
    )
    expected = bytes(128) + b"DICM" + encode_file_meta(meta)
    files = [node.spool.resolve(one.path).read_bytes() for one in node.spool.received()]
    assert [file.startswith(expected) for file in files].count(True) == 1


BAD = {
    "a value without its header": struct.pack(">LB", 1, 1),
    "a value of no byte": struct.pack(">LBB", 0, 1, 0),
    "a value longer than its PDU": struct.pack(">LBB", 100, 1, 0) + bytes(50),
    "a value of 4 GB": struct.pack(">LBB", 0xFFFFFFFF, 1, 0),
    "bytes behind the last value": struct.pack(">LBB", 2, 1, 0) + bytes(5),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("within_a_message", [False, True])
def test_a_pdu_whose_values_do_not_fill_it_is_aborted_and_said(
    running: Start,
    radiograph: Dataset,
    caplog: pytest.LogCaptureFixture,
    content: bytes,
    within_a_message: bool,
) -> None:
    caplog.set_level(logging.INFO)
    node = running(max_associations=1)
    with connections(node.listener.port, 1) as (one,):
        one.associate(radiograph.SOPClassUID)
        if within_a_message:
            one.send(each_in_a_pdu(store_values(radiograph)[:1]))
        one.send(struct.pack(">BxL", wire.DATA, len(content)) + content)
        assert one.receive().type == wire.ABORTED
    wait_until(lambda: "aborted before" in caplog.records[-1].getMessage(), 20, "the log")
    assert "a value" in vars(caplog.records[-1])["reason"]
    assert not [record for record in caplog.records if record.exc_info]
    assert node.send(radiograph) == [SUCCESS]


def status_from(one: Wire) -> int:
    answer = one.receive()
    assert answer.type == wire.DATA, answer
    return wire.status_of(wire.elements(answer.content[6:]))
