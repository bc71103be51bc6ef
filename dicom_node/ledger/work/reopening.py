"""An instance that comes again: the same job, and whether it begins anew.

Other bytes under the same SOP Instance UID are new evidence, whatever became of the job: it waits
for a worker again, who says whether anything that matters has changed. Of two that arrive at once,
the last to be committed is the job's. The same bytes again begin it anew only where it FAILED: the
reason, a damaged file or a worker that died, may have passed.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from dicom_node.ledger.tables.ending import FREE
from dicom_node.ledger.tables.former import JOB
from dicom_node.ledger.tables.moves import move_jobs, record
from dicom_node.ledger.tables.priority import Priority
from dicom_node.ledger.tables.records import Acceptance
from dicom_node.ledger.tables.remains import fetched, purged
from dicom_node.ledger.tables.schema import (
    events,
    instances,
    jobs,
    outputs,
    progressions,
    rejections,
    sources,
)
from dicom_node.ledger.tables.states import Event, JobState
from dicom_node.ledger.work.instances import StoredInstance
from dicom_node.ledger.work.ranking import rank

#: What a job keeps of the instance that it is about.
INSTANCE = ("sop_class_uid", "study_instance_uid", "series_instance_uid", "transfer_syntax_uid",
            "calling_aet", "path", "sha256", "size_bytes")  # fmt: skip
#: Titles of rejection notes (PS3.16 CID 7010, DCM). Patient safety: no other bytes undo it.
PATIENT_SAFETY = "113037"
#: Data retention: what the image said was right, and stays where it is.
EXPIRED = "113039"

#: The last of these in a job's record tells whether its present bytes have their results.
_BUILT = (Event.BUILT, Event.UNCHANGED)
_TELLING = (*_BUILT, Event.FAILED, Event.GIVEN_UP, Event.REOPENED, Event.REPEATED,
            Event.OVERRIDDEN)  # fmt: skip
#: Nothing has been tried yet.
ANEW: dict[str, Any] = {"attempts": 0, "deaths": 0, **FREE}
#: Columns of a source that the job has as well.
_KEPT = ("received_at", "reason", *INSTANCE[1:])


def accept_again(
    connection: Connection,
    now: datetime,
    instance: StoredInstance,
    pipeline: str,
    priority: Priority,
    why: str,
) -> Acceptance:
    """What becomes of the job that this instance already has: it is as urgent as it ever came."""
    this = (jobs.c.sop_instance_uid == instance.sop_instance_uid) & (jobs.c.pipeline == pipeline)
    # Two copies may arrive at once: the second sees what the first made of it.
    query = select(*JOB).where(this).with_for_update(key_share=True)
    job = connection.execute(query).one()
    state, differs = JobState(job.state), job.sha256 != instance.sha256
    if priority < job.priority:
        rank(connection, now, job.id, priority, why=f"it came again, {why}")
    if _is_sent_at_last(connection, now, job, instance, pipeline):
        values = {name: getattr(instance, name) for name in INSTANCE}
        detail = "it was sent here, after it had been fetched"
        move_jobs(connection, now, state, Event.REOPENED, jobs.c.id == job.id, detail=detail,
                  due_at=now, received_at=now, published_at=now, reason=None,
                  **values, **ANEW)  # fmt: skip
        return Acceptance(job.id, False, JobState.RECEIVED, other_bytes=differs, is_reopened=True)
    if not _is_evidence(connection, job, instance):
        event = Event.DIFFERENT if differs else Event.DUPLICATE
        detail = f"SHA-256 {instance.sha256}, spooled as {instance.path}" if differs else ""
        record(connection, now, event, state, [(job.id, None)], detail=detail)
        return Acceptance(job.id, False, state, other_bytes=differs)
    if differs:
        _begin_with(connection, now, job, instance)
    else:
        move_jobs(connection, now, state, Event.REOPENED, jobs.c.id == job.id,
                  detail="the same bytes came again", due_at=now, published_at=now,
                  **ANEW)  # fmt: skip
    return Acceptance(job.id, False, JobState.RECEIVED, other_bytes=differs, is_reopened=True)


def was_rejected(connection: Connection, sop_instance_uid: str, sha256: str) -> str | None:
    """Why these bytes of the instance are not to be analysed; None: nothing speaks against it."""
    rejected = select(rejections).where(rejections.c.sop_instance_uid == sop_instance_uid)
    for row in connection.execute(rejected.order_by(rejections.c.id.desc())):
        if row.code == PATIENT_SAFETY or row.sha256 in (None, sha256):
            reason: str = row.reason
            return reason
    return None


def was_built(connection: Connection, job: Row[Any]) -> bool:
    """Whether all results of the job's bytes were built, and are there if they got nowhere."""
    telling = select(events.c.event).where(events.c.job_id == job.id, events.c.event.in_(_TELLING))
    last = connection.execute(telling.order_by(events.c.id.desc()).limit(1)).scalar()
    return last in _BUILT


