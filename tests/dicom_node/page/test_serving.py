"""The server: a port that is taken keeps nobody waiting, and is taken over once it is free."""

import socket
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from dicom_node.demo.node import free_port
from dicom_node.page.access.sessions import Sessions
from dicom_node.page.connections import MOST, PATIENCE_S
from dicom_node.page.serving import serve
from tests.certificates import Authority
from tests.dicom_node.page.visiting import Site
from tests.system.waiting import wait_until


@contextmanager
def serving(folder: Path, **sections: object) -> Iterator[tuple[str, int]]:
    """A page that answers: its host and port."""
    host, port = "127.0.0.1", free_port()
    monitor = {"listen": f"{host}:{port}", "tls": "tls" in sections}
    stop = threading.Event()
    with closing(Site(folder, {"monitor": monitor} | sections)) as site:
        page = threading.Thread(target=serve, args=(site.node, stop, lambda: None))
        page.start()
        try:
            wait_until(lambda: is_taken(host, port), 60, "the page to answer")
            yield host, port
        finally:
            stop.set()
            page.join(60)


def is_taken(host: str, port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex((host, port)) == 0


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=5) as answer:
            return bool(answer.read() == b"ok\n")
    except OSError:
        return False


def test_a_port_that_is_taken_is_waited_for_and_nothing_waits_for_the_page(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    listen = f"127.0.0.1:{free_port()}"
    stop, ready = threading.Event(), threading.Event()
    with closing(Site(tmp_path, {"monitor": {"listen": listen}})) as site:
        page = threading.Thread(target=serve, args=(site.node, stop, ready.set))
        with socket.socket() as other:
            host, _, port = listen.rpartition(":")
            other.bind((host, int(port)))
            other.listen()
            page.start()
            assert ready.wait(30)
            wait_until(lambda: "the page cannot answer" in caplog.text, 30, "a word of it")
        try:
            wait_until(lambda: answers(f"http://{listen}"), 60, "the page to answer")
            assert caplog.text.count("the page cannot answer") == 1
            # Where it is, a link leads.
            assert Sessions.of(site.node.config).link("me").startswith(f"http://{listen}/enter")
        finally:
            stop.set()
            page.join(60)
        assert not page.is_alive()
        assert not answers(f"http://{listen}")


def test_who_connects_and_does_not_ask_keeps_nobody_from_being_answered(tmp_path: Path) -> None:
    with serving(tmp_path) as (host, port), ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection((host, port))) for _ in range(MOST + 50)
        ]
        for one in silent[::2]:
            one.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Le")
        assert answers(f"http://{host}:{port}")
        # A body that does not come is not waited for either.
        silent[-1].sendall(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na")
        silent[-1].settimeout(PATIENCE_S + 20)
        while silent[-1].recv(4096):
            pass
        silent[-3].settimeout(20)
        with suppress(ConnectionResetError):
            assert silent[-3].recv(1) == b""


def test_over_tls_it_speaks_as_the_listener_does_with_the_certificate_of_today(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path / "authority")
    issued = authority.issue("page")
    tls = {"certificate": str(issued.certificate), "key": str(issued.key)}
    with serving(tmp_path, tls=tls) as (host, port):

        def shown() -> tuple[object, str]:
            context = ssl.create_default_context(cafile=issued.trusted)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            with (
                socket.create_connection((host, port)) as plain,
                context.wrap_socket(plain, server_hostname=host) as secured,
            ):
                cipher = secured.cipher()
                return (secured.getpeercert() or {})["serialNumber"], cipher[0] if cipher else ""

        first, cipher = shown()
        assert "GCM" in cipher
        assert cipher.startswith("ECDHE")
        authority.issue("page")
        wait_until(lambda: shown()[0] != first, 30, "the renewed certificate")
