"""A job is given another class, by a person or by an instance that comes again in another."""

from datetime import datetime

from sqlalchemy import Connection, select, update

from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.former import JOB
from dicom_node.ledger.tables.moves import record
from dicom_node.ledger.tables.priority import Priority
from dicom_node.ledger.tables.schema import deliveries, jobs
from dicom_node.ledger.tables.states import Event, JobState


class Ranking(Part):
    """The part of the ledger by which somebody is helped who cannot wait."""

    def rank(self, job_id: int, priority: Priority, by: str) -> bool:
        """Give a job and its results this class, whatever its state; False where it has it, or
        there is none. `by` (user@host) asked for it.
        """
        now = self._database.now()
        with self._database.write() as connection:
            return rank(connection, now, job_id, priority, by=by)


def rank(
    connection: Connection,
    now: datetime,
    job_id: int,
    priority: Priority,
    *,
    by: str | None = None,
    why: str = "",
) -> bool:
    """The same within a transaction."""
    query = select(*JOB).where(jobs.c.id == job_id).with_for_update(key_share=True)
    job = connection.execute(query).first()
    if job is None or job.priority == priority:
        return False
    detail = f"{Priority(job.priority).name} to {priority.name}{f': {why}' if why else ''}"
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(priority=priority))
    of_job = update(deliveries).where(deliveries.c.job_id == job_id)
    connection.execute(of_job.values(priority=priority))
    record(connection, now, Event.RANKED, JobState(job.state), [(job_id, None)], by, detail)
    return True
