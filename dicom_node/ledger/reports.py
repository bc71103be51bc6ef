"""What people and metrics ask the ledger: one job's history, and the health of the whole."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from dicom_node.ledger.database import Database
from dicom_node.ledger.records import Entry, Failure, Substitution, Summary
from dicom_node.ledger.schema import deliveries, events, jobs
from dicom_node.ledger.states import DeliveryState, JobState

#: How many failures a summary names.
LAST_FAILURES = 10


class Reports(Database):
    """The part of the ledger that only reads."""

    def events(self, job_id: int) -> list[Entry]:
        """All that happened to a job and its deliveries, in order."""
        columns = [column for column in events.c if column.name != "id"]
        query = select(*columns).where(events.c.job_id == job_id).order_by(events.c.id)
        with self._read() as connection:
            return [Entry(**row._asdict()) for row in connection.execute(query)]

    def summary(self) -> Summary:
        with self._read() as connection:
            return Summary(
                counts=_counts(connection),
                oldest_waiting_age_s=_oldest_waiting_age_s(connection, self._clock()),
                deliveries_waiting=_deliveries_waiting(connection),
                substitutions=_substitutions(connection),
                failures=_failures(connection),
            )


def _counts(connection: Connection) -> dict[JobState, int]:
    query = select(jobs.c.state, func.count()).group_by(jobs.c.state)
    counted: dict[str, int] = dict(connection.execute(query).all())
    return {state: counted.get(state, 0) for state in JobState}


def _oldest_waiting_age_s(connection: Connection, now: datetime) -> float | None:
    unfinished = jobs.c.state.in_([JobState.RECEIVED, JobState.ANALYZING])
    oldest = connection.execute(select(func.min(jobs.c.received_at)).where(unfinished)).scalar()
    return None if oldest is None else max(0.0, (now - oldest).total_seconds())


def _deliveries_waiting(connection: Connection) -> dict[str, int]:
    query = (
        select(deliveries.c.destination, func.count())
        .where(deliveries.c.state.in_([DeliveryState.WAITING, DeliveryState.DAMAGED]))
        .group_by(deliveries.c.destination)
        .order_by(deliveries.c.destination)
    )
    return dict(connection.execute(query).all())


def _substitutions(connection: Connection) -> tuple[Substitution, ...]:
    last_at = func.max(deliveries.c.updated_at)
    query = (
        select(deliveries.c.reason, func.count(), last_at)
        .where(deliveries.c.state == DeliveryState.SUBSTITUTED)
        .group_by(deliveries.c.reason)
        .order_by(last_at.desc(), deliveries.c.reason)
    )
    return tuple(Substitution(*row) for row in connection.execute(query))


def _failures(connection: Connection) -> tuple[Failure, ...]:
    ended = jobs.c.state.in_([JobState.FAILED, JobState.SKIPPED])
    query = select(jobs.c.sop_instance_uid, jobs.c.updated_at, jobs.c.state, jobs.c.reason)
    newest = query.where(ended).order_by(jobs.c.updated_at.desc(), jobs.c.id.desc())
    return tuple(
        Failure(row.sop_instance_uid, row.updated_at, JobState(row.state), row.reason or "")
        for row in connection.execute(newest.limit(LAST_FAILURES))
    )
