"""One request and its answer: whatever a server does, it costs no more than its time."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from dicom_node.config import WebDestination
from dicom_node.errors import DestinationAway, DestinationUnavailable
from dicom_node.web.exchange import LARGEST_ANSWER, Answer, connect, exchange
from tests.dicom_node.delivery.web_archive import Reply, web_archive

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\n"


def ask(url: str, content: bytes = b"x", timeout_s: float = 1.0) -> Answer:
    to = WebDestination(kind="dicomweb", name="cloud", stow=f"{url}/studies")
    with connect(to) as client:
        return exchange(client, "cloud", "POST", to.stow, {}, content, timeout_s)


@contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A URL where the one connection is given to `serve`, which ends when the test does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with listening.accept()[0] as connection:
                try:
                    serve(connection)
                except OSError:
                    # Whoever asked has gone.
                    return

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(10)
        assert not thread.is_alive()


def until_gone(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def drip(connection: socket.socket) -> None:
    """A header, then a byte now and then: no single wait is long."""
    connection.recv(65536)
    connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b" ")
        time.sleep(0.05)


def flood(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(HEAD + b"Connection: close\r\n\r\n")
    while True:
        connection.sendall(b" " * 65536)


def sip(connection: socket.socket) -> None:
    """Takes a little of what is sent now and then: no single wait is long."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(40):
        if not connection.recv(4096):
            return
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("serve", "content", "why"),
    [
        (until_gone, b"x", "no answer within 1 s"),
        (drip, b"x", "no answer within 1 s"),
        (sip, b"x" * 30_000_000, "no answer within 1 s"),
        (flood, b"x", f"an answer longer than {LARGEST_ANSWER} bytes"),
    ],
)
def test_it_takes_no_longer_than_it_may(
    serve: Callable[[socket.socket], None], content: bytes, why: str
) -> None:
    started = time.monotonic()
    with server(serve) as url, pytest.raises(DestinationUnavailable, match=why):
        ask(url, content)
    assert time.monotonic() - started < 8


@pytest.mark.parametrize(
    "said", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", HEAD + b"Content-Length: 9\r\n\r\nx", b"\x15\x03\x01"]
)
def test_what_is_no_answer_is_a_lost_connection(said: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(said)

    with server(serve) as url, pytest.raises(DestinationUnavailable, match="connection lost"):
        ask(url)


def test_nobody_is_there() -> None:
    with server(lambda _: None) as url:
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))).close()
    with pytest.raises(DestinationAway, match=r"no connection to 127\.0\.0\.1:\d+ \(connection re"):
        ask(url)
    with pytest.raises(DestinationAway, match=r"no connection to no-such-host\.invalid:80"):
        ask("http://no-such-host.invalid")


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        ("120", 120), ("0", 0), ("999999999", 3600), ("-5", 0), ("soon", 0), ("\u0661", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(said: str, wait_s: float) -> None:
    with web_archive() as archive:
        archive.answer = lambda _: Reply(503, headers={"Retry-After": said.encode().decode("l1")})
        answer = ask(archive.stow.removesuffix("/studies"), timeout_s=20)
    assert (answer.status, answer.wait_s) == (503, wait_s)
    assert answer.words == "HTTP 503 Service Unavailable"
