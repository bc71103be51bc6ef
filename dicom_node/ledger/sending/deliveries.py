"""Deliveries: each output to each destination, with attempts of its own."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from dicom_node.ledger.sending.breakers import is_closed, standing_of
from dicom_node.ledger.sending.delivery import (
    CERTAIN,
    delivery_of,
    lock_job,
    of_condition,
    report_delivery,
    times,
)
from dicom_node.ledger.sending.stand_ins import open_to_build, sent_instead, stand_in_of
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.ending import FREE
from dicom_node.ledger.tables.lines import firsts
from dicom_node.ledger.tables.moves import Condition, move_deliveries
from dicom_node.ledger.tables.priority import Priority, Turns
from dicom_node.ledger.tables.progress import Progress, progress_of
from dicom_node.ledger.tables.records import REJECTION_NOTE, Delivery, Verify
from dicom_node.ledger.tables.schema import deliveries, outputs
from dicom_node.ledger.tables.states import (
    ARRIVED,
    MISSING,
    DeliveryState,
    Event,
    JobState,
)

#: In one transaction, so that nobody waits long for a turn to write.
_AT_ONCE = 500


class Deliveries(Part):
    """The part of the ledger that the sender uses."""

    def claim(
        self,
        destination: str,
        owner: str,
        lease_s: float,
        limit: int,
        turns: Turns | None = None,
        *,
        is_repeated: bool = False,
    ) -> list[Delivery]:
        """Take what is due for `destination` of the study whose turn it is; nothing while it is
        paused or rests.

        Of one study, so that one association carries a radiograph's results together, and in the
        order they were built, so that what a report refers to is there before it.

        `is_repeated`: the answer to the last such call may have been lost, with the connection:
        what `owner` holds for `destination` is what it took then.
        """
        now = self._database.now()
        due = _free_for(destination) & (deliveries.c.due_at <= now) & ~is_closed(destination, now)
        batch = (
            select(deliveries.c.id)
            .where(due)
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
        mine = (
            (deliveries.c.state == DeliveryState.WAITING)
            & (deliveries.c.destination == destination)
            & (deliveries.c.owner == owner)
        )
        with self._database.write() as connection:
            if is_repeated and (held := connection.execute(of_condition(mine)).all()):
                return [delivery_of(row) for row in held]
            study = _next_study(connection, due, turns or Turns(), now)
            if study is None:
                return []
            of_study = batch.where(deliveries.c.study_instance_uid == study)
            ids = connection.scalars(of_study).all()
            move_deliveries(connection, now, DeliveryState.WAITING, Event.TAKEN,
                            deliveries.c.id.in_(ids), by=owner, **lease)  # fmt: skip
            return [
                delivery_of(row)
                for row in connection.execute(of_condition(deliveries.c.id.in_(ids)))
            ]

    def hold(self, destination: str, by: str) -> int:
        """Let nothing that waits for `destination` leave until a person asks; how much waited.

        Not what a sender holds, of before it was told to be silent.
        """
        held = 0
        while True:
            now = self._database.now()
            some = select(deliveries.c.id).where(_free_for(destination)).limit(_AT_ONCE)
            with self._database.write() as connection:
                moved = move_deliveries(connection, now, DeliveryState.WAITING, Event.HELD,
                                        deliveries.c.id.in_(some), by=by)  # fmt: skip
            held += len(moved)
            if len(moved) < _AT_ONCE:
                return held

    def delivered(
        self,
        delivery_id: int,
        owner: str,
        dimse_status: int | None,
        warning: str = "",
        verify: Verify | None = None,
    ) -> None:
        """The destination answered that it stored it: DELIVERED, or SENT where it is to `verify`
        that it keeps it. If it is a rejection note, what that takes back is taken back.
        """
        now = self._database.now()
        event, values = Event.DELIVERED, CERTAIN
        if verify:
            event, values = (
                Event.SENT,
                CERTAIN
                | {
                    "due_at": now + timedelta(seconds=verify.after_s),
                    "verify_by": now + timedelta(seconds=verify.within_s),
                },
            )
        with self._database.write() as connection:
            row = report_delivery(connection, now, delivery_id, owner,
                                  event, dimse_status, None, warning, **values)  # fmt: skip
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
        in_doubt: bool | None = False,
    ) -> None:
        """It did not get there, and is to be sent again at `next_attempt_at`.

        `declined`: the destination will probably never take it; see `times_declined`.
        `in_doubt`: it may have got there, no answer came; None: this attempt changes nothing of it.
        """
        event = Event.DECLINED if declined else Event.RETRIED
        doubt: dict[str, Any] = {} if in_doubt is None else {"in_doubt": in_doubt}
        with self._database.write() as connection:
            report_delivery(connection, self._database.now(), delivery_id, owner, event,
                            dimse_status, reason, due_at=next_attempt_at, **doubt)  # fmt: skip

    def give_up(self, destination: str, after_s: float) -> list[int]:
        """Try no more what has waited longer than `after_s`, has been tried, and that nobody
        holds; their ids.
        """
        now = self._database.now()
        old = deliveries.c.waits_since < now - timedelta(seconds=after_s)
        tried = deliveries.c.attempts > 0
        query = select(deliveries.c.id).where(_free_for(destination), old, tried)
        with self._database.read() as connection:
            # Mostly none: no write is begun for that.
            if not (found := connection.scalars(query.limit(_AT_ONCE)).all()):
                return []
        with self._database.write() as connection:
            rows = move_deliveries(connection, now, DeliveryState.WAITING, Event.EXPIRED,
                                   _free_for(destination), deliveries.c.id.in_(found))  # fmt: skip
        return sorted(row.id for row in rows)

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
            event, role = Event.REFUSED, None
            if instead and _stands_in(connection, now, job, delivery_id, instead):
                event, role, reason = Event.SUBSTITUTED, instead, sent_instead(reason, instead)
            row = report_delivery(connection, now, delivery_id, owner, event, dimse_status, reason,
                                  trace=trace, stand_in=role)  # fmt: skip
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
        later = _free_for(destination) & (deliveries.c.due_at > now)
        with self._database.read() as connection:
            ids = connection.scalars(select(deliveries.c.id).where(later)).all()
        # Not all at once: of fifty thousand, senders of images would wait for the lock for seconds.
        for start in range(0, len(ids), _AT_ONCE):
            some = deliveries.c.id.in_(ids[start : start + _AT_ONCE])
            with self._database.write() as connection:
                move_deliveries(connection, now, DeliveryState.WAITING, Event.MADE_DUE, some, later,
                                due_at=now)  # fmt: skip
        with self._database.read() as connection:
            return connection.scalar(select(func.count()).where(_free_for(destination))) or 0

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
            rows = connection.execute(of_condition(deliveries.c.job_id == job_id)).all()
        return [delivery_of(row) for row in rows]

    def progress(self, job_ids: Collection[int]) -> dict[int, Progress]:
        """How far each of these jobs has got at its destinations."""
        with self._database.read() as connection:
            return progress_of(connection, job_ids)

    def _return(self, condition: Condition) -> list[int]:
        now = self._database.now()
        with self._database.write() as connection:
            # Nobody knows how far it had got.
            rows = move_deliveries(connection, now, DeliveryState.WAITING, Event.RETURNED,
                                   condition, due_at=now, in_doubt=True, **FREE)  # fmt: skip
        return sorted(row.id for row in rows)


def _next_study(connection: Connection, due: Condition, turns: Turns, now: datetime) -> str | None:
    """That of the delivery whose turn it is; None where none is due."""

    def first(priority: Priority) -> "Select[Any]":
        query = select(deliveries.c.study_instance_uid, deliveries.c.due_at)
        line = query.where(due, deliveries.c.priority == priority)
        return line.order_by(deliveries.c.due_at, deliveries.c.id).limit(1)

    heads = firsts(connection, first)
    turn = turns.next({priority: head.due_at for priority, head in heads.items()}, now)
    return None if turn is None else str(heads[turn].study_instance_uid)


def _free_for(destination: str) -> Condition:
    return (
        (deliveries.c.state == DeliveryState.WAITING)
        & (deliveries.c.destination == destination)
        & deliveries.c.owner.is_(None)
    )


def _stands_in(
    connection: Connection, now: datetime, job: Row[Any], delivery_id: int, role: str
) -> bool:
    """Whether the job's output of that role gets to the same destination; lets it go there."""
    other = stand_in_of(connection, delivery_id, role)
    if other is None:
        # It may not have been built yet; it is let go when it is.
        on_its_way = job.state in (JobState.RECEIVED, JobState.ANALYZING)
        return on_its_way or open_to_build(connection, now, job.id, role)
    move_deliveries(connection, now, DeliveryState.RESERVE, Event.STEPPED_IN,
                    deliveries.c.id == other[0], due_at=now, waits_since=now)  # fmt: skip
    return other[1] not in MISSING


def _retract(connection: Connection, now: datetime, output_id: int) -> None:
    """Take back what the output is a rejection note of; see `Issues.to_be_retracted`."""
    query = select(outputs.c.role, outputs.c.sop_instance_uid, outputs.c.job_id)
    output = connection.execute(query.where(outputs.c.id == output_id)).one()
    if output.role == REJECTION_NOTE:
        uid = output.sop_instance_uid
        for state in ARRIVED:
            move_deliveries(connection, now, state, Event.RETRACTED,
                            deliveries.c.reason == uid,
                            detail=f"{uid}, an output of job {output.job_id}")  # fmt: skip