def issue_to_repeat(connection: Connection, job: Row[Any]) -> int:
    """The issue of a job that a person lets begin again.

    What a rejection note has taken back stays so: its results come again as a new issue.
    """
    rejected = was_rejected(connection, job.sop_instance_uid, job.sha256)
    if not rejected or not _has_outputs(connection, job):
        return int(job.issue)
    issue = _next_issue(connection, job)
    _keep_source(connection, job, standing=False)
    return issue


def issue_for_another(connection: Connection, job: Row[Any]) -> int:
    """The issue of a job that another pipeline takes over: what this one has built, it does not
    build again, and what others build gets other UIDs.
    """
    if not _has_outputs(connection, job):
        return int(job.issue)
    issue = _next_issue(connection, job)
    _keep_source(connection, job, standing=False)
    return issue


def _is_sent_at_last(
    connection: Connection, now: datetime, job: Row[Any], instance: StoredInstance, pipeline: str
) -> bool:
    """Whether the job's instance had only been fetched: now it is as any other that is sent here.

    Not where its results were sent, and purged, before that: they are not sent twice.
    """
    this = (fetched.c.job_id == job.id) & fetched.c.sent_at.is_(None)
    if connection.execute(select(fetched.c.job_id).where(this)).first() is None:
        return False
    delivered = select(purged.c.pipeline).where(
        purged.c.sop_instance_uid == instance.sop_instance_uid,
        purged.c.pipeline == pipeline,
        purged.c.sha256 == instance.sha256,
    )
    if connection.execute(delivered).first() is not None:
        return False
    if was_rejected(connection, instance.sop_instance_uid, instance.sha256):
        return False
    connection.execute(update(fetched).where(this).values(sent_at=now))
    told = progressions.c.job_id == job.id
    connection.execute(update(progressions).where(told).values(is_outdated=True))
    path = instances.c.sop_instance_uid == instance.sop_instance_uid
    path &= instances.c.sha256 == instance.sha256
    connection.execute(update(instances).where(path).values(path=instance.path))
    return True


def _is_evidence(connection: Connection, job: Row[Any], instance: StoredInstance) -> bool:
    """Whether the job is to begin anew with what has come."""
    if was_rejected(connection, instance.sop_instance_uid, instance.sha256):
        return False
    if job.sha256 == instance.sha256:
        return bool(job.state == JobState.FAILED)
    noted = select(sources.c.id).where(
        sources.c.job_id == job.id,
        sources.c.issue == job.issue,
        sources.c.sha256 == instance.sha256,
    )
    return connection.execute(noted.limit(1)).first() is None


def _begin_with(
    connection: Connection, now: datetime, job: Row[Any], instance: StoredInstance
) -> None:
    """Make the job about other bytes: of a new issue, where anything has been made of the last."""
    issue = job.issue
    if _has_outputs(connection, job):
        _keep_source(connection, job, was_built(connection, job))
        issue = _next_issue(connection, job)
    values = {name: getattr(instance, name) for name in INSTANCE}
    detail = (
        f"issue {issue}: SHA-256 {job.sha256}, spooled as {job.path}, is replaced by"
        f" {instance.sha256}, spooled as {instance.path}"
    )
    # From a worker that is at work on the old bytes too: what it reports will be too late.
    move_jobs(connection, now, JobState(job.state), Event.REOPENED, jobs.c.id == job.id,
              detail=detail, issue=issue, due_at=now, received_at=now, published_at=now,
              reason=None, **values, **ANEW)  # fmt: skip


def _has_outputs(connection: Connection, job: Row[Any]) -> bool:
    made = select(outputs.c.id).where(outputs.c.job_id == job.id, outputs.c.issue == job.issue)
    return connection.execute(made.limit(1)).first() is not None


def _keep_source(connection: Connection, job: Row[Any], standing: bool) -> None:
    values = {name: getattr(job, name) for name in _KEPT}
    connection.execute(
        insert(sources).values(job_id=job.id, issue=job.issue, standing=standing, **values)
    )


def _next_issue(connection: Connection, job: Row[Any]) -> int:
    newest = select(func.max(sources.c.issue)).where(sources.c.job_id == job.id)
    last: int = connection.execute(newest).scalar() or 0
    return 1 + max(int(job.issue), last)
