"""What is brought back: outputs damaged in the spool, and deliveries a person asks for again."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, func, select

from dicom_node.errors import UNKNOWN_TRIES
from dicom_node.ledger.sending.delivery import anew, lock_job, report_delivery, times
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.moves import move_deliveries, move_jobs
from dicom_node.ledger.tables.schema import deliveries, jobs, outputs
from dicom_node.ledger.tables.states import DeliveryState, Event, JobState
from dicom_node.ledger.work.resending import (
    OF_REFUSED,
    WITHDRAWN,
    Selection,
    deliveries_meant,
    is_reserve,
)

#: Jobs changed in one transaction, so that a listener never waits long for its turn to write.
BATCH = 100
#: Where a job has ended its work, and from where it is opened again.
_DONE = (JobState.BUILT, JobState.SKIPPED, JobState.FAILED)


class Repairs(Part):
    """The part of the ledger that opens again what had ended."""

    def damaged(self, delivery_id: int, owner: str, reason: str) -> DeliveryState:
        """Its file is not what was built: opens the job again, so that a worker builds it again.

        DAMAGED until then; what was delivered stays so. DEAD where that was done `UNKNOWN_TRIES`
        times and did not help.
        """
        now = self._database.now()
        with self._database.write() as connection:
            job = lock_job(connection, delivery_id)
            if times(connection, delivery_id, Event.DAMAGED) >= UNKNOWN_TRIES:
                said = f"{reason}; building it again {UNKNOWN_TRIES} times did not help"
                report_delivery(connection, now, delivery_id, owner, Event.LOST, None, said)
                return DeliveryState.DEAD
            report_delivery(connection, now, delivery_id, owner, Event.DAMAGED, None, reason)
            for state in _DONE:
                # Not published: the next sweep of recovery hands its id to the broker.
                move_jobs(connection, now, state, Event.REBUILD, jobs.c.id == job.id,
                          by=owner, detail=reason, reason=reason, due_at=now, published_at=None,
                          attempts=0, deaths=0)  # fmt: skip
            return DeliveryState.DAMAGED

    def redeliver(
        self, job_ids: Collection[int], by: str, selection: Selection = OF_REFUSED
    ) -> int:
        """Let those of these jobs' deliveries that are meant be sent again at once, as they are.

        How many that are; `by` (user@host) asked for it. What the analysis came to stays as it was.
        """
        every, count = sorted(job_ids), 0
        for start in range(0, len(every), BATCH):
            now = self._database.now()
            # In one order, and first: see `lock_job`.
            some = jobs.c.id.in_(every[start : start + BATCH])
            query = select(jobs.c.id).where(some).order_by(jobs.c.id)
            with self._database.write() as connection:
                locked = connection.scalars(query.with_for_update(key_share=True)).all()
                count += sum(
                    _redeliver(connection, now, job_id, by, selection) for job_id in locked
                )
        return count

    def count_redelivered(self, job_ids: Collection[int], selection: Selection = OF_REFUSED) -> int:
        """How many deliveries `redeliver` would let be sent again; nothing is changed."""
        every, meant, count = sorted(job_ids), deliveries_meant(selection), 0
        with self._database.read() as connection:
            for start in range(0, len(every), BATCH):
                some = deliveries.c.job_id.in_(every[start : start + BATCH])
                query = select(func.count()).select_from(deliveries).where(some, *meant)
                count += connection.execute(query).scalar_one()
        return count


def _redeliver(
    connection: Connection, now: datetime, job_id: int, by: str, selection: Selection
) -> int:
    count, meant = 0, deliveries_meant(selection)
    for state in selection.resent:
        # Nothing that was said of it before holds any more.
        count += len(
            move_deliveries(connection, now, state, Event.REQUEUED,
                            deliveries.c.job_id == job_id, *meant, by=by, reason=None,
                            asked_at=now, **anew(now))
        )  # fmt: skip
    if count and WITHDRAWN in selection.states:
        _reserve(connection, now, job_id, by)
    if count:
        move_jobs(connection, now, JobState.BUILT, Event.REQUEUED,
                  jobs.c.id == job_id, by=by, reason=None)  # fmt: skip
    return count


def _reserve(connection: Connection, now: datetime, job_id: int, by: str) -> None:
    """Keep ready again what stands in for what is sent again."""
    others = deliveries.alias()
    waits = (
        select(others.c.id)
        .where(
            others.c.job_id == job_id,
            others.c.destination == deliveries.c.destination,
            others.c.state == DeliveryState.WAITING,
        )
        .exists()
    )
    this_issue = (
        select(outputs.c.id)
        .join(jobs, outputs.c.job_id == jobs.c.id)
        .where(outputs.c.id == deliveries.c.output_id, outputs.c.issue == jobs.c.issue)
        .exists()
    )
    move_deliveries(connection, now, DeliveryState.WITHDRAWN, Event.RESERVED,
                    deliveries.c.job_id == job_id, waits, this_issue, is_reserve(), by=by,
                    reason=None, **anew(now))  # fmt: skip
