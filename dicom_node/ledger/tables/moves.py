"""Change a state and write the event: neither can be had without the other."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, update

from dicom_node.ledger.tables.former import in_state
from dicom_node.ledger.tables.schema import deliveries, events, jobs
from dicom_node.ledger.tables.states import (
    DeliveryState,
    Event,
    JobState,
    delivery_after,
    job_after,
)

Condition = ColumnElement[bool]


def move_jobs(
    connection: Connection,
    at: datetime,
    state: JobState,
    event: Event,
    *conditions: Condition,
    by: str | None = None,
    detail: str = "",
    **values: Any,
) -> Sequence[Row[Any]]:
    """Let `event` happen to the jobs that are in `state` and meet the conditions.

    Compare-and-set: what another process has moved on is not touched. The rows moved, as they are
    now; `values` are further columns to set.
    """
    after = job_after(state, event)
    moved = connection.execute(
        update(jobs)
        .where(in_state(state), *conditions)
        .values(state=after, updated_at=at, **values)
        .returning(*jobs.c)
    ).all()
    record(connection, at, event, after, ((row.id, None) for row in moved), by, detail)
    return moved


def move_deliveries(
    connection: Connection,
    at: datetime,
    state: DeliveryState,
    event: Event,
    *conditions: Condition,
    by: str | None = None,
    detail: str = "",
    **values: Any,
) -> Sequence[Row[Any]]:
    """The same for deliveries."""
    after = delivery_after(state, event)
    moved = connection.execute(
        update(deliveries)
        .where(deliveries.c.state == state, *conditions)
        .values(state=after, updated_at=at, **values)
        .returning(*deliveries.c)
    ).all()
    record(connection, at, event, after, ((row.job_id, row.id) for row in moved), by, detail)
    return moved


def record(
    connection: Connection,
    at: datetime,
    event: Event,
    state: JobState | DeliveryState,
    subjects: Iterable[tuple[int, int | None]],
    by: str | None = None,
    detail: str = "",
) -> None:
    """Write that `event` happened to each of the (job id, delivery id or None)."""
    rows = [
        {
            "at": at,
            "event": event,
            "state": state,
            "job_id": job_id,
            "delivery_id": delivery_id,
            "owner": by,
            "detail": detail,
        }
        for job_id, delivery_id in subjects
    ]
    if rows:
        connection.execute(insert(events), rows)
