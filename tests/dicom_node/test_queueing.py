"""The queues, on the embedded broker and on RabbitMQ: none lost, none doubled, no spinning."""

import threading
import traceback
from multiprocessing.synchronize import Event as ProcessEvent
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from kombu.messaging import Producer

from dicom_node.errors import BrokerUnavailable, UsageError
from dicom_node.queueing import Kind, Queues, Received
from tests.dicom_node.queue_tools import SPAWN, WITHIN_S, connected, consuming, eventually

pytestmark = pytest.mark.slow


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


def test_each_pipeline_has_a_queue_of_its_own(queues: Queues) -> None:
    received: SimpleQueue[Received] = SimpleQueue()
    queues.publish(Kind.JOB, 1, "old")
    queues.publish(Kind.JOB, 2, "new")
    with consuming(queues, received.put, pipeline="new"):
        assert received.get(timeout=WITHIN_S).id == 2
    assert (queues.depth(Kind.JOB, "old"), queues.depth(Kind.JOB, "new")) == (1, 0)


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
        Producer(connection.channel()).publish(
            body, exchange="", routing_key=f"{queue_prefix}.jobs", serializer=serializer
        )
    received: SimpleQueue[Received] = SimpleQueue()
    queues.publish(Kind.JOB, 8)
    with consuming(queues, received.put):
        assert received.get(timeout=WITHIN_S).id == 8
    assert received.empty()
    assert [r.message for r in caplog.records] == ["dropped a message that is not ours"]


def test_threads_may_share_the_queues(queues: Queues) -> None:
    received: list[int] = []
    unsure: set[int] = set()

    def publish(first: int) -> None:
        for number in range(first, first + 25):
            while True:
                try:
                    queues.publish(Kind.JOB, number)
                    break
                except BrokerUnavailable:
                    # A busy machine's broker: whether it has the id is not known.
                    unsure.add(number)
                    threading.Event().wait(1)

    threads = [threading.Thread(target=publish, args=(first,)) for first in (0, 25, 50, 75)]
    with consuming(queues, lambda one: received.append(one.id)):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        eventually(lambda: set(received) == set(range(100)))
    assert {number for number in received if received.count(number) > 1} <= unsure


def consume_in_another_process(
    url: str, folder: Path, prefix: str, stop: ProcessEvent, results: Any
) -> None:
    ids: list[int] = []
    stopped = threading.Event()

    def pass_on() -> None:
        stop.wait()
        stopped.set()

    threading.Thread(target=pass_on, daemon=True).start()
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


@pytest.mark.parametrize(
    "url",
    ["amqp://guest:SECRET#x@127.0.0.1", "amqp://guest:SECRET/x@127.0.0.1", "amqp://guest:SECRET",
     "amqp://127.0.0.1:70000", "amqp://127.0.0.1;amqp://guest:SECRET?x@127.0.0.1"],
)  # fmt: skip
def test_a_url_that_cannot_be_understood_is_not_quoted(url: str) -> None:
    with pytest.raises(UsageError, match="must be percent-encoded") as raised:
        Queues(url, None, prefetch=1)
    assert "SECRET" not in "".join(traceback.format_exception(raised.value))
