"""A broker that goes away, hangs, or was never there."""

import logging
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from queue import SimpleQueue
from urllib.parse import urlsplit

import pytest

from dicom_node.errors import BrokerUnavailable
from dicom_node.queueing import ANSWER_TIMEOUT_S, Kind, Queues, Received
from tests.dicom_node.queue_tools import WITHIN_S, consuming, eventually, rabbitmq

pytestmark = pytest.mark.slow


class Wire:
    """A TCP relay to the broker that can be cut and mended."""

    def __init__(self, host: str, port: int) -> None:
        self._broker = (host, port)
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._done = threading.Event()
        self._whole = True
        self._thread = threading.Thread(target=self._relay)
        self._thread.start()

    @property
    def in_use(self) -> bool:
        return bool(self._pairs)

    def cut(self) -> None:
        self._whole = False

    def mend(self) -> None:
        self._whole = True

    def close(self) -> None:
        self._done.set()
        self._thread.join()
        self._hang_up()
        self._server.close()

    def _relay(self) -> None:
        while not self._done.is_set():
            if not self._whole:
                self._hang_up()
            ends = dict(self._pairs) | {there: here for here, there in self._pairs}
            for ready in select.select([self._server, *ends], [], [], 0.02)[0]:
                if ready is self._server:
                    self._accept()
                elif not _pass_on(ready, ends[ready]):
                    self._pairs = [pair for pair in self._pairs if ready not in pair]
                    ready.close()
                    ends[ready].close()
                    break

    def _accept(self) -> None:
        here = self._server.accept()[0]
        if self._whole:
            self._pairs.append((here, socket.create_connection(self._broker)))
        else:
            here.close()

    def _hang_up(self) -> None:
        for end in (end for pair in self._pairs for end in pair):
            end.close()
        self._pairs = []


def _pass_on(source: socket.socket, target: socket.socket) -> bool:
    try:
        data = source.recv(65536)
        target.sendall(data)
    except OSError:
        return False
    return bool(data)


@pytest.fixture
def wire(broker_url: str) -> Iterator[Wire]:
    address = urlsplit(broker_url)
    with closing(Wire(address.hostname or "127.0.0.1", address.port or 5672)) as made:
        yield made


def through(wire: Wire, broker_url: str, prefix: str) -> Queues:
    host = urlsplit(broker_url).netloc.rpartition("@")[2]
    url = broker_url.replace(host, f"127.0.0.1:{wire.port}")
    return Queues(url, None, prefetch=1, prefix=prefix)


@rabbitmq
def test_a_consumer_waits_for_a_lost_broker_and_goes_on(
    wire: Wire, broker_url: str, queue_prefix: str, queues: Queues, caplog: pytest.LogCaptureFixture
) -> None:
    received: SimpleQueue[Received] = SimpleQueue()
    with consuming(through(wire, broker_url, queue_prefix), received.put):
        queues.publish(Kind.JOB, 1)
        assert received.get(timeout=WITHIN_S).id == 1
        wire.cut()
        eventually(lambda: "lost the broker" in caplog.text)
        queues.publish(Kind.JOB, 2)
        wire.mend()
        assert received.get(timeout=WITHIN_S).id == 2


@rabbitmq
def test_a_publisher_whose_idle_connection_broke_publishes_all_the_same(
    wire: Wire, broker_url: str, queue_prefix: str
) -> None:
    with closing(through(wire, broker_url, queue_prefix)) as queues:
        queues.publish(Kind.JOB, 1)
        wire.cut()
        eventually(lambda: not wire.in_use)
        wire.mend()
        queues.publish(Kind.JOB, 2)
        assert queues.depth(Kind.JOB) == 2


@rabbitmq
def test_publishing_to_a_lost_broker_fails_at_once(
    wire: Wire, broker_url: str, queue_prefix: str
) -> None:
    with closing(through(wire, broker_url, queue_prefix)) as queues:
        queues.publish(Kind.JOB, 1)
        wire.cut()
        for _ in range(3):
            started = time.monotonic()
            with pytest.raises(BrokerUnavailable):
                queues.publish(Kind.JOB, 2)
            assert time.monotonic() - started < ANSWER_TIMEOUT_S


def test_a_broker_that_accepts_and_never_answers_holds_up_one_caller_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}//"
        queues = Queues(url, None, prefetch=1)
        started = time.monotonic()
        with pytest.raises(BrokerUnavailable, match="did not answer"):
            queues.publish(Kind.JOB, 1)
        assert time.monotonic() - started < 3 * ANSWER_TIMEOUT_S
        started = time.monotonic()
        with pytest.raises(BrokerUnavailable, match="a moment ago"):
            queues.publish(Kind.JOB, 1)
        assert time.monotonic() - started < 0.5


def test_a_consumer_stops_while_it_waits_for_a_lost_broker(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    with consuming(Queues("amqp://127.0.0.1:1//", None, prefetch=1), print):
        eventually(lambda: "lost the broker" in caplog.text)
