"""Deliveries: each output to each destination, with attempts of its own."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select

from dicom_node.ledger.sending.breakers import is_closed, standing_of
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.ending import FREE
from dicom_node.ledger.tables.moves import Condition, move_deliveries
from dicom_node.ledger.tables.progress import Progress, progress_of
from dicom_node.ledger.tables.records import REJECTION_NOTE, Delivery, LeaseLost
from dicom_node.ledger.tables.schema import deliveries, events, jobs, outputs
from dicom_node.ledger.tables.states import DeliveryState, Event, JobState

_DELIVERIES = select(
    *(column for column in deliveries.c if column.name not in ("lease_until", "updated_at")),
    *(outputs.c[name] for name in
      ("role", "sop_class_uid", "sop_instance_uid", "transfer_syntax_uid", "path", "sha256")),
).join(outputs, deliveries.c.output_id == outputs.c.id).order_by(deliveries.c.id)  # fmt: skip


class Deliveries(Part):
    """The part of the ledger that the sender uses."""

    def claim(self, destination: str, owner: str, lease_s: float, limit: int) -> list[Delivery]:
        """Take what is due for `destination` of the study that has waited longest; nothing while it
        is paused or rests.

        Of one study, so that one association carries a radiograph's results together, and in the
        order they were built, so that what a report refers to is there before it.
        """
        now = self._database.now()
        due = _free_for(destination) & (deliveries.c.due_at <= now) & ~is_closed(destination, now)
        study = (
            select(deliveries.c.study_instance_uid)
            .where(due)
            .order_by(deliveries.c.due_at, deliveries.c.id)
            .limit(1)
            .scalar_subquery()
        )
        batch = (
            select(deliveries.c.id)
            .where(due, deliveries.c.study_instance_uid == study)
            .order_by(deliveries.c.id)
            .limit(limit)
            # Two senders of the same destination: the second passes over what the first takes.
            .with_for_update(skip_locked=True, key_share=True)
        )
        lease: dict[str, Any] = {
            "attempts": deliveries.c.attempts + 1,
            "owner": owner,
            "lease_until": now + timedelta(seconds=lease_s),
        }
        with self._database.write() as connection:
            ids = connection.scalars(batch).all()
            move_deliveries(connection, now, DeliveryState.WAITING, Event.TAKEN,
                            deliveries.c.id.in_(ids), by=owner, **lease)  # fmt: skip
            return [_delivery(row) for row in connection.execute(_of(deliveries.c.id.in_(ids)))]

    def delivered(
        self, delivery_id: int, owner: str, dimse_status: int | None, warning: str = ""
    ) -> None:
        """The destination stored it; and if it is a rejection note, what that takes back is."""
        now = self._database.now()
        with self._database.write() as connection:
            row = report_delivery(connection, now, delivery_id, owner,
                                  Event.DELIVERED, dimse_status, None, warning)  # fmt: skip
            _retract(connection, now, row.output_id)

    def retry(
        self,
        delivery_id: int,
        owner: str,
        dimse_status: int | None,
        reason: str,
        next_attempt_at: datetime,
        *,
        declined: bool = False,
    ) -> None:
        """It did not get there, and is to be sent again at `next_attempt_at`.

        `declined`: the destination will probably never take it; see `times_declined`.
        """
        event = Event.DECLINED if declined else Event.RETRIED
        with self._database.write() as connection:
            report_delivery(connection, self._database.now(), delivery_id, owner, event,
                            dimse_status, reason, due_at=next_attempt_at)  # fmt: skip

    def times_declined(self, delivery_id: int) -> int:
        """How often its destination declined it, since a person last asked to try again."""
        with self._database.read() as connection:
            return times(connection, delivery_id, Event.DECLINED)

    def refused(
        self,
        delivery_id: int,
        owner: str,
        dimse_status: int | None,
        reason: str,
        instead: str | None = None,
        trace: str = "",
    ) -> DeliveryState:
        """The destination will never take it: `instead`, a role of the same job, goes there.

        SUBSTITUTED, or REFUSED where there is none. `trace`: of the bug that this was.
        """
        now = self._database.now()
        with self._database.write() as connection:
            job = lock_job(connection, delivery_id)
            event = Event.REFUSED
            if instead and _stands_in(connection, now, job, delivery_id, instead):
                event, reason = Event.SUBSTITUTED, f"{reason}: {instead} is sent instead"
            row = report_delivery(connection, now, delivery_id, owner, event, dimse_status, reason,
                                  trace=trace)  # fmt: skip
            return DeliveryState(row.state)

    def next_due(self, destination: str) -> datetime | None:
        """When the next delivery that nobody holds can leave for there; None: none waits, or
        until a person says so.
        """
        now = self._database.now()
        query = select(func.min(deliveries.c.due_at)).where(_free_for(destination))
        with self._database.read() as connection:
            due: datetime | None = connection.execute(query).scalar_one()
            opens_at = standing_of(connection, destination).opens_at(now)
        if due is None or opens_at is None:
            return None
        return due if opens_at == now else max(due, opens_at)

    def make_due(self, destination: str) -> int:
        """An outage has ended: everything that waits for `destination` is due now; how many that
        are, those that were due already among them.
        """
        now = self._database.now()
        waiting = select(func.count()).where(_free_for(destination))
        with self._database.write() as connection:
            move_deliveries(connection, now, DeliveryState.WAITING, Event.MADE_DUE,
                            _free_for(destination), deliveries.c.due_at > now,
                            due_at=now)  # fmt: skip
            return connection.execute(waiting).scalar_one()

    def free_expired(self) -> list[int]:
        """Take back the deliveries whose lease has ended, on whatever host; their ids."""
        ended = deliveries.c.lease_until < self._database.now()
        # As with jobs.
        with self._database.read() as connection:
            query = select(deliveries.c.id).where(
                deliveries.c.state == DeliveryState.WAITING, ended
            )
            found = connection.scalars(query).all()
        return self._return(ended & deliveries.c.id.in_(found)) if found else []

    def free_of(self, owners: Collection[str]) -> list[int]:
        """Take back the deliveries of senders known to be dead; their ids."""
        return self._return(deliveries.c.owner.in_(owners)) if owners else []

    def of_job(self, job_id: int) -> list[Delivery]:
        """A job's deliveries, in the order they were built."""
        with self._database.read() as connection:
            rows = connection.execute(_of(deliveries.c.job_id == job_id)).all()
        return [_delivery(row) for row in rows]

    def progress(self, job_ids: Collection[int]) -> dict[int, Progress]:
        """How far each of these jobs has got at its destinations."""
        with self._database.read() as connection:
            return progress_of(connection, job_ids)

    def _return(self, condition: Condition) -> list[int]:
        now = self._database.now()
        with self._database.write() as connection:
            rows = move_deliveries(connection, now, DeliveryState.WAITING, Event.RETURNED,
                                   condition, due_at=now, **FREE)  # fmt: skip
        return sorted(row.id for row in rows)


