"""What all who send, verify or mend do with one delivery: lock its job, report on it, read it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from dicom_node.ledger.tables.ending import FREE
from dicom_node.ledger.tables.moves import Condition, move_deliveries
from dicom_node.ledger.tables.priority import Priority
from dicom_node.ledger.tables.records import Delivery, LeaseLost
from dicom_node.ledger.tables.schema import deliveries, events, jobs, outputs
from dicom_node.ledger.tables.states import DeliveryState, Event

_DELIVERIES = select(
    *(column for column in deliveries.c if column.name not in
      ("lease_until", "updated_at", "waits_since", "asked_at", "commitment_id", "stand_in")),
    *(outputs.c[name] for name in ("role", "sop_class_uid", "sop_instance_uid",
                                   "series_instance_uid", "transfer_syntax_uid", "path",
                                   "sha256")),
).join(outputs, deliveries.c.output_id == outputs.c.id).order_by(deliveries.c.id)  # fmt: skip
#: Nothing is open about whether it is there, and nothing has been asked yet.
CERTAIN: dict[str, Any] = {
    "in_doubt": False,
    "verify_by": None,
    "checks": 0,
    "commitment_id": None,
    "verification": None,
}


def anew(now: datetime) -> dict[str, Any]:
    """The values of a delivery that begins its way again, at once."""
    return {"attempts": 0, "due_at": now, "waits_since": now} | CERTAIN


def lock_job(connection: Connection, delivery_id: int) -> Row[Any]:
    """The delivery's job, which nobody else may change until the transaction ends.

    First, so that all take their locks in one order. NO KEY UPDATE: the events that every
    transaction writes hold a key-share lock on the job, and with a stronger one two of them would
    wait for each other.
    """
    job_id = select(deliveries.c.job_id).where(deliveries.c.id == delivery_id).scalar_subquery()
    query = select(*jobs.c).where(jobs.c.id == job_id)
    return connection.execute(query.with_for_update(key_share=True)).one()


def report_delivery(
    connection: Connection,
    now: datetime,
    delivery_id: int,
    owner: str,
    event: Event,
    dimse_status: int | None,
    reason: str | None,
    warning: str = "",
    trace: str = "",
    **values: Any,
) -> Row[Any]:
    """Let `owner` end its hold on a delivery; raises LeaseLost where it has none."""
    answer = None if dimse_status is None else f"status {dimse_status:#06x}"
    said = ": ".join(filter(None, (answer, reason, warning)))
    moved = move_deliveries(connection, now, DeliveryState.WAITING, event,
                            deliveries.c.id == delivery_id, deliveries.c.owner == owner,
                            by=owner, detail="\n".join(filter(None, (said, trace))),
                            dimse_status=dimse_status, reason=reason,
                            **FREE, **values)  # fmt: skip
    if not moved:
        raise LeaseLost(f"delivery {delivery_id} is no longer held by {owner}: cannot be {event}")
    return moved[0]


def times(connection: Connection, delivery_id: int, event: Event) -> int:
    """How often `event` happened to a delivery, since a person last asked to try again."""
    this = (events.c.delivery_id == delivery_id) & events.c.job_id.in_(
        # The index is by job.
        select(deliveries.c.job_id).where(deliveries.c.id == delivery_id)
    )
    asked = select(func.coalesce(func.max(events.c.id), 0)).where(
        this, events.c.event == Event.REQUEUED
    )
    query = select(func.count()).where(
        this, events.c.event == event, events.c.id > asked.scalar_subquery()
    )
    return connection.execute(query).scalar_one()


def of_condition(condition: Condition) -> Any:
    """A query for the records of the deliveries that meet it."""
    return _DELIVERIES.where(condition)


def delivery_of(row: Row[Any]) -> Delivery:
    kinds = {"state": DeliveryState(row.state), "priority": Priority(row.priority)}
    return Delivery(**row._asdict() | kinds)
