"""Workers: the processes that live, and the leases that each of them renews by saying so."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Table, delete, select, update

from dicom_node.ledger.tables.database import (
    CONNECT_TIMEOUT_S,
    SILENCE_TIMEOUT_S,
    Part,
    insert_once,
)
from dicom_node.ledger.tables.schema import deliveries, jobs, workers
from dicom_node.ledger.tables.states import DeliveryState, JobState

#: Seconds between two beats. Each is one small transaction: the three processes of one host sync
#: SQLite's disk one and a half times a second.
BEAT_S = 2.0
#: Seconds that a lease lasts from its last renewal; whoever is silent for longer is dead. A living
#: process whose connection broke says nothing until it has noticed and made another.
LEASE_S = BEAT_S + SILENCE_TIMEOUT_S + CONNECT_TIMEOUT_S
#: A process that vanished stays in the list for a person to see, and no longer.
REMEMBERED_FOR = timedelta(hours=1)

_IDENTITY = ("name", "part", "host", "pid", "version", "engine", "pipeline")


@dataclass(frozen=True, slots=True)
class Process:
    """A process of the node: who owns leases."""

    name: str  #: by which it owns them; never used twice
    part: str  #: "listen" | "work" | "send"
    host: str
    pid: int
    version: str  #: of the node's code
    engine: str = ""  #: what a worker runs its networks with
    pipeline: str = ""  #: the one whose jobs a worker does


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """Of a worker's GPU, whoever uses it."""

    used_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A process as the ledger knows it."""

    process: Process
    started_at: datetime
    beat_at: datetime  #: when it last said that it lives
    is_alive: bool  #: that was so lately that its leases stand
    job_ids: tuple[int, ...]  #: what it holds
    deliveries: int  #: how many of these it holds


class Workers(Part):
    """The part of the ledger that says who lives."""

    def beat(
        self,
        process: Process,
        job_ids: Collection[int] = (),
        delivery_ids: Collection[int] = (),
        gpu: GpuMemory | None = None,
    ) -> tuple[set[int], set[int]]:
        """It lives and is at work on these: renew their leases; those that it still holds.

        Only these: what it could not report on, in an outage perhaps, nobody would free any more.
        """
        with self._database.write() as connection:
            self._database.set_clock(connection)
            now = self._database.now()
            _say_alive(connection, process, now, gpu)
            until = now + timedelta(seconds=LEASE_S)
            return (
                _renew(connection, jobs, JobState.ANALYZING, process.name, job_ids, until),
                _renew(connection, deliveries, DeliveryState.WAITING, process.name, delivery_ids,
                       until),
            )  # fmt: skip

    def leave(self, names: Collection[str]) -> None:
        """They have ended and hold nothing."""
        if names:
            with self._database.write() as connection:
                connection.execute(delete(workers).where(workers.c.name.in_(names)))

    def forget_vanished(self) -> None:
        """Leave out those that have been silent for long."""
        before = self._database.now() - REMEMBERED_FOR
        with self._database.read() as connection:
            names = connection.scalars(
                select(workers.c.name).where(workers.c.beat_at < before)
            ).all()
        self.leave(names)

    def all(self) -> list[WorkerRecord]:
        """Every process that lives or vanished lately, with what it holds, by part and host."""
        now = self._database.now()
        with self._database.read() as connection:
            holds = _holds(connection)
            query = select(workers).order_by(workers.c.part, workers.c.host, workers.c.name)
            return [
                WorkerRecord(
                    process=Process(*(getattr(row, key) for key in _IDENTITY)),
                    started_at=row.started_at,
                    beat_at=row.beat_at,
                    # Of the future: the clock was set back, and it has said nothing since.
                    is_alive=abs(now - row.beat_at) <= timedelta(seconds=LEASE_S),
                    job_ids=tuple(holds[0].get(row.name, ())),
                    deliveries=len(holds[1].get(row.name, ())),
                )
                for row in connection.execute(query)
            ]


def _say_alive(
    connection: Connection, process: Process, now: datetime, gpu: GpuMemory | None
) -> None:
    """A new row at the first beat, and where another took this one for dead."""
    identity = {key: getattr(process, key) for key in _IDENTITY}
    connection.execute(
        insert_once(connection, workers, "name").values(started_at=now, beat_at=now, **identity)
    )
    used, size = (gpu.used_bytes, gpu.size_bytes) if gpu else (None, None)
    said = {"beat_at": now, "gpu_used_bytes": used, "gpu_size_bytes": size}
    connection.execute(update(workers).where(workers.c.name == process.name).values(said))


def _renew(
    connection: Connection,
    table: Table,
    state: str,
    owner: str,
    ids: Collection[int],
    until: datetime,
) -> set[int]:
    """No event, and `updated_at` stays: nothing has happened to them."""
    if not ids:
        return set()
    mine = (table.c.id.in_(ids)) & (table.c.owner == owner) & (table.c.state == state)
    renewed = update(table).where(mine).values(lease_until=until).returning(table.c.id)
    return set(connection.scalars(renewed))


def _holds(connection: Connection) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Ids of jobs and of deliveries, by their owner."""
    found: tuple[dict[str, list[int]], dict[str, list[int]]] = ({}, {})
    states = (jobs, JobState.ANALYZING), (deliveries, DeliveryState.WAITING)
    for held, (table, state) in zip(found, states, strict=True):
        query = select(table.c.owner, table.c.id).where(
            table.c.state == state, table.c.owner.is_not(None)
        )
        for row in connection.execute(query.order_by(table.c.id)):
            held.setdefault(row.owner, []).append(row.id)
    return found
