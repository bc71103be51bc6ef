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

from amqp.exceptions import AccessRefused, MessageNacked, NotAllowed
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.messaging import Consumer, Producer
from kombu.utils.url import url_to_parts

from dicom_node import embedded_broker
from dicom_node.backoff import backoff_s
from dicom_node.errors import BrokerUnavailable, UsageError

logger = logging.getLogger(__name__)

#: Seconds the broker has for each answer: to connect, to confirm. A listener waits no longer.
ANSWER_TIMEOUT_S = 2.0
#: Seconds after a failure during which nothing is tried: a dead broker holds up one caller, once.
REST_S = 5.0
#: Seconds before an id that the broker refused is published again: a quorum queue that somebody
#: else is just declaring says no until it has its leader.
REFUSED_WAITS_S = (0.05, 0.1, 0.2, 0.4, 0.8)
#: Seconds between two looks at `stop`.
STOP_LOOK_S = 0.1
#: Seconds a consumer waits at most before it tries a lost broker again.
RECONNECT_CAP_S = 5.0
#: Seconds; a broker that has heard nothing for twice this gives the id in hand to another worker.
HEARTBEAT_S = 60

#: Digits of a pipeline's digest in the name of its queue.
_NAMED_BY = 12

#: Replicated and on disk on every RabbitMQ cluster (3.8 and later).
_QUEUE_ARGUMENTS: dict[str, Any] = {"x-queue-type": "quorum"}
#: Milliseconds after which RabbitMQ removes the queue of a pipeline that nobody publishes for or
#: works any more; what was in it waits in the ledger.
_EXPIRES_MS = 7 * 24 * 3600 * 1000

_Answer = TypeVar("_Answer")


class Kind(StrEnum):
    """What an id names."""

    #: A job that waits: it rings the bell of a worker, who does the one whose turn it is.
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
    declared: set[str]  #: queues known to be there


Handler = Callable[[Received], None]


