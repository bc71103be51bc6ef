"""The node in figures at one moment: what waits and since when, who lives, who is not reached."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, func, select

from dicom_node.ledger.archives.inquiries import LATELY, GivenUp, given_up_in
from dicom_node.ledger.sending.breakers import standings
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.lines import IMAGE_SINCE, RESULT_SINCE
from dicom_node.ledger.tables.records import Standing
from dicom_node.ledger.tables.schema import deliveries, jobs, workers
from dicom_node.ledger.tables.states import MISSING, DeliveryState, JobState
from dicom_node.ledger.watching.drifts import Drift, drifts_in
from dicom_node.ledger.work.workers import LEASE_S


class Place(StrEnum):
    """Where an image, or a result, is on its way."""

    WAITING = "waiting"  #: images, for a worker
    ANALYSIS = "analysis"  #: images, in a worker's hand
    DELIVERY = "delivery"  #: results, for their destination
    REBUILD = "rebuild"  #: results whose files are damaged
    VERIFICATION = "verification"  #: results that a destination is to confirm


_JOBS = {JobState.RECEIVED: Place.WAITING, JobState.ANALYZING: Place.ANALYSIS}
_DELIVERIES = {
    DeliveryState.WAITING: Place.DELIVERY,
    DeliveryState.DAMAGED: Place.REBUILD,
    DeliveryState.SENT: Place.VERIFICATION,
}
_DEAD = (*MISSING, DeliveryState.UNVERIFIED)


@dataclass(frozen=True, slots=True)
class Depth:
    """How much is at one place, for one destination."""

    place: Place
    destination: str  #: "" for images
    count: int
    oldest_s: float  #: since its image came, or a person asked for it again


@dataclass(frozen=True, slots=True)
class Dead:
    """What ended without getting anywhere, and waits for a person."""

    destination: str  #: "": images that FAILED
    state: str  #: of the job, or the deliveries
    count: int
    lately: int  #: of them: within `LATELY`


@dataclass(frozen=True, slots=True)
class Living:
    """A process that is alive."""

    part: str
    host: str
    engine: str  #: "" of what is no worker
    gpu_used_bytes: int | None
    gpu_size_bytes: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one moment."""

    at: datetime
    depths: tuple[Depth, ...]  #: every place of images; of results only where there are some
    dead: tuple[Dead, ...]  #: only where there are some
    standings: Mapping[str, Standing]  #: of each destination of which anything is known
    living: tuple[Living, ...]
    last_arrival_at: datetime | None
    drifts: tuple[Drift, ...] = ()
    given_up: tuple[GivenUp, ...] = ()  #: questions to archives; only where there are some


class Gauges(Part):
    """The part of the ledger behind the metrics' gauges and the alerts."""

    def figures(self, within_s: float | None = None) -> Figures:
        """LedgerUnavailable where it takes longer than `within_s`."""
        now = self._database.now()
        with self._database.snapshot(within_s) as connection:
            return Figures(
                at=now,
                depths=(*_images(connection, now), *_results(connection, now)),
                dead=tuple(_dead(connection, now)),
                standings=standings(connection),
                living=tuple(_living(connection, now)),
                last_arrival_at=connection.execute(select(func.max(jobs.c.received_at))).scalar(),
                drifts=tuple(drifts_in(connection)),
                given_up=tuple(given_up_in(connection, now)),
            )


def _images(connection: Connection, now: datetime) -> Iterator[Depth]:
    for state, place in _JOBS.items():
        query = select(func.count(), func.min(IMAGE_SINCE)).where(jobs.c.state == state)
        count, oldest = connection.execute(query).one()
        yield Depth(place, "", count, _age_s(oldest, now))


def _results(connection: Connection, now: datetime) -> Iterator[Depth]:
    for state, place in _DELIVERIES.items():
        query = (
            select(deliveries.c.destination, func.count(), func.min(RESULT_SINCE))
            .join(jobs, deliveries.c.job_id == jobs.c.id)
            .where(deliveries.c.state == state)
            .group_by(deliveries.c.destination)
            .order_by(deliveries.c.destination)
        )
        for destination, count, oldest in connection.execute(query):
            yield Depth(place, destination, count, _age_s(oldest, now))


def _dead(connection: Connection, now: datetime) -> Iterator[Dead]:
    """Until a person has seen to it, or it is purged."""
    lately = func.count().filter
    failed = select(
        func.count(), lately(jobs.c.updated_at >= now - LATELY)
    ).where(jobs.c.state == JobState.FAILED)  # fmt: skip
    count, recent = connection.execute(failed).one()
    if count:
        yield Dead("", JobState.FAILED, count, recent)
    columns = (deliveries.c.destination, deliveries.c.state)
    query = (
        select(*columns, func.count(), lately(deliveries.c.updated_at >= now - LATELY))
        .where(deliveries.c.state.in_(_DEAD))
        .group_by(*columns)
        .order_by(*columns)
    )
    for row in connection.execute(query):
        yield Dead(*row)


def _living(connection: Connection, now: datetime) -> Iterator[Living]:
    columns = (workers.c.part, workers.c.host, workers.c.engine, workers.c.gpu_used_bytes,
               workers.c.gpu_size_bytes)  # fmt: skip
    lease = timedelta(seconds=LEASE_S)
    alive = workers.c.beat_at.between(now - lease, now + lease)
    query = select(*columns).where(alive).order_by(workers.c.part, workers.c.host, workers.c.name)
    for row in connection.execute(query):
        yield Living(*row)


def _age_s(oldest: datetime | None, now: datetime) -> float:
    return 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
