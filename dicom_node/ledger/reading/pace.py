"""How fast work comes and goes: each stage at this moment, and what passed it in the last hours."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, case, func, select

from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.lines import IMAGE_SINCE, RESULT_SINCE
from dicom_node.ledger.tables.schema import deliveries, events, findings, instances, jobs
from dicom_node.ledger.tables.states import DeliveryState, Event, JobState

#: What takes a job, or a delivery, out of each stage.
ANALYSED = (Event.BUILT, Event.SKIPPED, Event.FAILED, Event.GIVEN_UP)
STORED = (Event.DELIVERED, Event.SENT)
CONFIRMED = (Event.VERIFIED,)
#: Arrivals that are looked at, the newest.
_MOST_ARRIVALS = 50_000


@dataclass(frozen=True, slots=True)
class Stage:
    """What is in one stage now."""

    waiting: int
    in_work: int
    retrying: int  #: of those that wait: tried before
    #: Since the image came that has waited longest, or a person asked for it; 0: none waits.
    oldest_s: float


@dataclass(frozen=True, slots=True)
class Stages:
    """The way of a radiograph, in its order."""

    analysis: Stage  #: of jobs
    delivery: Stage  #: of outputs
    verification: Stage  #: of outputs that are stored, and not confirmed yet


@dataclass(frozen=True, slots=True)
class Flow:
    """What passed each stage in spans of time, the oldest first."""

    received: tuple[int, ...]  #: jobs
    analysed: tuple[int, ...]  #: jobs
    stored: tuple[int, ...]  #: outputs that a destination answered to have stored
    confirmed: tuple[int, ...]  #: of these, those that it confirmed to keep


@dataclass(frozen=True, slots=True)
class Declined:
    """Outputs that a destination answered for and did not take, and that are sent again."""

    count: int
    reason: str  #: of the last one


@dataclass(frozen=True, slots=True)
class Arrival:
    """An instance that came, and from whom."""

    calling_aet: str
    station_name: str  #: "" where the header does not say
    at: datetime


class Pace(Part):
    """The part of the ledger behind the stages of the page."""

    def stages(self) -> Stages:
        now = self._database.now()
        with self._database.read() as connection:
            return Stages(
                _analysis(connection, now),
                _of_deliveries(connection, DeliveryState.WAITING, now),
                _of_deliveries(connection, DeliveryState.SENT, now),
            )

    def declined(self) -> Mapping[str, Declined]:
        """By destination: what it has answered for and not taken, and is to be sent again."""
        count = func.count()
        query = (
            select(deliveries.c.destination, count, func.max(deliveries.c.id))
            .where(deliveries.c.state == DeliveryState.WAITING, deliveries.c.attempts > 0,
                   deliveries.c.dimse_status.is_not(None))
            .group_by(deliveries.c.destination)
        )  # fmt: skip
        found = {}
        with self._database.read() as connection:
            for name, number, last in connection.execute(query).all():
                reason = select(deliveries.c.reason).where(deliveries.c.id == last)
                found[name] = Declined(number, connection.execute(reason).scalar() or "")
        return found

    def flow(self, begin: Sequence[datetime]) -> Flow:
        """A number for each of the moments in `begin`, in rising order: from it to the next."""
        with self._database.read() as connection:
            span = _span(jobs.c.received_at, begin)
            came = select(span, func.count()).where(jobs.c.received_at >= begin[0])
            received: dict[int, int] = dict(connection.execute(came.group_by(span)).all())
            first = first_id_since(connection, events, events.c.at, begin[0])
            span = _span(events.c.at, begin)
            passed = (
                select(span, events.c.event, func.count())
                .where(events.c.id >= first, events.c.at >= begin[0],
                       events.c.event.in_((*ANALYSED, *STORED, *CONFIRMED)))
                .group_by(span, events.c.event)
            )  # fmt: skip
            rows = connection.execute(passed).all()

        def count(meant: Collection[str]) -> tuple[int, ...]:
            found = [0] * len(begin)
            for number, event, times in rows:
                found[number] += times if event in meant else 0
            return tuple(found)

        return Flow(
            tuple(received.get(number, 0) for number in range(len(begin))),
            count(ANALYSED),
            count(STORED),
            count(CONFIRMED),
        )

    def turnarounds_s(self, since: datetime) -> list[float]:
        """Of what came since: seconds until a destination had first stored its last result."""
        with self._database.read() as connection:
            first = first_id_since(connection, events, events.c.at, since)
            stored = (
                select(events.c.job_id, func.min(events.c.at).label("at"))
                .where(events.c.id >= first, events.c.event.in_(STORED))
                .group_by(events.c.job_id, events.c.delivery_id)
                .subquery()
            )
            query = (
                select(jobs.c.received_at, func.max(stored.c.at, type_=events.c.at.type))
                .join(stored, stored.c.job_id == jobs.c.id)
                .where(jobs.c.received_at >= since)
                .group_by(jobs.c.id, jobs.c.received_at)
            )
            rows = connection.execute(query).all()
        return sorted(max(0.0, (at - received).total_seconds()) for received, at in rows)

    def decisions(self, since: datetime) -> Mapping[str, int]:
        """Of what came since and was analysed: how many by decision."""
        query = (
            select(findings.c.decision, func.count())
            .join(jobs, (findings.c.job_id == jobs.c.id) & (findings.c.issue == jobs.c.issue))
            .where(jobs.c.received_at >= since)
            .group_by(findings.c.decision)
        )
        with self._database.read() as connection:
            return dict(connection.execute(query).all())

    def deaths(self, since: datetime) -> int:
        """How often a worker vanished with a job in its hand."""
        with self._database.read() as connection:
            first = first_id_since(connection, events, events.c.at, since)
            freed = events.c.event.in_((Event.FREED, Event.GIVEN_UP))
            query = select(func.count()).select_from(events)
            return connection.execute(query.where(events.c.id >= first, freed)).scalar_one()

    def arrivals(self, since: datetime) -> list[Arrival]:
        """What came since, from whom, the newest first."""
        columns = instances.c.calling_aet, instances.c.station_name, instances.c.received_at
        with self._database.read() as connection:
            first = first_id_since(connection, instances, instances.c.received_at, since)
            query = (
                select(*columns)
                .where(instances.c.id >= first, instances.c.received_at >= since)
                .order_by(instances.c.id.desc())
                .limit(_MOST_ARRIVALS)
            )
            return [Arrival(*row) for row in connection.execute(query)]


def first_id_since(
    connection: Connection, table: Table, at: Column[datetime], since: datetime
) -> int:
    """The first row at or after `since` of a table that only grows, by some twenty looks: its rows
    are numbered in the order of their times, but for a few that were written together.
    """
    highest: int = connection.execute(select(func.max(table.c.id))).scalar() or 0
    low, high = 0, highest + 1
    while low < high:
        middle = (low + high) // 2
        look = select(at).where(table.c.id >= middle).order_by(table.c.id).limit(1)
        found = connection.execute(look).scalar()
        if found is None or found >= since:
            high = middle
        else:
            low = middle + 1
    return low


def _span(at: Column[datetime], begin: Sequence[datetime]) -> Any:
    spans = reversed(list(enumerate(begin)))
    return case(*((at >= moment, number) for number, moment in spans)).label("span")


def _analysis(connection: Connection, now: datetime) -> Stage:
    def count(*conditions: Any) -> int:
        query = select(func.count()).select_from(jobs).where(*conditions)
        return connection.execute(query).scalar_one()

    waits, held = jobs.c.state == JobState.RECEIVED, jobs.c.state == JobState.ANALYZING
    oldest = connection.execute(select(func.min(IMAGE_SINCE)).where(waits | held)).scalar()
    return Stage(count(waits), count(held), count(waits, jobs.c.attempts > 0), _since(oldest, now))


def _of_deliveries(connection: Connection, state: DeliveryState, now: datetime) -> Stage:
    in_it = deliveries.c.state == state
    is_held, is_tried = deliveries.c.owner.is_not(None), deliveries.c.attempts > 0
    tried = is_tried if state is DeliveryState.WAITING else deliveries.c.checks > 1
    counted = (
        select(is_held.label("held"), tried.label("tried"), func.count())
        .where(in_it)
        .group_by("held", "tried")
    )
    rows = connection.execute(counted).all()
    oldest = (
        select(func.min(RESULT_SINCE))
        .select_from(deliveries.join(jobs, deliveries.c.job_id == jobs.c.id))
        .where(in_it)
    )
    return Stage(
        sum(number for held, _, number in rows if not held),
        sum(number for held, _, number in rows if held),
        sum(number for held, again, number in rows if again and not held),
        _since(connection.execute(oldest).scalar(), now),
    )


def _since(oldest: datetime | None, now: datetime) -> float:
    return 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
