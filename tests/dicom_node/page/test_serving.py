"""The server: a port that is taken keeps nobody waiting, and is taken over once it is free."""

import socket
import threading
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from dicom_node.demo.node import free_port
from dicom_node.page.access.sessions import Sessions
from dicom_node.page.serving import serve
from tests.dicom_node.page.visiting import Site
from tests.system.waiting import wait_until


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
