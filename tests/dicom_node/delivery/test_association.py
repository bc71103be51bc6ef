"""Why there is no association, or no answer: every reason that is told is the true one."""

import gc
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian, SegmentationStorage
from pynetdicom import AE, evt

from dicom_node.config import Destination
from dicom_node.delivery.association import CONNECT_TIMEOUT_S, DicomAssociation, associate
from dicom_node.errors import DestinationUnavailable
from tests.dicom_node.delivery.bench import Bench, wait_until

pytestmark = pytest.mark.slow

CONTEXTS = [(SegmentationStorage, ExplicitVRLittleEndian)]


def reason_at(port: int, host: str = "127.0.0.1", timeout_s: float = 1.0) -> str:
    """Why no association is to be had there."""
    to = Destination(name="pacs", aet="PACS", host=host, port=port)
    with pytest.raises(DestinationUnavailable) as raised:  # noqa: SIM117 - it raises on entering
        with associate("CXRNODE", to, CONTEXTS, timeout_s):
            pass
    return str(raised.value)


@contextmanager
def tcp_server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port where each connection is given to `serve`."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with server.accept()[0] as connection:
                serve(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@contextmanager
def scp(*handlers: tuple[object, object], **settings: object) -> Iterator[int]:
    """A Storage SCP that does as told; its port."""
    ae = AE(ae_title="PACS")
    ae.add_supported_context(SegmentationStorage)
    for name, value in settings.items():
        setattr(ae, name, value)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=list(handlers))
    try:
        yield server.server_address[1]
    finally:
        ae.shutdown()


def test_a_refused_connection_is_called_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert reason_at(port) == f"pacs: no connection to 127.0.0.1:{port} (connection refused)"


