"""Earlier radiographs of a patient: those there are, and what each report was told of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, exists, insert, select, update

from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.former import JOB
from dicom_node.ledger.tables.moves import move_jobs
from dicom_node.ledger.tables.records import Job
from dicom_node.ledger.tables.remains import is_fetched
from dicom_node.ledger.tables.schema import (
    deliveries,
    findings,
    instances,
    jobs,
    outputs,
    overrides,
    progressions,
    rejections,
)
from dicom_node.ledger.tables.states import DeliveryState, Event, JobState
from dicom_node.ledger.work.instances import InstanceKind
from dicom_node.ledger.work.reopening import ANEW
from sr_writer.progression import Progression, Reference

#: Radiographs of one patient that are looked at, those that came last.
MOST_LOOKED_AT = 100
_IMAGE = ("study_instance_uid", "series_instance_uid", "sop_class_uid", "sop_instance_uid")


@dataclass(frozen=True, slots=True)
class Relative:
    """Another radiograph under the same Patient ID and issuer, and what became of it here."""

    job_id: int
    pipeline: str
    state: JobState
    image: Reference
    path: str  #: of the received instance, relative to the spool
    sha256: str
    acquired_at: str  #: as `Origin.acquired_at`
    updated_at: datetime
    is_rejected: bool  #: by a rejection note, or its results were withdrawn by a person
    decision: str | None  #: None: not analysed
    percent_left: float | None
    percent_right: float | None
    percent_both: float | None


class Progressions(Part):
    """The part of the ledger that knows a patient over time."""

    def of_job(self, job_id: int) -> Progression | None:
        """What the reports of the job's present issue tell; None: of nothing earlier."""
        here = select(jobs.c.issue).where(jobs.c.id == job_id).scalar_subquery()
        with self._database.read() as connection:
            return _told(_kept(connection, job_id, here))

    def is_fixed(self, job: Job) -> bool:
        """Whether the job's issue was analysed with what is kept of it, if anything is."""
        with self._database.read() as connection:
            kept = _kept(connection, job.id, job.issue)
            if kept is not None:
                return not kept.is_outdated
            # By a version, or in a configuration, that compares nothing.
            done = select(findings.c.id).where(
                findings.c.job_id == job.id, findings.c.issue == job.issue
            )
            return connection.execute(done).first() is not None

    def fix(self, job: Job, found: Progression, at: datetime) -> None:
        """Keep what the reports of the job's issue are to tell; whoever calls it holds the job.

        `at`: when the ledger was asked for it.
        """
        with self._database.write() as connection:
            kept = _kept(connection, job.id, job.issue)
            if kept is None:
                document = found.as_text() if found else ""
                key = {"job_id": job.id, "issue": job.issue}
                connection.execute(
                    insert(progressions).values(**key, document=document, fixed_at=at)
                )
                return
            before = _told(kept)
            document = found.after(before).as_text() if found or before else ""
            this = (progressions.c.job_id == job.id) & (progressions.c.issue == job.issue)
            values = {"document": document, "fixed_at": at, "is_outdated": False}
            connection.execute(update(progressions).where(this).values(values))

    def unknown_to(self, job_id: int, others: Sequence[Relative]) -> list[Relative]:
        """Those of the job's relatives that its reports do not know of as analysed, though they
        have been since these were told; none where the job compares nothing.
        """
        here = select(jobs.c.issue).where(jobs.c.id == job_id).scalar_subquery()
        with self._database.read() as connection:
            kept = _kept(connection, job_id, here)
        if kept is None:
            return []
        told = _told(kept)
        known = told.known if told else frozenset()
        return [
            one
            for one in others
            if one.updated_at >= kept.fixed_at and one.image.sop_instance_uid not in known
        ]

    def itself(self, job: Job) -> Relative | None:
        """The job's own radiograph; None where a version accepted it that kept nothing of it."""
        with self._database.read() as connection:
            row = connection.execute(_radiographs().where(jobs.c.id == job.id)).first()
        return _relative(row) if row else None

    def relatives(self, job: Job) -> list[Relative]:
        """The patient's radiographs in other studies, by the job's pipeline where it has a job. Not
        what was refused: analysed at a person's request it is no prior either.
        """
        patient = (
            select(instances.c.patient_hash)
            .where(
                instances.c.sop_instance_uid == job.sop_instance_uid,
                instances.c.sha256 == job.sha256,
            )
            .scalar_subquery()
        )
        query = (
            _radiographs()
            .where(
                instances.c.patient_hash == patient,
                instances.c.patient_hash != "",
                instances.c.kind == InstanceKind.RADIOGRAPH,
                jobs.c.study_instance_uid != job.study_instance_uid,
                ~exists().where(
                    overrides.c.job_id == jobs.c.id, overrides.c.sha256 == jobs.c.sha256
                ),
            )
            .order_by(jobs.c.id.desc())
            .limit(MOST_LOOKED_AT)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        # Of an image that several pipelines have: ours, else the newest.
        ours_last = sorted(rows, key=lambda row: (row.pipeline == job.pipeline, row.id))
        return list({row.sop_instance_uid: _relative(row) for row in ours_last}.values())

    def reports(self, job_id: int) -> dict[str, Reference]:
        """The job's present Structured Reports, by role."""
        query = (
            select(jobs.c.study_instance_uid, outputs)
            .join(jobs, (outputs.c.job_id == jobs.c.id) & (outputs.c.issue == jobs.c.issue))
            .where(jobs.c.id == job_id, outputs.c.role.like("SR%"))
            .order_by(outputs.c.id)
        )
        with self._database.read() as connection:
            return {row.role: _reference(row) for row in connection.execute(query)}

    def outdate(self, job_ids: Sequence[int], why: str) -> list[int]:
        """Let those of the jobs that are BUILT, and told of priors then, be analysed anew; which.
        Of what was only fetched nothing is told.

        Recovery hands their ids to the broker.
        """
        now = self._database.now()
        has = exists().where(
            progressions.c.job_id == jobs.c.id, progressions.c.issue == jobs.c.issue
        )
        with self._database.write() as connection:
            moved = move_jobs(connection, now, JobState.BUILT, Event.OUTDATED,
                              jobs.c.id.in_(job_ids), has, ~is_fetched(), detail=why, due_at=now,
                              published_at=None, **ANEW)  # fmt: skip
            for row in moved:
                this = (progressions.c.job_id == row.id) & (progressions.c.issue == row.issue)
                connection.execute(update(progressions).where(this).values(is_outdated=True))
            return [row.id for row in moved]


_FOUND = ("decision", "percent_left", "percent_right", "percent_both")


def _kept(
    connection: Connection, job_id: int, issue: "int | ColumnElement[int]"
) -> Row[Any] | None:
    query = select(progressions).where(
        progressions.c.job_id == job_id, progressions.c.issue == issue
    )
    return connection.execute(query).first()


def _told(kept: Row[Any] | None) -> Progression | None:
    return Progression.of(kept.document) if kept and kept.document else None


def _radiographs() -> Select[Any]:
    """Jobs, each with the bytes that it is about and what was found in them."""
    return (
        select(
            *JOB,
            instances.c.acquired_at,
            _is_rejected().label("is_rejected"),
            *(findings.c[name] for name in _FOUND),
        )
        .join(
            instances,
            (instances.c.sop_instance_uid == jobs.c.sop_instance_uid)
            & (instances.c.sha256 == jobs.c.sha256),
        )
        .outerjoin(findings, (findings.c.job_id == jobs.c.id) & (findings.c.issue == jobs.c.issue))
    )


def _is_rejected() -> ColumnElement[bool]:
    noted = exists().where(
        rejections.c.sop_instance_uid == jobs.c.sop_instance_uid,
        rejections.c.sha256.is_(None) | (rejections.c.sha256 == jobs.c.sha256),
        jobs.c.state == JobState.SKIPPED,
    )
    # As `Withdrawing` says it: what a newer issue replaced is withdrawn, too.
    by_person = exists().where(
        deliveries.c.job_id == jobs.c.id,
        deliveries.c.state == DeliveryState.WITHDRAWN,
        deliveries.c.reason.like("withdrawn by %"),
    )
    return noted | by_person


def _relative(row: Row[Any]) -> Relative:
    return Relative(
        job_id=row.id,
        pipeline=row.pipeline,
        state=JobState(row.state),
        image=_reference(row),
        path=row.path,
        sha256=row.sha256,
        acquired_at=row.acquired_at,
        updated_at=row.updated_at,
        is_rejected=row.is_rejected,
        **{name: getattr(row, name) for name in _FOUND},
    )


def _reference(row: Row[Any]) -> Reference:
    return Reference(**{name: getattr(row, name) for name in _IMAGE})
