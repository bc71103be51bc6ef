"""kombu: publish and consume ids, nothing else; the embedded broker or RabbitMQ, by URL alone.

A message is `{"job": id}` or `{"output": id}`: no patient data, no path. The broker may lose or
repeat one and nothing goes wrong: the ledger decides, and recovery republishes what waits.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import kombu

from dicom_node import embedded_broker
from dicom_node.backoff import backoff_s
from dicom_node.errors import BrokerUnavailable, UsageError

logger = logging.getLogger(__name__)

#: Seconds the broker has for each answer: to connect, to confirm. A listener waits no longer.
ANSWER_TIMEOUT_S = 2.0
#: Seconds after a failure during which nothing is tried: a dead broker holds up one caller, once.
REST_S = 5.0
#: Seconds between two looks at `stop`.
STOP_LOOK_S = 0.1
#: Seconds a consumer waits at most before it tries a lost broker again.
RECONNECT_CAP_S = 5.0
#: Seconds; a broker that has heard nothing for twice this gives the id in hand to another worker.
HEARTBEAT_S = 60

#: Replicated and on disk on every RabbitMQ cluster (3.8 and later).
_QUEUE_ARGUMENTS = {"x-queue-type": "quorum"}

_Answer = TypeVar("_Answer")


class Kind(StrEnum):
    """What an id names; each kind has a queue of its own."""

    #: A job for a worker.
    JOB = "job"
    #: An output that waits for delivery: it rings the sender's bell.
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Received:
    """One id from the broker."""

    id: int
    redelivered: bool  #: it was in another consumer's hand, and that one vanished


@dataclass(frozen=True, slots=True)
class _Link:
    """A connection with its channel; kombu's `default_channel` would reconnect for ever."""

    connection: Any
    channel: Any


Handler = Callable[[Received], None]


