"""What a person lets begin again: jobs that FAILED or were SKIPPED, and refused deliveries."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, false, func, or_, select

from dicom_node.ledger.reading.lookups import of_accession_numbers
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.former import JOB, in_state
from dicom_node.ledger.tables.moves import Condition, move_jobs
from dicom_node.ledger.tables.schema import deliveries, jobs
from dicom_node.ledger.tables.states import DeliveryState, Event, JobState
from dicom_node.ledger.work.reopening import ANEW, issue_to_repeat, was_rejected

#: Asked for among the states of jobs: those with deliveries that were refused for good, or lost.
REFUSED = "REFUSED"

_IS_MISSING = deliveries.c.state.in_([DeliveryState.REFUSED, DeliveryState.DEAD])


@dataclass(frozen=True, slots=True)
class Selection:
    """Which jobs are meant: those that meet all that is given."""

    job_ids: Collection[int] = ()
    sop_instance_uids: Collection[str] = ()
    study_instance_uids: Collection[str] = ()
    accession_numbers: Collection[str] = ()
    states: Collection[str] = (JobState.FAILED, JobState.SKIPPED, REFUSED)
    since: datetime | None = None  #: ended, or refused, at or after this

    @property
    def is_by_name(self) -> bool:
        """Whether every job is named one by one: then rejected ones are meant too."""
        return bool(self.job_ids or self.sop_instance_uids)

    @property
    def is_of_some(self) -> bool:
        """Whether images are named at all, be it by their study or order."""
        return self.is_by_name or bool(self.study_instance_uids or self.accession_numbers)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A job that can begin again, and how."""

    job_id: int
    sop_instance_uid: str
    state: JobState
    reason: str
    is_built: bool  #: what was refused is sent again, nothing analysed


class Requeue(Part):
    """The part of the ledger that `cxr-node requeue` uses."""

    def candidates(self, selection: Selection) -> list[Candidate]:
        """The jobs that are meant and can begin again, the oldest first."""
        query = select(*JOB).where(*_conditions(selection)).order_by(jobs.c.id)
        with self._database.read() as connection:
            return [
                candidate
                for row in connection.execute(query).all()
                if (candidate := _candidate(connection, row, selection))
            ]

    def named(self, selection: Selection) -> list[int]:
        """The jobs of the images that are named, in whatever state; their ids."""
        query = select(jobs.c.id).where(*_names(selection)).order_by(jobs.c.id)
        with self._database.read() as connection:
            return list(connection.scalars(query))

    def repeat(self, job_ids: Collection[int], pipeline: str, by: str) -> list[int]:
        """Let these be analysed anew, by `pipeline`; those of them that can be.

        `by` (user@host) asked for it. An image that `pipeline` has another job of is left out.
        """
        now = self._database.now()
        newest = select(func.max(jobs.c.id)).where(jobs.c.id.in_(job_ids))
        already = select(jobs.c.sop_instance_uid).where(jobs.c.pipeline == pipeline)
        may = jobs.c.id.in_(newest.group_by(jobs.c.sop_instance_uid)) & or_(
            jobs.c.pipeline == pipeline, jobs.c.sop_instance_uid.not_in(already)
        )
        ended = in_state(JobState.FAILED) | in_state(JobState.SKIPPED)
        query = select(*JOB).where(may, ended).order_by(jobs.c.id)
        with self._database.write() as connection:
            repeated: list[Row[Any]] = []
            for job in connection.execute(query.with_for_update(key_share=True)).all():
                # Recovery hands their ids to the broker.
                repeated += move_jobs(connection, now, JobState(job.state), Event.REPEATED,
                                      jobs.c.id == job.id, by=by, due_at=now, published_at=None,
                                      issue=issue_to_repeat(connection, job), pipeline=pipeline,
                                      **ANEW)  # fmt: skip
            return [row.id for row in repeated]


def _candidate(connection: Connection, job: Row[Any], selection: Selection) -> Candidate | None:
    if was_rejected(connection, job.sop_instance_uid, job.sha256) and not selection.is_by_name:
        return None
    is_built = job.state == JobState.BUILT or job.state not in selection.states
    reason = _why_refused(connection, job.id) if is_built else job.reason
    return Candidate(job.id, job.sop_instance_uid, JobState(job.state), reason or "", is_built)


def _why_refused(connection: Connection, job_id: int) -> str | None:
    query = select(deliveries.c.reason).where(deliveries.c.job_id == job_id, _IS_MISSING)
    return connection.execute(query.order_by(deliveries.c.id).limit(1)).scalar()


def _conditions(selection: Selection) -> list[Condition]:
    return [_in_state(selection.states, selection.since), *_names(selection)]


def _names(selection: Selection) -> list[Condition]:
    conditions: list[Condition] = []
    for column, values in (
        (jobs.c.id, selection.job_ids),
        (jobs.c.sop_instance_uid, selection.sop_instance_uids),
        (jobs.c.study_instance_uid, selection.study_instance_uids),
    ):
        if values:
            conditions.append(column.in_(values))
    if selection.accession_numbers:
        conditions.append(of_accession_numbers(selection.accession_numbers))
    return conditions


def _in_state(states: Collection[str], since: datetime | None) -> Condition:
    ended = or_(false(), *(in_state(JobState(state)) for state in states if state != REFUSED))
    refused = select(deliveries.c.id).where(deliveries.c.job_id == jobs.c.id, _IS_MISSING)
    if since is not None:
        ended &= jobs.c.updated_at >= since
        refused = refused.where(deliveries.c.updated_at >= since)
    return or_(ended, refused.exists()) if REFUSED in states else ended