def test_a_refused_connection_leaves_no_socket_open() -> None:
    """Not for the garbage collector to close: that warns, in whichever test it comes to it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    before = open_sockets()
    gc.disable()
    try:
        reason_at(port)
        assert open_sockets() == before
    finally:
        gc.enable()


def open_sockets() -> int:
    files = Path("/proc/self/fd").iterdir()
    return sum(str(file.readlink()).startswith("socket:") for file in files if file.is_symlink())


def test_an_unknown_host_is_called_so() -> None:
    assert reason_at(104, "nobody.invalid").startswith("pacs: host nobody.invalid is unknown (")


@pytest.mark.parametrize("host", ["pacs..example", "p" * 64])
def test_what_is_no_host_at_all_is_no_connection(host: str) -> None:
    to = Destination.model_construct(name="pacs", aet="PACS", host=host, port=104)
    with (
        pytest.raises(DestinationUnavailable, match="pacs: no connection to"),
        associate("CXRNODE", to, CONTEXTS),
    ):
        pass


def test_a_connection_that_nobody_answers_times_out() -> None:
    with socket.socket() as server, socket.socket() as first, socket.socket() as second:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        # The queue is full: the kernel drops whoever else wants to connect, as a firewall does.
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        port = server.getsockname()[1]
        assert reason_at(port) == f"pacs: connection to 127.0.0.1:{port} timed out after 1 s"


def test_who_takes_the_connection_and_says_nothing_costs_seconds() -> None:
    def listen(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.recv(65536)

    assert_it_costs_seconds(listen)


def test_who_falls_silent_in_the_middle_of_an_answer_costs_seconds() -> None:
    def listen(connection: socket.socket) -> None:
        connection.recv(65536)
        # An A-ASSOCIATE-AC of 4 KB, of which no more comes (PS3.8 9.3.3).
        connection.sendall(b"\x02\x00\x00\x00\x10\x00\x00\x01")
        connection.recv(65536)

    assert_it_costs_seconds(listen)


def assert_it_costs_seconds(listen: Callable[[socket.socket], None]) -> None:
    with tcp_server(listen) as port:
        started = time.monotonic()
        reason = reason_at(port)
        took_s = time.monotonic() - started
    assert reason == f"pacs: 127.0.0.1:{port} took the connection and said nothing for 1 s"
    assert took_s < 3
    assert CONNECT_TIMEOUT_S <= 15


def test_who_closes_the_connection_is_no_dicom() -> None:
    with tcp_server(lambda connection: connection.close()) as port:
        assert reason_at(port, timeout_s=10) == (
            f"pacs: 127.0.0.1:{port} closed the connection instead of answering: "
            "does it speak DICOM without TLS?"
        )


def test_a_wrong_called_ae_title_is_pointed_at() -> None:
    with scp(require_called_aet=True, ae_title="OTHER") as port:
        assert reason_at(port) == (
            "pacs: rejected the association (Rejected Permanent, Service User: "
            "Called AE title not recognised): is the destination's aet right?"
        )


def test_an_unknown_calling_ae_title_is_pointed_at() -> None:
    with scp(require_calling_aet=["SOMEBODY"]) as port:
        assert reason_at(port).endswith(
            "Calling AE title not recognised): does the destination know this node's AE title?"
        )


def test_a_destination_that_is_busy_is_called_so() -> None:
    def reject(event: evt.Event) -> None:
        event.assoc.acse.send_reject(0x02, 0x03, 0x02)
        event.assoc.kill()

    with scp((evt.EVT_REQUESTED, reject)) as port:
        assert reason_at(port) == (
            "pacs: rejected the association (Rejected Transient, "
            "Service Provider (Presentation): Local limit exceeded)"
        )


def test_an_abort_is_called_so_and_whose_it_was() -> None:
    def abort(event: evt.Event) -> None:
        event.assoc.acse.send_abort(0x02)
        event.assoc.kill()

    with scp((evt.EVT_REQUESTED, abort)) as port:
        assert reason_at(port, timeout_s=10) == (
            "pacs: aborted the association as it was requested "
            "(DUL service-provider: No reason given)"
        )


@contextmanager
def associated(port: int, timeout_s: float = 5.0) -> Iterator[DicomAssociation]:
    to = Destination(name="pacs", aet="PACS", host="127.0.0.1", port=port)
    with associate("CXRNODE", to, CONTEXTS, timeout_s) as association:
        yield association


@pytest.fixture
def seg(bench: Bench) -> Path:
    """A Part 10 file."""
    return bench.spool.resolve(bench.output("SEG", "1.2.3").path)


def test_an_association_aborted_in_between_is_called_so(seg: Path) -> None:
    with scp((evt.EVT_C_STORE, lambda event: event.assoc.abort())) as port, associated(port) as to:
        with pytest.raises(DestinationUnavailable, match=r"aborted the association \(DUL service-"):
            to.store(seg, 10)
        wait_until(lambda: to.has_ended)


def test_an_answer_that_does_not_come_is_waited_for_so_long(seg: Path) -> None:
    released = threading.Event()

    def hang(_event: evt.Event) -> int:
        released.wait()
        return 0

    with scp((evt.EVT_C_STORE, hang)) as port, associated(port) as to:
        with pytest.raises(DestinationUnavailable, match="pacs: no answer within 1 s"):
            to.store(seg, 1)
        released.set()


def run_scp(said: Connection) -> None:
    with scp((evt.EVT_C_STORE, lambda _event: 0)) as port:
        said.send(port)
        said.recv()


def test_a_destination_that_takes_no_more_bytes_does_not_hold_the_sender(
    seg: Path, tmp_path: Path
) -> None:
    large = tmp_path / "large.dcm"
    large.write_bytes(seg.read_bytes() + b"\0" * 64_000_000)
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=run_scp, args=(theirs,))
    process.start()
    assert process.pid is not None
    try:
        with associated(ours.recv(), timeout_s=1) as to:
            assert to.store(seg, 10) == 0
            os.kill(process.pid, signal.SIGSTOP)
            started = time.monotonic()
            with pytest.raises(DestinationUnavailable, match="pacs: "):
                to.store(large, 5)
            assert time.monotonic() - started < 10
    finally:
        os.kill(process.pid, signal.SIGCONT)
        ours.send("done")
        process.join()