class Queues:
    """The two queues. Threads may share one; each consumer has a connection of its own."""

    def __init__(self, url: str, folder: Path | None, prefetch: int, prefix: str = "cxr") -> None:
        """`folder` is where the embedded broker (`filesystem://`) keeps its messages.

        `prefetch`: how many ids a consumer takes from the broker before the first is done.
        """
        self._embedded = url.startswith("filesystem:")
        if self._embedded and folder is None:
            raise UsageError("the embedded broker needs a folder")
        self._url = url
        self._folder = folder
        self._prefetch = prefetch
        self._prefix = prefix
        self._lock = threading.Lock()
        self._link: _Link | None = None  #: for publish and depth
        self._rest_until = 0.0  #: monotonic

    def publish(self, kind: Kind, identifier: int) -> None:
        """Hand an id to the broker and wait for its confirmation; raises BrokerUnavailable."""

        def send(channel: Any) -> None:
            kombu.Producer(channel).publish(
                {kind.value: identifier},
                exchange="",
                routing_key=self._name(kind),
                serializer="json",
                delivery_mode="persistent",
                retry=False,
                confirm_timeout=ANSWER_TIMEOUT_S,
            )

        self._command(send)

    def depth(self, kind: Kind) -> int:
        """How many ids wait in the broker, those in a consumer's hand not counted."""
        return self._command(lambda channel: int(self._declare(channel, kind).message_count))

    def consume(self, kind: Kind, handler: Handler, stop: threading.Event) -> None:
        """Call `handler` for each id until `stop`; an id is acknowledged when it has returned.

        A lost broker is waited for. What a handler raises, or a message that is not ours, is
        logged and dropped, never requeued: a requeued id would come back at once, for ever, while
        the ledger still knows the job and recovery will republish it.
        """
        failures = 0
        while not stop.is_set():
            connected_at = time.monotonic()
            try:
                self._consume_connected(kind, handler, stop)
            except Exception as exc:
                # Whatever it is, a fresh connection and a pause are the answer; py-amqp raises
                # AttributeError among others when its connection is lost.
                steady = time.monotonic() - connected_at > RECONNECT_CAP_S
                failures = 1 if steady else failures + 1
                wait_s = min(RECONNECT_CAP_S, backoff_s(failures, random.random(), base_s=0.2))
                extra = {"queue": self._name(kind), "reason": repr(exc), "retry_in_s": wait_s}
                logger.warning("lost the broker", extra=extra)
                stop.wait(wait_s)

    def close(self) -> None:
        with self._lock:
            self._drop_link()

    def _consume_connected(self, kind: Kind, handler: Handler, stop: threading.Event) -> None:
        with self._connect(HEARTBEAT_S) as connection:
            channel = connection.channel()
            self._declare(channel, kind)
            consumer = kombu.Consumer(
                channel,
                [kombu.Queue(self._name(kind), no_declare=True)],
                accept=["json"],
                on_message=lambda message: _handle(message, kind, handler),
                on_decode_error=_reject,
                prefetch_count=self._prefetch,
                auto_declare=False,
            )
            with consumer:
                while not stop.is_set():
                    try:
                        connection.drain_events(timeout=STOP_LOOK_S)
                    except TimeoutError:
                        connection.heartbeat_check()

    def _command(self, command: Callable[[Any], _Answer]) -> _Answer:
        """Run `command` on the shared connection's channel, within a bounded time."""
        with self._lock:
            if time.monotonic() < self._rest_until:
                raise BrokerUnavailable("the broker did not answer a moment ago")
            if self._link is not None:
                try:
                    return command(self._link.channel)
                except Exception:
                    # It may just have been idle for too long: a fresh one tells.
                    self._drop_link()
            try:
                connection = self._connect(heartbeat_s=0)
                self._link = _Link(connection, connection.channel())
                for kind in Kind:
                    self._declare(self._link.channel, kind)
                return command(self._link.channel)
            except Exception as exc:
                self._drop_link()
                self._rest_until = time.monotonic() + REST_S
                raise BrokerUnavailable(f"the broker did not answer: {exc!r}") from exc

    def _connect(self, heartbeat_s: int) -> kombu.Connection:
        """One try; kombu's own retries would sleep for seconds, or for ever."""
        if self._embedded:
            connection = kombu.Connection(
                transport=embedded_broker.Transport, transport_options={"folder": self._folder}
            )
        else:
            connection = kombu.Connection(
                self._url,
                connect_timeout=ANSWER_TIMEOUT_S,
                heartbeat=heartbeat_s,
                transport_options={
                    "confirm_publish": True,
                    "read_timeout": ANSWER_TIMEOUT_S,
                    "write_timeout": ANSWER_TIMEOUT_S,
                },
            )
        return connection.ensure_connection(max_retries=0)

    def _declare(self, channel: Any, kind: Kind) -> Any:
        return channel.queue_declare(
            self._name(kind), durable=True, auto_delete=False, arguments=_QUEUE_ARGUMENTS
        )

    def _drop_link(self) -> None:
        if self._link is not None:
            self._link.connection.release()
            self._link = None

    def _name(self, kind: Kind) -> str:
        return f"{self._prefix}.{kind.value}s"


def _handle(message: Any, kind: Kind, handler: Handler) -> None:
    """The boundary of the consuming loop: one message, whatever it is, never ends it."""
    try:
        received = _read(message, kind)
    except Exception as exc:
        _reject(message, exc)
        return
    try:
        handler(received)
    except Exception:
        logger.exception("failed to handle an id", extra={kind.value: received.id})
        message.reject()
        return
    message.ack()


def _reject(message: Any, error: Exception) -> None:
    logger.warning("dropped a message that is not ours", extra={"reason": repr(error)})
    message.reject()


def _read(message: Any, kind: Kind) -> Received:
    body = message.decode()
    if not isinstance(body, dict) or set(body) != {kind.value} or type(body[kind.value]) is not int:
        raise ValueError(f"the body is not a {kind.value} id")
    return Received(body[kind.value], bool((message.delivery_info or {}).get("redelivered")))
