"""A node with everything it stands on, and its configuration."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from pydicom import Dataset

from dicom_node.config import Config
from dicom_node.demo.node import RunningNode, free_port
from dicom_node.demo.pacs import Pacs
from dicom_node.ledger import Event, JobState, Ledger
from tests.system.faults.servers import Postgres, RabbitMQ
from tests.system.faults.stream import ARRIVES_WITHIN_S, Stream, assert_each_once
from tests.system.waiting import wait_until

#: Seconds within which a sender has its answer, whatever the database or the broker does.
ANSWER_WITHIN_S = 10.0

#: What the database and the broker have no part in.
on_the_default = pytest.mark.parametrize("ground", ["embedded"], indirect=True)
#: What they have little part in: on services only where there is time for it.
also_on_services = pytest.mark.parametrize(
    "ground", ["embedded", pytest.param("services", marks=pytest.mark.long)], indirect=True
)


@dataclass(frozen=True, slots=True)
class Ground:
    """A node, what it stands on, and the archive it sends to."""

    node: RunningNode
    pacs: Pacs
    config: Config
    postgres: Postgres | None  #: None: SQLite
    rabbitmq: RabbitMQ | None  #: None: the embedded broker
    streams: list[Stream] = field(default_factory=list)  #: all that was ever sent to it
    #: Sent besides: some of them have results, some a report that says why not.
    others: list[Dataset] = field(default_factory=list)

    def stream(self, every_s: float = 1.0) -> Stream:
        self.streams.append(Stream(self.node.port, every_s))
        return self.streams[-1]

    def assert_each_once(self, since: float | None = None) -> None:
        """Of all that was accepted so far, by this fault's test and those before."""
        accepted = [one for stream in self.streams for one in stream.accepted]
        given_up = [one for stream in self.streams for one in stream.given_up]
        assert_each_once(accepted, self.pacs, since, [*self.others, *given_up])

    def ledger(self) -> Ledger:
        return Ledger.open(self.config.ledger_url)

    def assert_never_given_up(self, stream: Stream) -> None:
        """Nobody was held for dead, and nothing waited for a lease to run out."""
        with closing(self.ledger()) as ledger:
            for radiograph in stream.accepted:
                uid = radiograph.SOPInstanceUID
                # What is kept in reserve is built after all that leaves.
                wait_until(partial(is_built, ledger, uid), ARRIVES_WITHIN_S, f"{uid} to be built")
                (job,) = ledger.jobs.of_instance(uid)
                happened = [entry.event for entry in ledger.reports.events(job.id)]
                assert (job.deaths, job.attempts) == (0, 1), str(happened)
                assert not {Event.FREED, Event.RETURNED} & set(happened), str(happened)


def is_built(ledger: Ledger, sop_instance_uid: str) -> bool:
    return [job.state for job in ledger.jobs.of_instance(sop_instance_uid)] == [JobState.BUILT]


@contextmanager
def paused(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def configuration(
    state: Path, name: str, pacs: Pacs, postgres: Postgres | None, rabbitmq: RabbitMQ | None
) -> str:
    """Of a node whose queues are named `name`."""
    ledger = f'[ledger]\nurl = "{postgres.url}"' if postgres else ""
    broker = f'[broker]\nurl = "{rabbitmq.url}"\nqueue_prefix = "{name}"' if rabbitmq else ""
    return f"""
        [node]
        state = "{state}"
        port = {free_port()}
        {ledger}
        {broker}
        [[destination]]
        name = "pacs"
        aet = "{pacs.aet}"
        host = "{pacs.host}"
        port = {pacs.port}
        """
