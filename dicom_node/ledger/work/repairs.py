"""What is brought back: outputs damaged in the spool, and deliveries a person asks for again."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, select

from dicom_node.errors import UNKNOWN_TRIES
from dicom_node.ledger.sending.deliveries import lock_job, report_delivery, times
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.moves import move_deliveries, move_jobs
from dicom_node.ledger.tables.schema import deliveries, jobs
from dicom_node.ledger.tables.states import DeliveryState, Event, JobState

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

    def redeliver(self, job_ids: Collection[int], by: str) -> int:
        """Let what these jobs' destinations refused, or what was lost, be sent again at once.

        How many deliveries that are; `by` (user@host) asked for it. What the analysis came to stays
        as it was.
        """
        now = self._database.now()
        # In one order, and first: see `lock_job`.
        query = select(jobs.c.id).where(jobs.c.id.in_(job_ids)).order_by(jobs.c.id)
        with self._database.write() as connection:
            locked = connection.scalars(query.with_for_update(key_share=True)).all()
            return sum(_redeliver(connection, now, job_id, by) for job_id in locked)


def _redeliver(connection: Connection, now: datetime, job_id: int, by: str) -> int:
    count = 0
    for state in (DeliveryState.REFUSED, DeliveryState.DEAD):
        count += len(
            move_deliveries(connection, now, state, Event.REQUEUED,
                            deliveries.c.job_id == job_id, by=by, attempts=0, due_at=now)
        )  # fmt: skip
    if count:
        move_jobs(connection, now, JobState.BUILT, Event.REQUEUED,
                  jobs.c.id == job_id, by=by, reason=None)  # fmt: skip
    return count
