"""How a hold on a job ends, and how the job does: when it is built and nothing of it waits."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from dicom_node.ledger.moves import move_deliveries, move_jobs
from dicom_node.ledger.records import LeaseLost
from dicom_node.ledger.schema import deliveries, jobs
from dicom_node.ledger.states import DeliveryState, Event, JobState

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


def settle(connection: Connection, now: datetime, job_id: int) -> None:
    """End the job if it is built and nothing of it waits; one that failed or was skipped stays so.

    The caller has locked it: two destinations may finish at once, and whoever comes second must
    see what the first committed.
    """
    results = connection.execute(
        select(deliveries.c.state, deliveries.c.reason)
        .where(deliveries.c.job_id == job_id)
        .order_by(deliveries.c.id)
    ).all()
    states = {row.state for row in results}
    # What was withdrawn went nowhere: of it alone nobody can say that it was delivered.
    unsent = states & {DeliveryState.WAITING, DeliveryState.DAMAGED}
    if unsent or states == {DeliveryState.WITHDRAWN}:
        return
    this = jobs.c.id == job_id
    missing = (DeliveryState.REFUSED, DeliveryState.DEAD)
    refusals = [row.reason for row in results if row.state in missing]
    if refusals:
        move_jobs(connection, now, JobState.BUILT, Event.NOT_ALL_DELIVERED, this,
                  detail="\n".join(refusals), reason=refusals[0])  # fmt: skip
    else:
        move_jobs(connection, now, JobState.BUILT, Event.ALL_DELIVERED, this)


def lose_damaged(
    connection: Connection, now: datetime, job_ids: Collection[int], reason: str
) -> None:
    """What of these jobs waits to be built again will not be, for `reason`."""
    said = f"its file is damaged and could not be built again: {reason}"
    move_deliveries(connection, now, DeliveryState.DAMAGED, Event.LOST,
                    deliveries.c.job_id.in_(job_ids), detail=said, reason=said)  # fmt: skip
