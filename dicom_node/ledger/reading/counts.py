"""How much waits and how much has failed: for a monitor, and by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, case, func, select

from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.former import JOB, in_state
from dicom_node.ledger.tables.lines import IMAGE_SINCE, RESULT_SINCE
from dicom_node.ledger.tables.moves import Condition
from dicom_node.ledger.tables.schema import RADIOGRAPH, deliveries, instances, jobs
from dicom_node.ledger.tables.states import (
    MISSING,
    UNDELIVERED,
    DeliveryState,
    JobState,
)

#: Of jobs: no worker has finished it.
_UNFINISHED = (JobState.RECEIVED, JobState.ANALYZING)

_STATE = JOB[0]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is on its way, of one kind."""

    count: int
    oldest_s: float  #: since its image came, or a person asked for it again; 0: none waits


@dataclass(frozen=True, slots=True)
class Backlog:
    """What has not come out of the node, and what will not by itself."""

    jobs: Waiting  #: instances that no worker has finished
    deliveries: Waiting  #: outputs that are not at their destination
    failed: int  #: instances that FAILED
    refused: int  #: instances that did not, of which a result was refused or lost
    unverified: int  #: instances of which a destination has not confirmed to keep a result

    @property
    def oldest_s(self) -> float:
        return max(self.jobs.oldest_s, self.deliveries.oldest_s)


@dataclass(frozen=True, slots=True)
class Day:
    """What came on one day, as it stands now."""

    begins: datetime
    received: int  #: radiographs: not what readers drew or selected, nor what is of no use here
    skipped: int  #: of them
    failed: int  #: of them
    refused: int  #: of them: those of which a result was refused or lost


class Counts(Part):
    """The part of the ledger behind `status --check` and the days in `status`."""

    def backlog(self, since: datetime) -> Backlog:
        """What waits now, and what ended badly at or after `since` and is not repaired."""
        now = self._database.now()
        unfinished = _of(jobs, IMAGE_SINCE).where(jobs.c.state.in_(_UNFINISHED))
        undelivered = _of(deliveries.join(jobs), RESULT_SINCE).where(
            deliveries.c.state.in_(UNDELIVERED)
        )
        failed = in_state(JobState.FAILED)
        lost = select(deliveries.c.job_id).where(
            deliveries.c.state.in_(MISSING), deliveries.c.updated_at >= since
        )
        unverified = select(deliveries.c.job_id).where(
            deliveries.c.state == DeliveryState.UNVERIFIED, deliveries.c.updated_at >= since
        )
        with self._database.read() as connection:
            return Backlog(
                _waiting(connection, unfinished, now),
                _waiting(connection, undelivered, now),
                _count(connection, failed, jobs.c.updated_at >= since),
                _count(connection, ~failed, jobs.c.id.in_(lost)),
                _count(connection, jobs.c.id.in_(unverified)),
            )

    def unfinished(self) -> dict[str, int]:
        """Instances that no worker has finished, by the pipeline they ask for."""
        query = select(jobs.c.pipeline, func.count()).where(jobs.c.state.in_(_UNFINISHED))
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(jobs.c.pipeline).order_by(jobs.c.pipeline))
            return dict(rows.all())

    def days(self, begin: Sequence[datetime]) -> list[Day]:
        """A row for each of the moments in `begin`, in rising order: what came from it to the next.

        When a day begins is the caller's matter: a person's begins at local midnight.
        """
        lost = select(deliveries.c.job_id).where(deliveries.c.state.in_(MISSING))
        number = case(
            *((jobs.c.received_at >= at, index) for index, at in reversed(list(enumerate(begin))))
        ).label("number")
        query = (
            select(number, _STATE, jobs.c.id.in_(lost).label("lost"), func.count())
            .outerjoin(
                instances,
                (instances.c.sop_instance_uid == jobs.c.sop_instance_uid)
                & (instances.c.sha256 == jobs.c.sha256),
            )
            .where(
                jobs.c.received_at >= begin[0],
                # The version before kept no instances.
                func.coalesce(instances.c.kind, RADIOGRAPH) == RADIOGRAPH,
            )
            .group_by(number, _STATE, "lost")
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [_day(at, [row for row in rows if row.number == i]) for i, at in enumerate(begin)]


def _day(begins: datetime, rows: Sequence[Any]) -> Day:
    def count(*states: JobState) -> int:
        return sum(number for _, state, _, number in rows if state in states)

    return Day(
        begins=begins,
        received=count(*JobState),
        skipped=count(JobState.SKIPPED),
        failed=count(JobState.FAILED),
        refused=sum(number for _, _, was_lost, number in rows if was_lost),
    )


def _of(rows: FromClause, since: ColumnElement[datetime]) -> "Select[Any, Any]":
    return select(func.count(), func.min(since)).select_from(rows)


def _waiting(connection: Connection, query: "Select[Any, Any]", now: datetime) -> Waiting:
    count, oldest = connection.execute(query).one()
    return Waiting(count, max(0.0, (now - oldest).total_seconds()) if count else 0.0)


def _count(connection: Connection, *conditions: Condition) -> int:
    query = select(func.count()).select_from(jobs).where(*conditions)
    return connection.execute(query).scalar_one()
