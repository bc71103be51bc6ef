"""What a person stops: jobs that wait for a worker, and results that have not got anywhere."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, func, select

from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.ending import FREE
from dicom_node.ledger.tables.moves import move_jobs
from dicom_node.ledger.tables.schema import deliveries, jobs
from dicom_node.ledger.tables.states import MISSING, UNDELIVERED, DeliveryState, Event, JobState
from dicom_node.ledger.work.issues import stop

#: Of deliveries: what has not got anywhere.
_UNSENT = (*UNDELIVERED, *MISSING, DeliveryState.HELD)
#: Jobs changed in one transaction, so that a listener never waits long for its turn to write.
BATCH = 100


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What was stopped."""

    jobs: int = 0  #: that no worker had begun
    deliveries: int = 0
    leaving: int = 0  #: deliveries that are just being sent, hence not stopped


class Withdrawing(Part):
    """The part of the ledger by which a person stops what is on its way."""

    def stoppable(self, job_ids: Collection[int]) -> list[int]:
        """Those of the jobs of which anything can be stopped."""
        query = select(jobs.c.id).where(
            jobs.c.id.in_(job_ids), _waits_for_worker() | jobs.c.id.in_(_with_unsent())
        )
        with self._database.read() as connection:
            return list(connection.scalars(query.order_by(jobs.c.id)))

    def withdraw(self, job_ids: Collection[int], by: str, why: str) -> Withdrawn:
        """Stop these; what has got there stays. `by` asked for it. `requeue` brings it back."""
        every, total = sorted(job_ids), Withdrawn()
        for start in range(0, len(every), BATCH):
            now = self._database.now()
            with self._database.write() as connection:
                done = _withdraw(connection, now, every[start : start + BATCH], by, why)
            total = Withdrawn(
                total.jobs + done.jobs,
                total.deliveries + done.deliveries,
                total.leaving + done.leaving,
            )
        return total


def _withdraw(
    connection: Connection, now: datetime, job_ids: Collection[int], by: str, why: str
) -> Withdrawn:
    # Locked in one order, before their deliveries; see `lock_job`.
    these = jobs.c.id.in_(job_ids)
    lock = select(jobs.c.id).where(these).order_by(jobs.c.id)
    connection.execute(lock.with_for_update(key_share=True)).all()
    reason = f"withdrawn by {by}{f': {why}' if why else ''}"
    waiting = move_jobs(connection, now, JobState.RECEIVED, Event.WITHDRAWN, these,
                        _waits_for_worker(), by=by, detail=why, reason=reason,
                        **FREE)  # fmt: skip
    meant = deliveries.c.job_id.in_(job_ids)
    unsent = select(func.count()).where(
        meant, deliveries.c.state.in_(_UNSENT), deliveries.c.owner.is_(None)
    )
    count = connection.execute(unsent.select_from(deliveries)).scalar_one()
    leaving = stop(connection, now, meant, reason, by=by)
    return Withdrawn(len(waiting), count, leaving)


def _waits_for_worker() -> ColumnElement[bool]:
    """Nothing was made of it yet: what is only to be built again stays as it was."""
    has_results = select(deliveries.c.id).where(deliveries.c.job_id == jobs.c.id).exists()
    return (jobs.c.state == JobState.RECEIVED) & ~has_results


def _with_unsent() -> Select[tuple[int]]:
    unsent = deliveries.c.state.in_(_UNSENT) & deliveries.c.owner.is_(None)
    return select(deliveries.c.job_id).where(unsent)
