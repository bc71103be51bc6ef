"""What people and metrics ask the ledger: one job's history, and the health of the whole."""

import re
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.former import count_states, in_state
from dicom_node.ledger.tables.lines import IMAGE_SINCE, RESULT_SINCE
from dicom_node.ledger.tables.priority import Priority
from dicom_node.ledger.tables.progress import count_progress
from dicom_node.ledger.tables.records import (
    REJECTION_NOTE,
    Change,
    Entry,
    Failure,
    Line,
    Refusal,
    Skipped,
    Substitution,
    Summary,
    Unverified,
)
from dicom_node.ledger.tables.schema import deliveries, events, is_change, jobs, outputs
from dicom_node.ledger.tables.states import (
    MISSING,
    UNDELIVERED,
    DeliveryState,
    Event,
    JobState,
)
from dicom_node.skipping import head_of

#: How many failures a summary names.
LAST_FAILURES = 10
#: How many deliveries that were refused or lost.
LAST_REFUSALS = 10
#: How many reasons for skipping, and how many jobs, the newest, are asked for theirs.
SKIP_REASONS = 10
SKIPS_LOOKED_AT = 10_000
#: How many replaced or withdrawn results.
LAST_CHANGES = 10
#: What ends a job FAILED.
_FAILING = (Event.FAILED, Event.GIVEN_UP)
#: Of a traceback in an event's detail, the exception: the first line that is not indented.
_TRACEBACK = "Traceback (most recent call last):"
_RAISED = re.compile(r"^(?:\w+\.)*(\w+)(?::|$)", re.MULTILINE)

_FAILED: Select[Any] = select(
    jobs.c.id, jobs.c.sop_instance_uid, jobs.c.updated_at, jobs.c.reason
).where(in_state(JobState.FAILED))


class Reports(Part):
    """The part of the ledger that only reads."""

    def events(self, job_id: int) -> list[Entry]:
        """All that happened to a job and its deliveries, in order."""
        columns = [column for column in events.c if column.name != "id"]
        query = select(*columns).where(events.c.job_id == job_id).order_by(events.c.id)
        with self._database.read() as connection:
            return [Entry(**row._asdict()) for row in connection.execute(query)]

    def failure(self, job_id: int) -> Failure | None:
        """How a job ended FAILED; None where it did not."""
        query = _FAILED.where(jobs.c.id == job_id)
        with self._database.read() as connection:
            row = connection.execute(query).first()
            return None if row is None else _failure(connection, row)

    def deliveries_waiting(self) -> dict[str, int]:
        """How many wait for each destination."""
        with self._database.read() as connection:
            return _deliveries_waiting(connection)

    def summary(self) -> Summary:
        now = self._database.now()
        with self._database.read() as connection:
            counts = count_states(connection)
            return Summary(
                counts=counts,
                progress=count_progress(connection, counts[JobState.BUILT]),
                oldest_waiting_age_s=_oldest_waiting_age_s(connection, now),
                waiting=_waiting(connection, now),
                deliveries_waiting=_deliveries_waiting(connection),
                oldest_delivery_age_s=_oldest_delivery_age_s(connection, now),
                substitutions=_substitutions(connection),
                skipped=_skipped(connection),
                failures=_failures(connection),
                refusals=_refusals(connection),
                unverified=_unverified(connection),
                changes=_changes(connection),
            )


def _oldest_waiting_age_s(connection: Connection, now: datetime) -> float | None:
    unfinished = jobs.c.state.in_([JobState.RECEIVED, JobState.ANALYZING])
    oldest = connection.execute(select(func.min(IMAGE_SINCE)).where(unfinished)).scalar()
    return None if oldest is None else max(0.0, (now - oldest).total_seconds())


def _waiting(connection: Connection, now: datetime) -> dict[Priority, Line]:
    query = (
        select(jobs.c.priority, func.count(), func.min(IMAGE_SINCE))
        .where(jobs.c.state == JobState.RECEIVED)
        .group_by(jobs.c.priority)
        .order_by(jobs.c.priority)
    )
    return {
        Priority(priority): Line(count, max(0.0, (now - oldest).total_seconds()))
        for priority, count, oldest in connection.execute(query)
    }


def _deliveries_waiting(connection: Connection) -> dict[str, int]:
    query = (
        select(deliveries.c.destination, func.count())
        .where(deliveries.c.state.in_(UNDELIVERED))
        .group_by(deliveries.c.destination)
        .order_by(deliveries.c.destination)
    )
    return dict(connection.execute(query).all())


def _oldest_delivery_age_s(connection: Connection, now: datetime) -> dict[str, float]:
    """Since the radiograph came, or a person asked for it: what a reader has been waiting."""
    query = (
        select(deliveries.c.destination, func.min(RESULT_SINCE))
        .join(jobs, deliveries.c.job_id == jobs.c.id)
        .where(deliveries.c.state == DeliveryState.WAITING)
        .group_by(deliveries.c.destination)
        .order_by(deliveries.c.destination)
    )
    return {
        name: max(0.0, (now - oldest).total_seconds()) for name, oldest in connection.execute(query)
    }


