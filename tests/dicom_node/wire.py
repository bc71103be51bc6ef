"""An association byte by byte (PS3.8 9.3), so that it can hold what no library would send."""

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian

#: PDU types, PS3.8 9.3.1.
ACCEPTED, REJECTED, DATA, RELEASED, ABORTED = 0x02, 0x03, 0x04, 0x06, 0x07
_CONTEXT_ID = 1
_ANSWER_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Pdu:
    """One that was received."""

    type: int
    content: bytes


class Wire:
    """A TCP connection to a node."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), _ANSWER_WITHIN_S)

    def close(self) -> None:
        self._socket.close()

    def send(self, content: bytes) -> None:
        self._socket.sendall(content)

    def is_closed_by_the_node(self) -> bool:
        """Wait until it is, whatever comes before; False where it stays open."""
        try:
            while self._socket.recv(4096):
                pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True

    def receive(self) -> Pdu:
        header = self._exactly(6)
        kind, _, length = struct.unpack(">BBL", header)
        return Pdu(kind, self._exactly(length))

    def associate(
        self, sop_class: str, called: bytes = b"CXRNODE", calling: bytes = b"WIRE"
    ) -> Pdu:
        """Titles are padded with blanks where they are shorter than 16 bytes."""
        self.send(request_pdu(sop_class, called, calling))
        return self.receive()

    def store(self, dataset: Dataset, said_uid: bytes) -> dict[int, bytes]:
        """Elements of the answer's command, group 0000, by element number."""
        for control, content in store_values(dataset, said_uid):
            self.send(data_pdu(control, content))
        answer = self.receive()
        assert answer.type == DATA, answer
        return elements(answer.content[6:])

    def release(self) -> Pdu:
        self.send(release_pdu())
        return self.receive()

    def _exactly(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            received = self._socket.recv(count - len(content))
            if not received:
                raise EOFError("the node closed the connection")
            content += received
        return content


def request_pdu(sop_class: str, called: bytes, calling: bytes) -> bytes:
    """An A-ASSOCIATE-RQ, PS3.8 9.3.2, of one presentation context."""
    context = _item(0x20, bytes([_CONTEXT_ID, 0, 0, 0]) + _item(0x30, sop_class.encode())
                    + _item(0x40, ExplicitVRLittleEndian.encode()))  # fmt: skip
    user = _item(0x50, _item(0x51, struct.pack(">L", 1 << 20)) + _item(0x52, b"1.2.3.4"))
    titles = called.ljust(16) + calling.ljust(16)
    application = _item(0x10, b"1.2.840.10008.3.1.1.1")
    return _pdu(0x01, struct.pack(">HH", 1, 0) + titles + bytes(32) + application + context + user)


def store_values(
    dataset: Dataset, said_uid: bytes | None = None, message_id: int | None = 1
) -> list[tuple[int, bytes]]:
    """A C-STORE-RQ (PS3.7 9.3.1) as two presentation data values: control byte and content.

    `said_uid`: in its command; None: the data set's own.
    """
    command = _command(
        {
            0x0002: str(dataset.SOPClassUID).encode(),
            0x0100: b"\1\0",  # C-STORE-RQ
            **({} if message_id is None else {0x0110: struct.pack("<H", message_id)}),
            0x0700: b"\0\0",
            0x0800: b"\1\0",
            0x1000: str(dataset.SOPInstanceUID).encode() if said_uid is None else said_uid,
        }
    )
    return [(0x03, command), (0x02, _encoded(dataset))]


def echo_pdus() -> bytes:
    return data_pdu_of(echo_values())


def echo_values() -> list[tuple[int, bytes]]:
    """A C-ECHO-RQ, PS3.7 9.3.5.1, as a presentation data value: control byte and content."""
    command = {0x0002: b"1.2.840.10008.1.1", 0x0100: b"\x30\0", 0x0110: b"\1\0",
               0x0800: b"\1\1"}  # fmt: skip
    return [(0x03, _command(command))]


def cancel_values() -> list[tuple[int, bytes]]:
    """A C-CANCEL-RQ (PS3.7 9.3.2.3), as a presentation data value."""
    return [(0x03, _command({0x0100: b"\xff\x0f", 0x0120: b"\1\0", 0x0800: b"\1\1"}))]


def report_pdus(information: bytes) -> bytes:
    """An N-EVENT-REPORT-RQ of storage commitment, PS3.7 10.3.1.1 and PS3.4 J.3.3."""
    command = {
        0x0002: b"1.2.840.10008.1.20.1",
        0x0100: b"\x00\x01",
        0x0110: b"\1\0",
        0x0800: b"\1\0",
        0x1000: b"1.2.840.10008.1.20.1.1",
        0x1002: b"\1\0",
    }
    return data_pdu(0x03, _command(command)) + data_pdu(0x02, information)


def nested(depth: int) -> bytes:
    """Failed SOP Sequences (0008,1198) of one item each within each other, of undefined length."""
    sequence = bytes.fromhex("08009811") + b"SQ\0\0\xff\xff\xff\xff"
    return (sequence + bytes.fromhex("feff00e0ffffffff")) * depth


def release_pdu() -> bytes:
    return _pdu(0x05, bytes(4))


def explicit(dataset: Dataset) -> bytes:
    """In Explicit VR Little Endian, without file meta information."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, dataset)
    return buffer.getvalue()


def pdus(said: bytes) -> Iterator[Pdu]:
    """Those that are whole."""
    at = 0
    while at + 6 <= len(said):
        kind, _, length = struct.unpack_from(">BBL", said, at)
        yield Pdu(kind, said[at + 6 : at + 6 + length])
        at += 6 + length


def status_of(answer: dict[int, bytes]) -> int:
    (status,) = struct.unpack("<H", answer[0x0900])
    return int(status)


def _encoded(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    meta = dcmread(BytesIO(buffer.getvalue()), stop_before_pixels=True).file_meta
    return buffer.getvalue()[144 + meta.FileMetaInformationGroupLength :]


def _item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(content)) + content


def _pdu(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBL", kind, 0, len(content)) + content


def data_pdu(control: int, content: bytes) -> bytes:
    """A P-DATA-TF of one presentation data value, PS3.8 9.3.5 and E.2."""
    return data_pdu_of([(control, content)])


def data_pdu_of(values: Sequence[tuple[int, bytes]], context_id: int = _CONTEXT_ID) -> bytes:
    """A P-DATA-TF of presentation data values: control byte and content."""
    return _pdu(DATA, b"".join(
        struct.pack(">LBB", 2 + len(content), context_id, control) + content
        for control, content in values
    ))  # fmt: skip


def _command(elements: dict[int, bytes]) -> bytes:
    """PS3.7 6.3: group 0000 in Implicit VR Little Endian, led by its length."""
    body = b"".join(
        struct.pack("<HHL", 0, number, len(value) + len(value) % 2) + value + bytes(len(value) % 2)
        for number, value in elements.items()
    )
    return struct.pack("<HHLL", 0, 0, 4, len(body)) + body


def elements(command: bytes) -> dict[int, bytes]:
    """Of a command set, by element number."""
    found, at = {}, 0
    while at < len(command):
        _, number, length = struct.unpack_from("<HHL", command, at)
        found[number] = command[at + 8 : at + 8 + length]
        at += 8 + length
    return found


@contextmanager
def connections(port: int, count: int) -> Iterator[list[Wire]]:
    """As many, of which nobody has said anything yet."""
    wires = [Wire(port) for _ in range(count)]
    try:
        yield wires
    finally:
        for one in wires:
            one.close()
