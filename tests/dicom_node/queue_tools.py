"""What the tests of the queues share: a consumer in a thread, a connection of one's own."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kombu.connection import Connection

from dicom_node.embedded_broker import Transport
from dicom_node.queueing import Handler, Kind, Queues

WITHIN_S = 20.0
SPAWN = multiprocessing.get_context("spawn")

rabbitmq = pytest.mark.parametrize("broker_url", ["rabbitmq"], indirect=True)


@contextmanager
def consuming(
    queues: Queues, handler: Handler, kind: Kind = Kind.JOB, pipeline: str = ""
) -> Iterator[None]:
    """A consumer in a thread of its own; on leaving, it must have stopped."""
    stop = threading.Event()
    thread = threading.Thread(target=queues.consume, args=(kind, handler, stop, pipeline))
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
        return Connection(transport=Transport, transport_options={"folder": folder})
    return Connection(broker_url)


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        threading.Event().wait(0.01)
