"""A recorded association sent again, changed: what the node answers, and whether it is so."""

import contextlib
import socket
import threading
from collections.abc import Sequence

from pydicom import Dataset

from dicom_node.demo.modality import send
from dicom_node.errors import SUCCESS
from dicom_node.ledger import Ledger
from dicom_node.spool import Spool
from tests.dicom_node.wire import DATA, elements, pdus

#: Seconds in which the node has answered and closed, whatever it was sent.
CLOSED_WITHIN_S = 30.0
_C_STORE_RSP = b"\x01\x80"


class NeverClosed(AssertionError):
    """The node still holds a connection whose sender has long ended."""


def recorded(port: int, datasets: Sequence[Dataset]) -> bytes:
    """What a sender writes to store these and release."""
    said = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def relay() -> None:
            ours, _ = server.accept()
            with ours, socket.create_connection(("127.0.0.1", port)) as theirs:
                back = threading.Thread(target=_pipe, args=(theirs, ours, bytearray()))
                back.start()
                _pipe(ours, theirs, said)
                back.join()

        thread = threading.Thread(target=relay)
        thread.start()
        sent = send(datasets, "127.0.0.1", server.getsockname()[1])
        thread.join()
    assert {one.status for one in sent} == {SUCCESS}
    return bytes(said)


def _pipe(source: socket.socket, sink: socket.socket, copy: bytearray) -> None:
    with contextlib.suppress(OSError):
        while received := source.recv(65536):
            copy += received
            sink.sendall(received)
        sink.shutdown(socket.SHUT_WR)


def answers(port: int, content: bytes) -> bytes:
    """All that the node says to these bytes before it closes; raises NeverClosed."""
    said = bytearray()
    with socket.create_connection(("127.0.0.1", port), CLOSED_WITHIN_S) as one:
        sender = threading.Thread(target=_say, args=(one, content))
        sender.start()
        try:
            while received := one.recv(65536):
                said += received
        except ConnectionError:
            pass
        except TimeoutError:
            raise NeverClosed(content.hex()[:2000]) from None
        finally:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            sender.join()
    return bytes(said)


def _say(one: socket.socket, content: bytes) -> None:
    with contextlib.suppress(OSError):
        one.sendall(content)
        one.shutdown(socket.SHUT_WR)


def stored_uids(said: bytes) -> list[str]:
    """SOP Instance UIDs of the C-STORE responses with Success."""
    commands = [elements(pdu.content[6:]) for pdu in pdus(said) if pdu.type == DATA]
    return [
        command.get(0x1000, b"").rstrip(b"\0 ").decode("ascii")
        for command in commands
        if command.get(0x0100) == _C_STORE_RSP and command.get(0x0900) == b"\0\0"
    ]


def is_kept(ledger: Ledger, spool: Spool, uid: str) -> bool:
    """Whether what was answered Success is in the ledger, and its bytes are in the spool."""
    jobs = ledger.jobs.of_instance(uid)
    return bool(jobs) and all(spool.read_verified(job.path, job.sha256) for job in jobs)