def _free_for(destination: str) -> Condition:
    return (
        (deliveries.c.state == DeliveryState.WAITING)
        & (deliveries.c.destination == destination)
        & deliveries.c.owner.is_(None)
    )


def lock_job(connection: Connection, delivery_id: int) -> Row[Any]:
    """The delivery's job, which nobody else may change until the transaction ends.

    First, so that all take their locks in one order. NO KEY UPDATE: the events that every
    transaction writes hold a key-share lock on the job, and with a stronger one two of them would
    wait for each other.
    """
    job_id = select(deliveries.c.job_id).where(deliveries.c.id == delivery_id).scalar_subquery()
    query = select(*jobs.c).where(jobs.c.id == job_id)
    return connection.execute(query.with_for_update(key_share=True)).one()


def _stands_in(
    connection: Connection, now: datetime, job: Row[Any], delivery_id: int, role: str
) -> bool:
    """Whether the job's output of that role gets to the same destination; lets it go there."""
    here = select(deliveries.c.destination).where(deliveries.c.id == delivery_id).scalar_subquery()
    other = connection.execute(
        select(deliveries.c.id, deliveries.c.state)
        .join(outputs, deliveries.c.output_id == outputs.c.id)
        .where(
            deliveries.c.job_id == job.id,
            deliveries.c.destination == here,
            outputs.c.role == role,
        )
    ).first()
    if other is None:
        # It may not have been built yet; it is let go when it is.
        return job.state in (JobState.RECEIVED, JobState.ANALYZING)
    move_deliveries(connection, now, DeliveryState.RESERVE, Event.STEPPED_IN,
                    deliveries.c.id == other.id, due_at=now)  # fmt: skip
    return DeliveryState(other.state) not in (DeliveryState.REFUSED, DeliveryState.DEAD)


def _retract(connection: Connection, now: datetime, output_id: int) -> None:
    """Take back what the output is a rejection note of; see `Issues.to_be_retracted`."""
    query = select(outputs.c.role, outputs.c.sop_instance_uid, outputs.c.job_id)
    output = connection.execute(query.where(outputs.c.id == output_id)).one()
    if output.role == REJECTION_NOTE:
        uid = output.sop_instance_uid
        move_deliveries(connection, now, DeliveryState.DELIVERED, Event.RETRACTED,
                        deliveries.c.reason == uid,
                        detail=f"{uid}, an output of job {output.job_id}")  # fmt: skip


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


def _of(condition: Condition) -> Any:
    return _DELIVERIES.where(condition)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(**row._asdict() | {"state": DeliveryState(row.state)})
