"""Issues of a job's results: what came before the present one, and how it gives way or stays."""

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime

from sqlalchemy import Connection, ScalarSelect, Select, delete, func, insert, select, update

from dicom_node.ledger.sending.stand_ins import build_what_is_missing
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.ending import FREE, report
from dicom_node.ledger.tables.moves import Condition, move_deliveries, move_jobs
from dicom_node.ledger.tables.records import (
    REJECTION_NOTE,
    Arrived,
    Earlier,
    Job,
    LeaseLost,
    Source,
)
from dicom_node.ledger.tables.schema import OF_NONE, deliveries, events, jobs, outputs, sources
from dicom_node.ledger.tables.states import ARRIVED, DeliveryState, Event, JobState
from dicom_node.ledger.work.reopening import INSTANCE
from dicom_node.ledger.work.requeue import overridden_of

_HAS_ARRIVED = (*ARRIVED, DeliveryState.RETRACTED)
#: Of deliveries that have not arrived, and of which nobody is just trying one.
_STOPPABLE = (DeliveryState.RESERVE, DeliveryState.WAITING, DeliveryState.HELD,
              DeliveryState.REFUSED, DeliveryState.SUBSTITUTED, DeliveryState.DAMAGED,
              DeliveryState.DEAD, DeliveryState.GIVEN_UP)  # fmt: skip
#: Of these: what may have got there before a person had it sent again.
_SENT_AGAIN = tuple(state for state in _STOPPABLE
                    if state not in (DeliveryState.RESERVE, DeliveryState.SUBSTITUTED))  # fmt: skip
_SOURCE = [
    *(
        sources.c[name]
        for name in [field.name for field in fields(Source) if field.name in sources.c]
    ),
    overridden_of(sources),
]


class Issues(Part):
    """The part of the ledger for a worker whose job has a past.

    `own` are the SOP Instance UIDs that the job's present issue gives its results: what else there
    is of the job is earlier, a notice of failure too.
    """

    def earlier(self, job_id: int, own: Collection[str]) -> Earlier:
        """What there was of a job before."""
        # Bytes that were only noted have the issue that the job has.
        here = select(jobs.c.issue).where(jobs.c.id == job_id).scalar_subquery()
        query = select(*_SOURCE).where(sources.c.job_id == job_id, sources.c.issue != here)
        with self._database.read() as connection:
            had = tuple(
                Source(**row._asdict()) for row in connection.execute(query.order_by(sources.c.id))
            )
            return Earlier(had, _arrived(connection, _not_own(job_id, own)),
                           _may_leave(connection, _not_own(job_id, own)))  # fmt: skip

    def superseded(
        self, job: Job, owner: str, own: Collection[str], why: str, *, within: bool = False
    ) -> int:
        """Let nothing earlier leave that has not; how much is just leaving, hence not stopped.

        Where there is any, the caller tries again: what a destination has is not known before.
        `within`: by others of the same issue, of which it is no part any more.
        """
        now = self._database.now()
        earlier = deliveries.c.output_id.in_(_not_own(job.id, own))
        with self._database.write() as connection:
            report(connection, now, job.id, owner, Event.SUPERSEDED, why)
            connection.execute(
                update(sources).where(sources.c.job_id == job.id).values(standing=False)
            )
            if within:
                connection.execute(
                    update(outputs)
                    .where(outputs.c.id.in_(_not_own(job.id, own)), outputs.c.issue == job.issue)
                    .values(issue=OF_NONE)
                )
            return stop(connection, now, earlier, why)

    def to_be_retracted(self, job_id: int, delivery_ids: Collection[int], note_uid: str) -> None:
        """Rejection note `note_uid` is handed over next: once it is delivered, it takes these back.

        Before it, as it may be delivered at once.
        """
        now = self._database.now()
        with self._database.write() as connection:
            for state in ARRIVED:
                move_deliveries(connection, now, state, Event.TO_BE_RETRACTED,
                                deliveries.c.id.in_(delivery_ids), reason=note_uid,
                                detail=f"{note_uid}, an output of job {job_id}")  # fmt: skip

    def unchanged(self, job: Job, owner: str, detail: str) -> None:
        """Note the job's bytes, and make it again about those whose results stand."""
        now = self._database.now()
        with self._database.write() as connection:
            last = select(*sources.c).where(sources.c.job_id == job.id, sources.c.standing)
            before = connection.execute(last.order_by(sources.c.id.desc()).limit(1)).one()
            kept = {name: getattr(before, name) for name in (*INSTANCE[1:], "received_at")}
            noted = {name: getattr(job, name) for name in (*INSTANCE[1:], "received_at")}
            moved = move_jobs(connection, now, JobState.ANALYZING, Event.UNCHANGED,
                              jobs.c.id == job.id, jobs.c.owner == owner, by=owner, detail=detail,
                              issue=before.issue, reason=None, **kept, **FREE)  # fmt: skip
            if not moved:
                raise LeaseLost(f"job {job.id} is no longer held by {owner}")
            connection.execute(delete(sources).where(sources.c.id == before.id))
            connection.execute(
                insert(sources).values(job_id=job.id, issue=before.issue, standing=False, **noted)
            )
            _rebuild(connection, now, job.id)
            build_what_is_missing(connection, now, job.id)


