"""What a person lets begin again: jobs that FAILED or were SKIPPED, and refused deliveries."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, exists, false, func, or_, select

from dicom_node.ledger.database import Part
from dicom_node.ledger.lookups import of_accession_numbers
from dicom_node.ledger.moves import Condition, move_jobs
from dicom_node.ledger.reopening import ANEW, issue_to_repeat, was_built, was_rejected
from dicom_node.ledger.schema import deliveries, jobs
from dicom_node.ledger.states import DeliveryState, Event, JobState

#: Asked for among the states of jobs: those with deliveries that were refused for good.
REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which jobs are meant: those that meet all that is given."""

    job_ids: Collection[int] = ()
    sop_instance_uids: Collection[str] = ()
    study_instance_uids: Collection[str] = ()
    accession_numbers: Collection[str] = ()
    states: Collection[str] = (JobState.FAILED, JobState.SKIPPED, REFUSED)
    since: datetime | None = None  #: ended at or after this

    @property
    def is_by_name(self) -> bool:
        """Whether every job is named one by one: then rejected ones are meant too."""
        return bool(self.job_ids or self.sop_instance_uids)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A job that can begin again, and how."""

    job_id: int
    sop_instance_uid: str
    state: JobState
    reason: str
    is_built: bool  #: its results exist: what was refused is sent again, nothing analysed


class Requeue(Part):
    """The part of the ledger that `cxr-node requeue` uses."""

    def candidates(self, selection: Selection) -> list[Candidate]:
        """The jobs that are meant and can begin again, the oldest first."""
        query = select(*jobs.c).where(*_conditions(selection)).order_by(jobs.c.id)
        with self._database.read() as connection:
            return [
                candidate
                for row in connection.execute(query).all()
                if (candidate := _candidate(connection, row, selection.is_by_name))
            ]

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
        ended = jobs.c.state.in_([JobState.FAILED, JobState.SKIPPED])
        query = select(*jobs.c).where(may, ended).order_by(jobs.c.id)
        with self._database.write() as connection:
            repeated: list[Row[Any]] = []
            for job in connection.execute(query.with_for_update(key_share=True)).all():
                # Recovery hands their ids to the broker.
                repeated += move_jobs(connection, now, JobState(job.state), Event.REPEATED,
                                      jobs.c.id == job.id, by=by, due_at=now, published_at=None,
                                      issue=issue_to_repeat(connection, job), pipeline=pipeline,
                                      **ANEW)  # fmt: skip
            return [row.id for row in repeated]


def _candidate(connection: Connection, job: Row[Any], is_named: bool) -> Candidate | None:
    rejected = was_rejected(connection, job.sop_instance_uid, job.sha256)
    if rejected and not is_named:
        return None
    is_built = not rejected and was_built(connection, job)
    return Candidate(job.id, job.sop_instance_uid, JobState(job.state), job.reason or "", is_built)


def _conditions(selection: Selection) -> list[Condition]:
    conditions: list[Condition] = [_in_state(selection.states)]
    for column, values in (
        (jobs.c.id, selection.job_ids),
        (jobs.c.sop_instance_uid, selection.sop_instance_uids),
        (jobs.c.study_instance_uid, selection.study_instance_uids),
    ):
        if values:
            conditions.append(column.in_(values))
    if selection.accession_numbers:
        conditions.append(of_accession_numbers(selection.accession_numbers))
    if selection.since is not None:
        conditions.append(jobs.c.updated_at >= selection.since)
    return conditions


def _in_state(states: Collection[str]) -> Condition:
    refused = exists().where(
        deliveries.c.job_id == jobs.c.id, deliveries.c.state == DeliveryState.REFUSED
    )
    ended = jobs.c.state.in_([state for state in states if state != REFUSED])
    return or_(ended, refused if REFUSED in states else false())