def _substitutions(connection: Connection) -> tuple[Substitution, ...]:
    last_at = func.max(deliveries.c.updated_at)
    query = (
        select(deliveries.c.reason, func.count(), last_at)
        .where(deliveries.c.state == DeliveryState.SUBSTITUTED)
        .group_by(deliveries.c.reason)
        .order_by(last_at.desc(), deliveries.c.reason)
    )
    return tuple(Substitution(*row) for row in connection.execute(query))


def _skipped(connection: Connection) -> tuple[Skipped, ...]:
    newest = (
        select(jobs.c.reason, jobs.c.updated_at)
        .where(jobs.c.state == JobState.SKIPPED)
        .order_by(jobs.c.id.desc())
        .limit(SKIPS_LOOKED_AT)
        .subquery()
    )
    query = select(newest.c.reason, func.count(), func.max(newest.c.updated_at))
    alike: dict[str, Skipped] = {}
    for said, number, at in connection.execute(query.group_by(newest.c.reason)):
        reason = head_of(said or "")
        other = alike.get(reason, Skipped(reason, 0, at))
        alike[reason] = Skipped(reason, other.count + number, max(other.last_at, at))
    most = sorted(alike.values(), key=lambda one: (one.count, one.last_at), reverse=True)
    return tuple(most[:SKIP_REASONS])


def _failures(connection: Connection) -> tuple[Failure, ...]:
    newest = _FAILED.order_by(jobs.c.updated_at.desc(), jobs.c.id.desc()).limit(LAST_FAILURES)
    return tuple(_failure(connection, row) for row in connection.execute(newest).all())


def _failure(connection: Connection, job: Row[Any]) -> Failure:
    how = _how_it_failed(connection, job.id)
    return Failure(job.id, job.sop_instance_uid, job.updated_at, job.reason or "", *how)


def _how_it_failed(connection: Connection, job_id: int) -> tuple[str, str]:
    """The event that ended the job, and the name of the exception behind it."""
    query = (
        select(events.c.event, events.c.detail)
        .where(events.c.job_id == job_id, events.c.event.in_(_FAILING))
        .order_by(events.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    if row is None:
        return "", ""
    _, found, said = row.detail.rpartition(_TRACEBACK)
    raised = _RAISED.search(said) if found else None
    return row.event, raised[1] if raised else ""


def _refusals(connection: Connection) -> tuple[Refusal, ...]:
    """One line for a job's deliveries that ended alike at a destination."""
    alike = (jobs.c.sop_instance_uid, deliveries.c.job_id, deliveries.c.destination,
             deliveries.c.state, deliveries.c.reason,
             (outputs.c.role == REJECTION_NOTE).label("is_note"))  # fmt: skip
    last_at = func.max(deliveries.c.updated_at)
    query = (
        select(*alike, last_at.label("at"), func.count().label("outputs"))
        .join(jobs, deliveries.c.job_id == jobs.c.id)
        .join(outputs, deliveries.c.output_id == outputs.c.id)
        .where(deliveries.c.state.in_(MISSING))
        .group_by(*alike)
        .order_by(last_at.desc(), deliveries.c.job_id.desc())
        .limit(LAST_REFUSALS)
    )
    return tuple(
        Refusal(row.job_id, row.sop_instance_uid, row.destination, row.at, row.reason or "",
                row.outputs, is_lost=row.state == DeliveryState.DEAD,
                is_given_up=row.state == DeliveryState.GIVEN_UP, is_note=row.is_note)
        for row in connection.execute(query)
    )  # fmt: skip


def _unverified(connection: Connection) -> tuple[Unverified, ...]:
    """One line for a job's deliveries to a destination that it left unconfirmed alike."""
    alike = (jobs.c.sop_instance_uid, deliveries.c.job_id, deliveries.c.destination,
             deliveries.c.verification)  # fmt: skip
    last_at = func.max(deliveries.c.updated_at)
    query = (
        select(*alike, last_at.label("at"), func.count().label("outputs"))
        .join(jobs, deliveries.c.job_id == jobs.c.id)
        .where(deliveries.c.state == DeliveryState.UNVERIFIED)
        .group_by(*alike)
        .order_by(last_at.desc(), deliveries.c.job_id.desc())
        .limit(LAST_REFUSALS)
    )
    return tuple(
        Unverified(row.job_id, row.sop_instance_uid, row.destination, row.at,
                   row.verification or "", row.outputs)
        for row in connection.execute(query)
    )  # fmt: skip


def _changes(connection: Connection) -> tuple[Change, ...]:
    """One line for a job's deliveries that a note takes back together."""
    query = (
        select(jobs.c.sop_instance_uid, func.max(events.c.at).label("at"), events.c.event,
               events.c.detail, func.count().label("outputs"))
        .join(jobs, events.c.job_id == jobs.c.id)
        .where(is_change)
        .group_by(jobs.c.sop_instance_uid, events.c.job_id, events.c.event, events.c.detail)
        .order_by(func.max(events.c.id).desc())
        .limit(LAST_CHANGES)
    )  # fmt: skip
    return tuple(
        Change(row.sop_instance_uid, row.at, _what(row.event, row.detail, row.outputs))
        for row in connection.execute(query)
    )


def _what(event: str, detail: str, outputs: int) -> str:
    if event == Event.RETRACTED:
        return f"{outputs} outputs {event}: {detail}"
    # The reason of a rejection begins with the word itself.
    return detail if detail.startswith(f"{event}:") else f"{event}: {detail}"
