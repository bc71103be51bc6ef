"""The broker cut off, stopped, frozen, emptied, deleted, lied to."""

import json
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kombu.connection import Connection

from dicom_node.cli.node.opening import pipeline_of
from tests.dicom_node.queue_tools import connected
from tests.system.faults.servers import RabbitMQ
from tests.system.faults.setting import ANSWER_WITHIN_S, Ground, paused

pytestmark = pytest.mark.long

on_services = pytest.mark.parametrize("ground", ["services"], indirect=True, scope="session")
on_embedded = pytest.mark.parametrize("ground", ["embedded"], indirect=True, scope="session")


def of(ground: Ground) -> RabbitMQ:
    assert ground.rabbitmq is not None
    return ground.rabbitmq


@on_services
def test_connections_closed_again_and_again_cost_no_job_a_death(ground: Ground) -> None:
    with ground.stream(every_s=1) as stream:
        stream.wait_for(1)
        of(ground).close_connections(times=25, every_ms=600)
        stream.wait_for(1)
    ground.assert_each_once()
    ground.assert_never_given_up(stream)


@on_services
@pytest.mark.parametrize("fault", ["stopped", "frozen"])
def test_a_broker_that_is_away_costs_nothing(ground: Ground, fault: str) -> None:
    server = of(ground)
    with ground.stream() as stream:
        stream.wait_for(1)
        with away(server, fault):
            stream.wait_for(3)
        mended_at = time.monotonic()
        stream.wait_for(1)
    ground.assert_each_once(since=mended_at)
    ground.assert_never_given_up(stream)
    print(f"the slowest answer took {stream.slowest_s:.1f} s")
    assert stream.slowest_s < ANSWER_WITHIN_S


@contextmanager
def away(server: RabbitMQ, fault: str) -> Iterator[None]:
    if fault == "stopped":
        server.stop()
    else:
        server.signal_all(signal.SIGSTOP)
    try:
        yield
    finally:
        if fault == "stopped":
            server.start()
        else:
            server.signal_all(signal.SIGCONT)


@on_services
def test_a_consumer_that_the_broker_holds_for_stuck_keeps_its_job(ground: Ground) -> None:
    """RabbitMQ closes the channel of who has not acknowledged for `consumer_timeout`."""
    with ground.stream(every_s=0.5) as stream, impatient(of(ground)):
        for _ in range(3):
            stream.wait_for(1)
            # What it takes from the broker now, it has in hand for as long.
            with paused(ground.node.pid_of("work")):
                time.sleep(5)
        stream.wait_for(1)
    assert any("lost the broker" in line and "PRECONDITION" in line for line in ground.node.log)
    ground.assert_each_once()
    ground.assert_never_given_up(stream)


@contextmanager
def impatient(server: RabbitMQ) -> Iterator[None]:
    """With whoever does not acknowledge within a second."""
    server.set_consumer_timeout(1000, looked_at_every_ms=500)
    try:
        yield
    finally:
        server.set_consumer_timeout(1_800_000, looked_at_every_ms=60_000)


@on_services
def test_queues_purged_and_deleted_cost_nothing(ground: Ground) -> None:
    with ground.stream(every_s=1) as stream:
        stream.wait_for(2)
        of(ground).on_queues("rabbit_amqqueue:purge(Q)")
        stream.wait_for(2)
        of(ground).on_queues('rabbit_amqqueue:delete(Q, false, false, <<"a test">>)')
        stream.wait_for(2)
    ground.assert_each_once()
    ground.assert_never_given_up(stream)


@on_embedded
def test_messages_removed_from_the_embedded_broker_cost_nothing(ground: Ground) -> None:
    """And then the folder with them, as somebody does who tidies up."""
    with ground.stream(every_s=1) as stream:
        stream.wait_for(2)
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            for message in ground.config.node.queue_folder.glob("*/*.json"):
                message.unlink(missing_ok=True)
        shutil.rmtree(ground.config.node.queue_folder)
        stream.wait_for(2)
    ground.assert_each_once()
    ground.assert_never_given_up(stream)


def test_garbage_and_doubled_messages_change_nothing(ground: Ground) -> None:
    broker = ground.config.broker
    url = "filesystem://" if ground.rabbitmq is None else of(ground).url
    queue = f"{broker.queue_prefix}.jobs.{pipeline_of(ground.config)[:12]}"
    with ground.stream() as stream, connected(url, ground.config.node.queue_folder) as connection:
        stream.wait_for(2)
        job_ids = range(1, len(stream.accepted) + 1)
        for body in (
            b"",
            b"\xff\x00",
            b"[]",
            b'{"job": "1"}',
            b'{"job": 999999999}',
            b'{"output": 1}',
        ):
            publish(connection, queue, body)
        for _ in range(3):
            for job_id in job_ids:
                publish(connection, queue, json.dumps({"job": job_id}).encode())
        stream.wait_for(2)
    ground.assert_each_once()
    ground.assert_never_given_up(stream)


def publish(connection: Connection, queue: str, body: bytes) -> None:
    producer = connection.Producer()
    producer.publish(
        body, routing_key=queue, content_type="application/json", content_encoding="utf-8"
    )