def _rebuild(connection: Connection, now: datetime, job_id: int) -> None:
    """Open the job again for what was found damaged while it was about other bytes."""
    damaged = select(deliveries.c.id).where(
        deliveries.c.job_id == job_id, deliveries.c.state == DeliveryState.DAMAGED
    )
    move_jobs(connection, now, JobState.BUILT, Event.REBUILD, jobs.c.id == job_id,
              damaged.exists(), due_at=now, published_at=None, attempts=0, deaths=0)  # fmt: skip


def stop(
    connection: Connection, now: datetime, which: Condition, why: str, by: str | None = None
) -> int:
    """Withdraw the deliveries that have not arrived; how many of them are just being sent.

    What was to be sent again, and had got there before, as far as anybody knows lies there still.
    So does what may have got there, whose sender vanished: to take back what a destination lacks
    does less harm than to leave there what is not so.
    """
    for there in _SENT_AGAIN:
        move_deliveries(connection, now, there, Event.STANDS, which, deliveries.c.owner.is_(None),
                        _had_arrived() | deliveries.c.in_doubt, by=by, detail=why,
                        reason=None, in_doubt=False)  # fmt: skip
    for state in _STOPPABLE:
        move_deliveries(connection, now, state, Event.WITHDRAWN, which,
                        deliveries.c.owner.is_(None), by=by, detail=why, reason=why)  # fmt: skip
    leaving = select(deliveries.c.id).where(which, deliveries.c.state == DeliveryState.WAITING)
    return len(connection.execute(leaving).all())


def _had_arrived() -> Condition:
    """Of a delivery: its destination answered once that it stored it, and never that it has not."""

    def last(*meant: Event) -> "ScalarSelect[int]":
        newest = select(func.coalesce(func.max(events.c.id), 0))
        return newest.where(
            events.c.delivery_id == deliveries.c.id, events.c.event.in_(meant)
        ).scalar_subquery()

    return last(Event.DELIVERED, Event.SENT) > last(Event.MISSED)


def _not_own(job_id: int, own: Collection[str]) -> Select[tuple[int]]:
    """Ids of the job's outputs but for `own` and rejection notes."""
    return select(outputs.c.id).where(
        outputs.c.job_id == job_id,
        outputs.c.role != REJECTION_NOTE,
        outputs.c.sop_instance_uid.not_in(own),
    )


def _arrived(connection: Connection, of: Select[tuple[int]]) -> tuple[Arrived, ...]:
    query = (
        select(
            deliveries.c.id.label("delivery_id"),
            deliveries.c.destination,
            deliveries.c.study_instance_uid,
            deliveries.c.reason.label("retracted_by"),
            *(outputs.c[name] for name in
              ("role", "sop_class_uid", "sop_instance_uid", "series_instance_uid", "path",
               "sha256")),
        )
        .join(outputs, deliveries.c.output_id == outputs.c.id)
        .where(deliveries.c.state.in_(_HAS_ARRIVED), outputs.c.id.in_(of))
        .order_by(deliveries.c.id)
    )  # fmt: skip
    return tuple(Arrived(**row._asdict()) for row in connection.execute(query))


def _may_leave(connection: Connection, of: Select[tuple[int]]) -> bool:
    left = select(deliveries.c.id).where(
        deliveries.c.state.in_(_STOPPABLE), deliveries.c.output_id.in_(of)
    )
    return connection.execute(left.limit(1)).first() is not None
