"""A broker that answers no: a queue that is full, or has no leader yet."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from dicom_node.errors import BrokerUnavailable
from dicom_node.queueing import Kind, Queues
from tests.system.faults.servers import RabbitMQ

pytestmark = pytest.mark.slow

#: Less than the publisher waits in all before it gives up.
LATER_S = 0.2


def test_an_id_that_the_broker_refuses_for_a_moment_is_published_all_the_same(
    rabbitmq: RabbitMQ,
) -> None:
    with full_queue(rabbitmq) as queues, closing(of(rabbitmq)) as consumer:
        taken: list[int] = []
        stop = threading.Event()
        empties = threading.Timer(
            LATER_S, consumer.consume, (Kind.JOB, lambda one: taken.append(one.id), stop)
        )
        empties.start()
        try:
            queues.publish(Kind.JOB, 8)
        finally:
            stop.set()
            empties.join()


def test_an_id_that_the_broker_goes_on_refusing_is_said_and_then_not_tried_for_a_while(
    rabbitmq: RabbitMQ,
) -> None:
    with full_queue(rabbitmq) as queues:
        with pytest.raises(BrokerUnavailable, match="MessageNacked"):
            queues.publish(Kind.JOB, 8)
        with pytest.raises(BrokerUnavailable, match="a moment ago"):
            queues.publish(Kind.JOB, 8)


@contextmanager
def full_queue(rabbitmq: RabbitMQ) -> Iterator[Queues]:
    with rabbitmq.of_one_message_each(), closing(of(rabbitmq)) as queues:
        # RabbitMQ takes one above the limit before it tells its channels.
        for number in (1, 2):
            queues.publish(Kind.JOB, number)
        yield queues


def of(rabbitmq: RabbitMQ) -> Queues:
    return Queues(rabbitmq.url, None, prefetch=1, prefix="refusing")
