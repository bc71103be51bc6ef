"""How a hold on a job ends."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from dicom_node.ledger.tables.moves import move_deliveries, move_jobs
from dicom_node.ledger.tables.records import LeaseLost
from dicom_node.ledger.tables.schema import deliveries, jobs
from dicom_node.ledger.tables.states import DeliveryState, Event, JobState

#: Nobody holds it.
FREE: dict[str, Any] = {"owner": None, "lease_until": None}


def report(
    connection: Connection,
    now: datetime,
    job_id: int,
    holder: str,
    event: Event,
    detail: str = "",
    **values: Any,
) -> Row[Any]:
    """Let `holder` say what happened to the job it has; raises LeaseLost where it has none."""
    moved = move_jobs(connection, now, JobState.ANALYZING, event,
                      jobs.c.id == job_id, jobs.c.owner == holder,
                      by=holder, detail=detail, **values)  # fmt: skip
    if not moved:
        raise LeaseLost(f"job {job_id} is no longer held by {holder}: cannot be {event}")
    return moved[0]


def end(
    connection: Connection,
    now: datetime,
    job_id: int,
    holder: str,
    event: Event,
    reason: str | None,
    detail: str = "",
    **values: Any,
) -> Row[Any]:
    """The same, and with it `holder` lets the job go; `reason` is kept in it."""
    said = "\n".join(filter(None, (reason, detail)))
    return report(connection, now, job_id, holder, event, said,
                  reason=reason, **FREE, **values)  # fmt: skip


def lose_damaged(
    connection: Connection, now: datetime, job_ids: Collection[int], reason: str
) -> None:
    """What of these jobs waits to be built again will not be, for `reason`."""
    said = f"its file is damaged and could not be built again: {reason}"
    move_deliveries(connection, now, DeliveryState.DAMAGED, Event.LOST,
                    deliveries.c.job_id.in_(job_ids), detail=said, reason=said)  # fmt: skip