class Queues:
    """One queue of outputs, and one of jobs for each pipeline, so that a worker is handed only what
    it can do. Threads may share one; each consumer has a connection of its own.

    `pipeline` says whose jobs these are; it is left out for outputs.
    """

    def __init__(self, url: str, folder: Path | None, prefetch: int, prefix: str = "cxr") -> None:
        """`folder` is where the embedded broker (`filesystem://`) keeps its messages.

        `prefetch`: how many ids a consumer takes from the broker before the first is done. Raises
        UsageError where the URL cannot be understood.
        """
        _assert_understood(url)
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

    def publish(self, kind: Kind, identifier: int, pipeline: str = "") -> None:
        """Hand an id to the broker and wait for its confirmation; raises BrokerUnavailable."""
        queue = self._name(kind, pipeline)

        def send(channel: Any) -> None:
            Producer(channel).publish(
                {kind.value: identifier},
                exchange="",
                routing_key=queue,
                serializer="json",
                delivery_mode="persistent",
                retry=False,
                confirm_timeout=ANSWER_TIMEOUT_S,
            )

        def send_until_taken(channel: Any) -> None:
            for wait_s in REFUSED_WAITS_S:
                try:
                    return send(channel)
                except MessageNacked:
                    time.sleep(wait_s)
            return send(channel)

        self._command(send_until_taken, queue)

    def depth(self, kind: Kind, pipeline: str = "") -> int:
        """How many ids wait in the broker, those in a consumer's hand not counted."""
        queue = self._name(kind, pipeline)
        return self._command(
            lambda channel: int(self._declare(channel, queue).message_count), queue
        )

    def consume(
        self, kind: Kind, handler: Handler, stop: threading.Event, pipeline: str = ""
    ) -> None:
        """Call `handler` for each id until `stop`; an id is acknowledged when it has returned.

        A lost broker is waited for. What a handler raises, or a message that is not ours, is
        logged and dropped, never requeued: a requeued id would come back at once, for ever, while
        the ledger still knows the job and recovery will republish it.
        """
        queue = self._name(kind, pipeline)
        failures = 0
        while not stop.is_set():
            connected_at = time.monotonic()
            try:
                self._consume_connected(kind, queue, handler, stop)
            except Exception as exc:
                # Whatever it is, a fresh connection and a pause are the answer; py-amqp raises
                # AttributeError among others when its connection is lost.
                steady = time.monotonic() - connected_at > RECONNECT_CAP_S
                failures = 1 if steady else failures + 1
                wait_s = min(RECONNECT_CAP_S, backoff_s(failures, random.random(), base_s=0.2))
                extra = {"queue": queue, "reason": repr(exc), "retry_in_s": wait_s}
                logger.warning("lost the broker", extra=extra)
                stop.wait(wait_s)

    def check(self) -> None:
        """Try the broker once; UsageError where it refuses us, BrokerUnavailable where it is away.

        The difference is whether to wait: a password does not become right by itself.
        """
        try:
            self._connect(heartbeat_s=0).release()
        except (AccessRefused, NotAllowed) as exc:
            raise UsageError(f"the broker refuses this user or virtual host: {exc}") from exc
        except KeyError as exc:
            # kombu's answer to a scheme that it has no transport for.
            raise UsageError("the broker's URL must begin with amqp://") from exc
        except Exception as exc:
            raise BrokerUnavailable(f"the broker did not answer: {exc!r}") from exc

    def close(self) -> None:
        with self._lock:
            self._drop_link()

    def _consume_connected(
        self, kind: Kind, queue: str, handler: Handler, stop: threading.Event
    ) -> None:
        with self._connect(HEARTBEAT_S) as connection:
            channel = connection.channel()
            self._declare(channel, queue)
            consumer = Consumer(
                channel,
                [Queue(queue, no_declare=True)],
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

    def _command(self, command: Callable[[Any], _Answer], queue: str) -> _Answer:
        """Run `command` on the shared connection's channel, within a bounded time."""
        with self._lock:
            if time.monotonic() < self._rest_until:
                raise BrokerUnavailable("the broker did not answer a moment ago")
            try:
                return self._on_a_link(command, queue)
            except Exception as exc:
                self._forget_link()
                self._rest_until = time.monotonic() + REST_S
                raise BrokerUnavailable(f"the broker did not answer: {exc!r}") from exc

    def _on_a_link(self, command: Callable[[Any], _Answer], queue: str) -> _Answer:
        if self._link is not None:
            try:
                return self._run(self._link, command, queue)
            except MessageNacked:
                raise
            except Exception:
                # It may just have been idle for too long: a fresh one tells.
                self._forget_link()
        connection = self._connect(heartbeat_s=0)
        self._link = _Link(connection, connection.channel(), set())
        return self._run(self._link, command, queue)

    def _run(self, link: _Link, command: Callable[[Any], _Answer], queue: str) -> _Answer:
        # Without its queue a message would be dropped in silence.
        if queue not in link.declared:
            self._declare(link.channel, queue)
            link.declared.add(queue)
        return command(link.channel)

    def _connect(self, heartbeat_s: int) -> Connection:
        """One try; kombu's own retries would sleep for seconds, or for ever."""
        if self._embedded:
            connection = Connection(
                transport=embedded_broker.Transport, transport_options={"folder": self._folder}
            )
        else:
            connection = Connection(
                self._url,
                connect_timeout=ANSWER_TIMEOUT_S,
                heartbeat=heartbeat_s,
                transport_options={
                    "confirm_publish": True,
                    "read_timeout": ANSWER_TIMEOUT_S,
                    "write_timeout": ANSWER_TIMEOUT_S,
                },
            )
        connection.ensure_connection(max_retries=0)
        return connection

    def _declare(self, channel: Any, queue: str) -> Any:
        of_a_pipeline = queue.startswith(f"{self._prefix}.{Kind.JOB.value}s.")
        expires = {"x-expires": _EXPIRES_MS} if of_a_pipeline else {}
        return channel.queue_declare(
            queue, durable=True, auto_delete=False, arguments=_QUEUE_ARGUMENTS | expires
        )

    def _drop_link(self) -> None:
        if self._link is not None:
            self._link.connection.release()
            self._link = None

    def _forget_link(self) -> None:
        """Without a farewell, whose answer a broker that is frozen would be waited for as well."""
        if self._link is not None:
            self._link.connection.collect()
            self._link = None

    def _name(self, kind: Kind, pipeline: str) -> str:
        name = f"{self._prefix}.{kind.value}s"
        return f"{name}.{pipeline[:_NAMED_BY]}" if pipeline else name


def _assert_understood(url: str) -> None:
    """Here and once: what is said later of a failure to connect may not quote a password."""
    try:
        for each in url.split(";"):
            url_to_parts(each)
    except ValueError:
        raise UsageError(
            "the broker's URL cannot be understood: special characters in a password must be"
            " percent-encoded"
        ) from None


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
