"""What the ledger holds of each destination, and what a person does when one has gone or moved."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, or_, select

from dicom_node.errors import UsageError
from dicom_node.ledger.sending.breakers import forget_standing, standings
from dicom_node.ledger.sending.stand_ins import lacks_stand_in, waits_for_stand_in
from dicom_node.ledger.sending.verifications import silences, waive
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.ending import FREE
from dicom_node.ledger.tables.moves import Condition, move_deliveries
from dicom_node.ledger.tables.records import DestinationRecord, Standing
from dicom_node.ledger.tables.schema import deliveries, jobs
from dicom_node.ledger.tables.states import ARRIVED, UNDELIVERED, DeliveryState, Event

#: What has not left: forgotten or moved with a destination's name.
UNSENT = (DeliveryState.WAITING, DeliveryState.HELD, DeliveryState.RESERVE,
          DeliveryState.DAMAGED)  # fmt: skip
#: These, and what was not accepted and has nothing there that goes instead: after what it goes
#: with, and twice, since what goes instead may not have been accepted either.
_UNSETTLED = (*UNSENT, DeliveryState.SUBSTITUTED, DeliveryState.SUBSTITUTED)
#: Of these: to get there. What is kept in reserve is in no number that is said.
_COUNTED = (*UNDELIVERED, DeliveryState.HELD)
#: Deliveries of each state that are asked when they got there.
_LAST_DUE = 100
#: Jobs changed in one transaction, so that a listener never waits long for its turn to write.
BATCH = 100


class Destinations(Part):
    """The part of the ledger behind `cxr-node destinations`."""

    def all(self) -> list[DestinationRecord]:
        """Every destination that something was ever built for, or that was paused, by name."""
        columns = (deliveries.c.destination, deliveries.c.state)
        count = select(*columns, func.count().label("number")).group_by(*columns)
        oldest = (
            select(deliveries.c.destination, func.min(jobs.c.received_at))
            .join(jobs, deliveries.c.job_id == jobs.c.id)
            .where(deliveries.c.state.in_(UNDELIVERED))
            .group_by(deliveries.c.destination)
        )
        with self._database.read() as connection:
            counts: dict[str, dict[DeliveryState, int]] = {}
            for row in connection.execute(count):
                counts.setdefault(row.destination, {})[DeliveryState(row.state)] = row.number
            last_at = {name: _last_delivered_at(connection, name) for name in counts}
            oldest_at: dict[str, datetime] = dict(connection.execute(oldest).all())
            stand = standings(connection)
            silent = silences(connection, self._database.now())
        return [
            DestinationRecord(
                name=name,
                counts=counts.get(name, {}),
                last_delivered_at=last_at.get(name),
                oldest_waiting_at=oldest_at.get(name),
                standing=stand.get(name, Standing(name)),
                silence=silent.get(name),
            )
            for name in sorted({*counts, *stand})
        ]

    def forget(self, name: str, by: str) -> int:
        """Withdraw what has not left for it, except what a sender holds; how many waited.

        Its failures are forgotten with it; that it is paused is not.
        """

        def withdraw(connection: Connection, now: datetime, of_jobs: Condition) -> int:
            withdrawn = 0
            for state in _UNSETTLED:
                rows = move_deliveries(connection, now, state, Event.WITHDRAWN, of_jobs,
                                       _unsettled(state, name, now), by=by,
                                       detail=f"{name} was forgotten",
                                       reason=f"the destination {name} was forgotten",
                                       **FREE)  # fmt: skip
                withdrawn += len(rows) if state in _COUNTED else 0
            return withdrawn

        count = self._job_by_job(name, withdraw)
        now = self._database.now()
        with self._database.write() as connection:
            waive(connection, now, deliveries.c.destination == name, f"{name} was forgotten")
            forget_standing(connection, name, now)
        return count

    def move(self, old: str, new: str, by: str) -> int:
        """Let what has not left for `old` go to `new`, but not what goes there anyway; how many
        waited.

        Raises UsageError where the two are one: all that waits would be what goes there anyway.
        """
        if old == new:
            raise UsageError(f"{new} is where it goes already")

        def move(connection: Connection, now: datetime, of_jobs: Condition) -> int:
            there = select(deliveries.c.output_id).where(deliveries.c.destination == new)
            told: dict[str, Any] = {"by": by, "detail": f"from {old} to {new}"}
            moved = 0
            for state in _UNSETTLED:
                these = (of_jobs, _unsettled(state, old, now))
                doubles = (*these, deliveries.c.output_id.in_(there))
                move_deliveries(connection, now, state, Event.WITHDRAWN, *doubles, **told,
                                reason=f"{new} gets it anyway", **FREE)  # fmt: skip
                rows = move_deliveries(connection, now, state, Event.MOVED, *these,
                                       **told, destination=new, due_at=now, waits_since=now,
                                       in_doubt=False, **FREE)  # fmt: skip
                moved += len(rows) if state in _COUNTED else 0
            return moved

        moved = self._job_by_job(old, move)
        self._move_sent(old, new, by)
        return moved

    def _move_sent(self, old: str, new: str, by: str) -> None:
        """What is to be verified there is to be verified under the new name."""
        now, detail = self._database.now(), f"from {old} to {new}"
        there = select(deliveries.c.output_id).where(deliveries.c.destination == new)
        at_old = deliveries.c.destination == old
        with self._database.write() as connection:
            move_deliveries(connection, now, DeliveryState.SENT, Event.MOVED, at_old,
                            deliveries.c.output_id.not_in(there), by=by, detail=detail,
                            destination=new, due_at=now)  # fmt: skip
            waive(connection, now, at_old, f"{new} gets it anyway")

    def _job_by_job(self, name: str, change: Any) -> int:
        """Apply `change` to all jobs with something unsent for `name`, some at a time."""
        changed = 0
        for job_ids in self._batches(name):
            now = self._database.now()
            with self._database.write() as connection:
                # Locked in one order, before their deliveries; see `Deliveries`.
                lock = select(jobs.c.id).where(jobs.c.id.in_(job_ids)).order_by(jobs.c.id)
                connection.execute(lock.with_for_update(key_share=True)).all()
                changed += change(connection, now, deliveries.c.job_id.in_(job_ids))
        return changed

    def _batches(self, name: str) -> Iterator[Collection[int]]:
        with self._database.read() as connection:
            query = select(deliveries.c.job_id).distinct().where(_of(name, self._database.now()))
            found = list(connection.scalars(query.order_by(deliveries.c.job_id)))
        return (found[start : start + BATCH] for start in range(0, len(found), BATCH))


def _last_delivered_at(connection: Connection, name: str) -> datetime | None:
    """Among those that were due last: what has got there since was due before only by chance."""
    found: list[datetime] = []
    for state in ARRIVED:
        last = (
            select(deliveries.c.updated_at)
            .where(deliveries.c.state == state, deliveries.c.destination == name)
            .order_by(deliveries.c.due_at.desc())
            .limit(_LAST_DUE)
        )
        found += connection.scalars(last).all()
    return max(found, default=None)


def _unsettled(state: DeliveryState, name: str, now: datetime) -> Condition:
    """Of what is in that state: it is settled with the destination."""
    if state is DeliveryState.SUBSTITUTED:
        return (deliveries.c.destination == name) & lacks_stand_in()
    return _of(name, now)


def _of(name: str, now: datetime) -> Condition:
    """Unsent for `name` and in no living sender's hand."""
    return (
        (deliveries.c.destination == name)
        & or_(deliveries.c.state.in_(UNSENT), waits_for_stand_in())
        & or_(deliveries.c.owner.is_(None), deliveries.c.lease_until < now)
    )
