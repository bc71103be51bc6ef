"""Rejection notes (IHE IOCM) in the ledger: jobs stopped, and instances not to be analysed."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from dicom_node.ledger.tables.database import Part, insert_once
from dicom_node.ledger.tables.ending import FREE, report
from dicom_node.ledger.tables.former import JOB
from dicom_node.ledger.tables.moves import move_jobs
from dicom_node.ledger.tables.progress import Progress, progress_of
from dicom_node.ledger.tables.records import Job
from dicom_node.ledger.tables.schema import deliveries, jobs, rejections
from dicom_node.ledger.tables.states import Event, JobState
from dicom_node.ledger.work.instances import StoredInstance
from dicom_node.ledger.work.issues import stop
from dicom_node.ledger.work.reopening import EXPIRED, was_rejected

_LEFT = (Progress.DELIVERED, Progress.SENT, Progress.UNVERIFIED, Progress.INCOMPLETE)


class Rejecting(Part):
    """The part of the ledger for a worker whose job is a rejection note."""

    def rejected(
        self, note: Job, owner: str, sop_instance_uids: Collection[str], code: str, reason: str
    ) -> tuple[list[int], int]:
        """End the jobs of these instances SKIPPED and let nothing of them leave that has not.

        Their ids, and how much is just leaving, hence not stopped: the caller tries again. Each
        instance is remembered, also one that has not come yet. `code` is the note's title.
        """
        now = self._database.now()
        with self._database.write() as connection:
            report(connection, now, note.id, owner, Event.REJECTING, reason)
            # In one order, so that two notes cannot wait for each other.
            query = select(*JOB).where(jobs.c.sop_instance_uid.in_(sop_instance_uids))
            found = connection.execute(query.order_by(jobs.c.id).with_for_update(key_share=True))
            named = found.all()
            _remember(connection, now, note, named, sop_instance_uids, code, reason)
            ids = [job.id for job in named if _is_meant(connection, job, code)]
            for job in named:
                if job.id in ids:
                    _skip(connection, now, job.id, JobState(job.state), reason)
            return ids, stop(connection, now, deliveries.c.job_id.in_(ids), reason)


def skip_if_rejected(
    connection: Connection, now: datetime, job_id: int, instance: StoredInstance
) -> JobState:
    """End a new job at once where a rejection note came before its instance; its state."""
    reason = was_rejected(connection, instance.sop_instance_uid, instance.sha256)
    if reason is None:
        return JobState.RECEIVED
    _skip(connection, now, job_id, JobState.RECEIVED, reason)
    return JobState.SKIPPED


def _is_meant(connection: Connection, job: Row[Any], code: str) -> bool:
    """Not what has come since in its place, nor what has left before its time was up."""
    if code == EXPIRED and _has_left(connection, job):
        return False
    return was_rejected(connection, job.sop_instance_uid, job.sha256) is not None


def _has_left(connection: Connection, job: Row[Any]) -> bool:
    """Whether the job has ended and nothing of it can leave any more."""
    if job.state in (JobState.SKIPPED, JobState.FAILED):
        return True
    here = progress_of(connection, [job.id])[job.id]
    return job.state == JobState.BUILT and here in _LEFT


def _skip(connection: Connection, now: datetime, job_id: int, state: JobState, reason: str) -> None:
    # From a worker that is at work on it too: what that reports will be too late.
    move_jobs(connection, now, state, Event.REJECTED, jobs.c.id == job_id,
              detail=reason, reason=reason, **FREE)  # fmt: skip


def _remember(
    connection: Connection,
    now: datetime,
    note: Job,
    named: Collection[Row[Any]],
    sop_instance_uids: Collection[str],
    code: str,
    reason: str,
) -> None:
    had = {job.sop_instance_uid: job.sha256 for job in named}
    rows = [
        {"sop_instance_uid": uid, "code": code, "reason": reason, "sha256": had.get(uid),
         "note_job_id": note.id, "at": now}
        for uid in sop_instance_uids
    ]  # fmt: skip
    once = insert_once(connection, rejections, "sop_instance_uid", "note_job_id")
    if rows:
        connection.execute(once, rows)
