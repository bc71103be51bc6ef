"""The queues, on the embedded broker and on RabbitMQ: none lost, none doubled, no spinning."""

import logging
import multiprocessing
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.synchronize import Event as ProcessEvent
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import kombu
import pytest

from dicom_node.embedded_broker import Transport
from dicom_node.errors import BrokerUnavailable, UsageError
from dicom_node.queueing import ANSWER_TIMEOUT_S, Handler, Kind, Queues, Received

WITHIN_S = 20.0
SPAWN = multiprocessing.get_context("spawn")

rabbitmq = pytest.mark.parametrize("broker_url", ["rabbitmq"], indirect=True)


@pytest.fixture
def queues(broker_url: str, queue_prefix: str, tmp_path: Path) -> Iterator[Queues]:
    with closing(Queues(broker_url, tmp_path, prefetch=1, prefix=queue_prefix)) as made:
        yield made


@contextmanager
def consuming(queues: Queues, handler: Handler, kind: Kind = Kind.JOB) -> Iterator[None]:
    """A consumer in a thread of its own; on leaving, it must have stopped."""
    stop = threading.Event()
    thread = threading.Thread(target=queues.consume, args=(kind, handler, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(WITHIN_S)
        assert not thread.is_alive()


def connected(broker_url: str, folder: Path) -> Any:
    """A connection of our own to the broker, to publish what `Queues` never would."""
    if broker_url == "filesystem://":
        return kombu.Connection(transport=Transport, transport_options={"folder": folder})
    return kombu.Connection(broker_url)


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        threading.Event().wait(0.01)


def test_an_id_arrives_and_is_gone_once_handled(queues: Queues) -> None:
    received: SimpleQueue[Received] = SimpleQueue()
    queues.publish(Kind.JOB, 7)
    assert queues.depth(Kind.JOB) == 1
    with consuming(queues, received.put):
        assert received.get(timeout=WITHIN_S) == Received(7, redelivered=False)
    assert queues.depth(Kind.JOB) == 0


def test_ids_arrive_in_the_order_they_were_published(queues: Queues) -> None:
    received: SimpleQueue[Received] = SimpleQueue()
    for number in range(50):
        queues.publish(Kind.JOB, number)
    with consuming(queues, received.put):
        assert [received.get(timeout=WITHIN_S).id for _ in range(50)] == list(range(50))


def test_jobs_and_outputs_are_queues_apart(queues: Queues) -> None:
    received: SimpleQueue[Received] = SimpleQueue()
    queues.publish(Kind.JOB, 1)
    queues.publish(Kind.OUTPUT, 2)
    with consuming(queues, received.put, Kind.OUTPUT):
        assert received.get(timeout=WITHIN_S).id == 2
    assert (queues.depth(Kind.JOB), queues.depth(Kind.OUTPUT)) == (1, 0)


def take_and_hang(url: str, folder: Path, prefix: str, taken: ProcessEvent) -> None:
    def handle(_received: Received) -> None:
        taken.set()
        threading.Event().wait()

    Queues(url, folder, prefetch=1, prefix=prefix).consume(Kind.JOB, handle, threading.Event())


def test_an_id_in_the_hand_of_a_killed_consumer_comes_back_from_rabbitmq_alone(
    queues: Queues, broker_url: str, queue_prefix: str, tmp_path: Path
) -> None:
    taken = SPAWN.Event()
    arguments = (broker_url, tmp_path, queue_prefix, taken)
    consumer = SPAWN.Process(target=take_and_hang, args=arguments)
    consumer.start()
    queues.publish(Kind.JOB, 7)
    assert taken.wait(WITHIN_S)
    consumer.kill()
    consumer.join()
    received: SimpleQueue[Received] = SimpleQueue()
    with consuming(queues, received.put):
        if broker_url == "filesystem://":
            # The embedded broker has forgotten it: recovery will bring it back.
            assert queues.depth(Kind.JOB) == 0
        else:
            assert received.get(timeout=WITHIN_S) == Received(7, redelivered=True)


def test_an_id_whose_handler_raised_is_not_tried_over_and_over(
    queues: Queues, caplog: pytest.LogCaptureFixture
) -> None:
    received: SimpleQueue[Received] = SimpleQueue()

    def handle(one: Received) -> None:
        if one.id == 1:
            raise ValueError("a bug")
        received.put(one)

    queues.publish(Kind.JOB, 1)
    queues.publish(Kind.JOB, 2)
    with consuming(queues, handle):
        assert received.get(timeout=WITHIN_S).id == 2
    assert queues.depth(Kind.JOB) == 0
    assert [r.message for r in caplog.records] == ["failed to handle an id"]


BAD_MESSAGES: list[tuple[Any, str]] = [
    ({"job": "7; DROP TABLE jobs"}, "json"),
    ({"job": True}, "json"),
    ({"output": 7}, "json"),
    ({"job": 7, "patient": "X"}, "json"),
    ([7], "json"),
    (None, "json"),
    ({"job": 7}, "pickle"),
]


@pytest.mark.parametrize(("body", "serializer"), BAD_MESSAGES)
def test_a_message_that_is_not_ours_is_dropped_and_said(
    queues: Queues,
    broker_url: str,
    queue_prefix: str,
    tmp_path: Path,
    body: Any,
    serializer: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    queues.depth(Kind.JOB)
    with connected(broker_url, tmp_path) as connection:
        kombu.Producer(connection.channel()).publish(
            body, exchange="", routing_key=f"{queue_prefix}.jobs", serializer=serializer
        )
    received: SimpleQueue[Received] = SimpleQueue()
    queues.publish(Kind.JOB, 8)
    with consuming(queues, received.put):
        assert received.get(timeout=WITHIN_S).id == 8
    assert received.empty()
    assert [r.message for r in caplog.records] == ["dropped a message that is not ours"]


def test_threads_may_share_the_queues(queues: Queues) -> None:
    received: SimpleQueue[Received] = SimpleQueue()

    def publish(first: int) -> None:
        for number in range(first, first + 25):
            queues.publish(Kind.JOB, number)

    threads = [threading.Thread(target=publish, args=(first,)) for first in (0, 25, 50, 75)]
    with consuming(queues, received.put):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(received.get(timeout=WITHIN_S).id for _ in range(100)) == list(range(100))


def consume_in_another_process(
    url: str, folder: Path, prefix: str, stop: ProcessEvent, results: Any
) -> None:
    ids: list[int] = []
    stopped = threading.Event()
    threading.Thread(target=lambda: (stop.wait(), stopped.set()), daemon=True).start()
    Queues(url, folder, prefetch=1, prefix=prefix).consume(
        Kind.JOB, lambda received: ids.append(received.id), stopped
    )
    results.put(ids)


def test_two_consuming_processes_share_the_ids_none_lost_none_doubled(
    queues: Queues, broker_url: str, queue_prefix: str, tmp_path: Path
) -> None:
    stop, results = SPAWN.Event(), SPAWN.Queue()
    arguments = (broker_url, tmp_path, queue_prefix, stop, results)
    consumers = [SPAWN.Process(target=consume_in_another_process, args=arguments) for _ in range(2)]
    for consumer in consumers:
        consumer.start()
    for number in range(300):
        queues.publish(Kind.JOB, number)
    eventually(lambda: queues.depth(Kind.JOB) == 0)
    stop.set()
    ids = [results.get(timeout=WITHIN_S) for _ in consumers]
    for consumer in consumers:
        consumer.join()
    assert sorted(ids[0] + ids[1]) == list(range(300))


def test_stop_is_heeded_at_once(queues: Queues) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=queues.consume, args=(Kind.JOB, print, stop))
    queues.publish(Kind.JOB, 1)
    thread.start()
    eventually(lambda: queues.depth(Kind.JOB) == 0)
    stop.set()
    thread.join(2.0)
    assert not thread.is_alive()


# The embedded broker's files


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Queues]:
    with closing(Queues("filesystem://", tmp_path, prefetch=1)) as made:
        yield made


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b"null", b"{}", b'{"body": "e30=", "properties": {}}'],
)
def test_a_broken_message_file_does_not_stop_the_consumer(
    embedded: Queues, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    received: SimpleQueue[Received] = SimpleQueue()
    embedded.publish(Kind.JOB, 1)
    (tmp_path / "cxr.jobs" / "00000000000000000001-broken.json").write_bytes(content)
    with consuming(embedded, received.put):
        assert received.get(timeout=WITHIN_S).id == 1
    assert embedded.depth(Kind.JOB) == 0
    assert len(caplog.records) == 1


def test_what_cannot_be_taken_is_said_once_and_left(
    embedded: Queues, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    received: SimpleQueue[Received] = SimpleQueue()
    embedded.publish(Kind.JOB, 1)
    (tmp_path / "cxr.jobs" / "00000000000000000001-folder.json").mkdir()
    with consuming(embedded, received.put):
        for number in (1, 2, 3):
            assert received.get(timeout=WITHIN_S).id == number
            embedded.publish(Kind.JOB, number + 1)
    assert [r.message for r in caplog.records] == ["could not take a message"]


def test_a_queue_folder_that_vanishes_is_made_again(embedded: Queues, tmp_path: Path) -> None:
    received: SimpleQueue[Received] = SimpleQueue()
    with consuming(embedded, received.put):
        embedded.publish(Kind.JOB, 1)
        assert received.get(timeout=WITHIN_S).id == 1
        (tmp_path / "cxr.jobs").rmdir()
        embedded.publish(Kind.JOB, 2)
        assert received.get(timeout=WITHIN_S).id == 2


def test_an_embedded_broker_that_cannot_write_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "queue").write_text("in the way")
    queues = Queues("filesystem://", tmp_path / "queue", prefetch=1)
    with pytest.raises(BrokerUnavailable, match="NotADirectoryError"):
        queues.publish(Kind.JOB, 1)


def test_an_embedded_broker_without_a_folder_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        Queues("filesystem://", None, prefetch=1)


# A broker that goes away


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
