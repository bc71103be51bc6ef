"""What a person lets begin again: jobs that FAILED or were SKIPPED, and deliveries; and what was
refused, and is to be analysed all the same.

That is asked of bytes, not of a job: others that come under the same UID are looked at anew.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    and_,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    union,
)

from dicom_node.ledger.reading.lookups import of_accession_numbers
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.former import JOB, in_state
from dicom_node.ledger.tables.moves import Condition, move_jobs
from dicom_node.ledger.tables.records import Override
from dicom_node.ledger.tables.schema import deliveries, jobs, overrides
from dicom_node.ledger.tables.states import DeliveryState, Event, JobState
from dicom_node.ledger.work.reopening import ANEW, issue_to_repeat, was_rejected
from dicom_node.ledger.work.resending import (
    DELIVERED,
    RESENDABLE,
    Selection,
    deliveries_meant,
    jobs_meant,
)
from dicom_node.skipping import is_passable

#: Characters of a refusal that results repeat.
_LONGEST_REFUSAL = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """A job that can begin again, and how."""

    job_id: int
    sop_instance_uid: str
    state: JobState
    reason: str
    is_built: bool  #: what did not get there is sent again, nothing analysed


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
                                      jobs.c.id == job.id, by=by, due_at=now, asked_at=now,
                                      published_at=None, pipeline=pipeline,
                                      issue=issue_to_repeat(connection, job), **ANEW)  # fmt: skip
            return [row.id for row in repeated]

    def can_override(self, job_id: int) -> bool:
        """Whether what the job is about was refused, and a person may have it analysed anyway."""
        with self._database.read() as connection:
            return _refused(connection, job_id) is not None

    def override(self, job_id: int, pipeline: str, by: str, why: str) -> bool:
        """Let the job's bytes be analysed although they were refused, by `pipeline`; False where
        they cannot be, or `pipeline` has another job of the image.

        `by` (user@host) asked for it, for the reason `why`.
        """
        now = self._database.now()
        with self._database.write() as connection:
            job = _refused(connection, job_id, to_change=True)
            if job is None:
                return False
            others = select(jobs.c.id).where(
                jobs.c.sop_instance_uid == job.sop_instance_uid,
                jobs.c.pipeline == pipeline,
                jobs.c.id != job_id,
            )
            if connection.execute(others).first():
                return False
            refusal = _plain(job.reason)
            this = overrides.c.job_id == job_id, overrides.c.sha256 == job.sha256
            connection.execute(delete(overrides).where(*this))
            connection.execute(
                insert(overrides).values(
                    job_id=job_id, sha256=job.sha256, refusal=refusal, by=by, why=why, at=now
                )
            )
            # Recovery hands its id to the broker.
            return bool(move_jobs(connection, now, JobState.SKIPPED, Event.OVERRIDDEN,
                                  jobs.c.id == job_id, by=by, detail=f"{why} (refused: {refusal})",
                                  due_at=now, asked_at=now, published_at=None, pipeline=pipeline,
                                  **ANEW))  # fmt: skip

    def override_of(self, job_id: int) -> Override | None:
        """Of the bytes that the job is about; None: nobody asked for it."""
        query = (
            select(overrides.c.refusal, overrides.c.by, overrides.c.why, overrides.c.at)
            .join(jobs, (jobs.c.id == overrides.c.job_id) & (jobs.c.sha256 == overrides.c.sha256))
            .where(jobs.c.id == job_id)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else Override(*row)


def overridden_of(of: Table) -> ColumnElement[str]:
    """`Job.overridden` of each row of `jobs`, or of `sources`."""
    job_id = of.c.id if of is jobs else of.c.job_id
    this = select(overrides.c.refusal).where(
        overrides.c.job_id == job_id, overrides.c.sha256 == of.c.sha256
    )
    return func.coalesce(this.correlate(of).scalar_subquery(), "").label("overridden")


def _refused(connection: Connection, job_id: int, *, to_change: bool = False) -> Row[Any] | None:
    """The job, if it was SKIPPED for a reason that may be passed over, and no note rejects it."""
    query = select(*JOB).where(jobs.c.id == job_id, in_state(JobState.SKIPPED))
    if to_change:
        query = query.with_for_update(key_share=True)
    job = connection.execute(query).first()
    if job is None or not is_passable(job.reason or ""):
        return None
    return None if was_rejected(connection, job.sop_instance_uid, job.sha256) else job


def _plain(refusal: str) -> str:
    """In a line and in letters that every result has: a header holds anything."""
    latin = " ".join(refusal.split()).encode("latin-1", "replace").decode("latin-1")
    shown = "".join(letter if letter.isprintable() else "?" for letter in latin)
    whole = len(shown) <= _LONGEST_REFUSAL
    return shown if whole else f"{shown[:_LONGEST_REFUSAL]}..."


def _candidate(connection: Connection, job: Row[Any], selection: Selection) -> Candidate | None:
    if was_rejected(connection, job.sop_instance_uid, job.sha256) and not selection.is_by_name:
        return None
    is_built = job.state == JobState.BUILT or job.state not in selection.states
    reason = _why_missing(connection, job.id, selection) if is_built else job.reason
    return Candidate(job.id, job.sop_instance_uid, JobState(job.state), reason or "", is_built)


def _why_missing(connection: Connection, job_id: int, selection: Selection) -> str | None:
    why = case(
        (deliveries.c.state.in_(RESENDABLE[DELIVERED]), deliveries.c.destination + " has it"),
        (deliveries.c.state == DeliveryState.UNVERIFIED, deliveries.c.verification),
        (deliveries.c.state == DeliveryState.HELD, deliveries.c.destination + " was silent"),
        else_=deliveries.c.reason,
    )
    this = (deliveries.c.job_id == job_id, *deliveries_meant(selection))
    query = select(why).where(*this).order_by(deliveries.c.id)
    return connection.execute(query.limit(1)).scalar()


def _conditions(selection: Selection) -> list[Condition]:
    """What names some jobs is looked up first; without it what ended, by its state: a correlated
    look at each job would be one at a million.
    """
    if names := _names(selection):
        has_missing = _missing(selection).where(deliveries.c.job_id == jobs.c.id).exists()
        named = select(jobs.c.id).where(*names)
        return [jobs.c.id.in_(named), or_(*_ended(selection), has_missing)]
    ended = (select(jobs.c.id).where(one) for one in _ended(selection))
    return [jobs.c.id.in_(union(*ended, _missing(selection)))]


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


def _ended(selection: Selection) -> list[Condition]:
    """Of jobs, one for each state that is meant; none where only what goes to some is."""
    states = [state for state in selection.states if state not in RESENDABLE]
    if selection.destinations:
        return []
    return [and_(in_state(JobState(state)), *jobs_meant(selection)) for state in states]


def _missing(selection: Selection) -> Select[tuple[int]]:
    """Jobs of deliveries that are meant."""
    return select(deliveries.c.job_id).where(*deliveries_meant(selection))
