"""Assessments: what a reader says of an image's results, by a click on the page or in the PACS."""

import json
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, insert, select

from dicom_node.errors import NodeError
from dicom_node.ledger.readers.table import assessments, corrections
from dicom_node.ledger.shadow.table import shadows
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.remains import is_fetched, was_asked_for
from dicom_node.ledger.tables.schema import OF_NONE, findings, jobs, outputs
from dicom_node.ledger.tables.states import JobState


class Verdict(StrEnum):
    """What there is to say (paper, section 2.2, stage II)."""

    ACCEPT = "accept"  #: decision and masks are right, or nearly
    REJECT = "reject"  #: they are not
    OTHER = "other"  #: nor are they, but what a pipeline says is that was tried on it (stage III)
    UNSURE = "unsure"  #: this reader cannot say
    EXCLUDE = "exclude"  #: the image itself is not to be judged by, or learnt from


@dataclass(frozen=True, slots=True)
class Assessment:
    """One click."""

    job_id: int
    reader: str
    at: datetime
    verdict: Verdict
    note: str = ""
    pipeline: str = ""  #: of OTHER: the one that is right; "": not said which


@dataclass(frozen=True, slots=True)
class Assessed:
    """An image that was analysed, and what readers say of its present results."""

    job_id: int
    received_at: datetime
    decision: str  #: a value of `inference.findings.Decision`
    cautions: tuple[str, ...]  #: codes of `inference.findings.Caution`
    differs: bool  #: a pipeline that was tried on it decides otherwise
    said: tuple[Assessment, ...]  #: of each reader the last, in the order of these


@dataclass(frozen=True, slots=True)
class Result:
    """An instance that an analysis gave."""

    job_id: int
    is_present: bool  #: False: others have taken its place


class Assessments(Part):
    """The part of the ledger that has what readers click."""

    def keep(
        self, job_id: int, reader: str, verdict: Verdict, note: str = "", pipeline: str = ""
    ) -> None:
        """Raises NodeError where there is nothing to judge: no such job, or none analysed."""
        query = (
            select(jobs.c.issue)
            .join(findings, (findings.c.job_id == jobs.c.id) & (findings.c.issue == jobs.c.issue))
            .where(jobs.c.id == job_id)
        )
        with self._database.write() as connection:
            issue = connection.scalar(query)
            if issue is None:
                raise NodeError(f"job {job_id} has no results that could be judged")
            now = self._database.now()
            connection.execute(
                insert(assessments).values(
                    job_id=job_id, issue=issue, reader=reader, at=now, verdict=verdict, note=note,
                    pipeline=pipeline,
                )
            )  # fmt: skip

    def results(self, sop_instance_uids: Collection[str]) -> dict[str, Result]:
        """Of these instances, those that are results of an analysis."""
        # A report that was made anew within its issue is of none any more, and was of an analysis.
        analysed = (findings.c.job_id == outputs.c.job_id) & (
            (findings.c.issue == outputs.c.issue) | (outputs.c.issue == OF_NONE)
        )
        query = (
            select(outputs.c.sop_instance_uid, jobs.c.id, outputs.c.issue == jobs.c.issue)
            .join(jobs, outputs.c.job_id == jobs.c.id)
            .where(
                outputs.c.sop_instance_uid.in_(sop_instance_uids),
                select(findings.c.id).where(analysed).exists(),
            )
            .order_by(outputs.c.issue)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return {uid: Result(job_id, is_present) for uid, job_id, is_present in rows}

    def concern_any(self, sop_instance_uids: Collection[str]) -> bool:
        """Whether any of these instances was built here, be it without an analysis, or is a
        reader's Segmentation.
        """
        built = select(outputs.c.id).where(outputs.c.sop_instance_uid.in_(sop_instance_uids))
        drawn = select(corrections.c.job_id).where(
            corrections.c.segmentation_uid.in_(sop_instance_uids)
        )
        with self._database.read() as connection:
            return any(connection.execute(one.limit(1)).first() for one in (built, drawn))

    def of_job(self, job_id: int) -> list[Assessment]:
        """Every click on its present results, the first first."""
        return self._said(jobs.c.id == job_id)

    def since(self, when: datetime, most: int) -> list[Assessed]:
        """Images that devices sent since then and that were analysed, the newest first."""
        query = (
            select(
                jobs.c.id,
                jobs.c.received_at,
                findings.c.decision,
                findings.c.cautions,
                _differs().label("differs"),
            )
            .join(findings, (findings.c.job_id == jobs.c.id) & (findings.c.issue == jobs.c.issue))
            .where(
                jobs.c.received_at >= when,
                jobs.c.state == JobState.BUILT,
                ~is_fetched(),
                ~was_asked_for(),
            )
            .order_by(jobs.c.received_at.desc(), jobs.c.id.desc())
            .limit(most)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        said = self.since_by_job(when)
        return [_assessed(row, said.get(row.id, ())) for row in rows]

    def latest(self, *of: ColumnElement[bool]) -> dict[int, tuple[Assessment, ...]]:
        """By job: of each reader the last, of the jobs' present results."""
        counting: dict[int, dict[str, Assessment]] = defaultdict(dict)
        for one in self._said(*of):
            counting[one.job_id].pop(one.reader, None)
            counting[one.job_id][one.reader] = one
        return {job_id: tuple(by_reader.values()) for job_id, by_reader in counting.items()}

    def since_by_job(self, when: datetime) -> dict[int, tuple[Assessment, ...]]:
        """`latest` of images that came since then."""
        return self.latest(jobs.c.received_at >= when)

    def accepted(self) -> list[int]:
        """Jobs of which a reader accepts the results, and none says anything else but unsure."""
        return [job for job, said in self.latest().items() if _is_accepted(said)]

    def excluded(self) -> set[int]:
        """Jobs whose images a reader wants left out."""
        return {
            job
            for job, said in self.latest().items()
            if any(one.verdict is Verdict.EXCLUDE for one in said)
        }

    def _said(self, *of: ColumnElement[bool]) -> list[Assessment]:
        here = (assessments.c.job_id == jobs.c.id) & (assessments.c.issue == jobs.c.issue)
        query = select(assessments).join(jobs, here).where(*of).order_by(assessments.c.id)
        with self._database.read() as connection:
            return [
                Assessment(
                    row.job_id, row.reader, row.at, Verdict(row.verdict), row.note, row.pipeline
                )
                for row in connection.execute(query)
            ]


def _is_accepted(said: Collection[Assessment]) -> bool:
    verdicts = {one.verdict for one in said}
    return Verdict.ACCEPT in verdicts and verdicts <= {Verdict.ACCEPT, Verdict.UNSURE}


def _differs() -> ColumnElement[bool]:
    return (
        select(shadows.c.job_id)
        .where(
            shadows.c.job_id == jobs.c.id,
            shadows.c.issue == jobs.c.issue,
            shadows.c.ended_at.is_not(None),
            shadows.c.fault == "",
            shadows.c.decision != findings.c.decision,
        )
        .exists()
    )


def _assessed(row: Row[Any], said: tuple[Assessment, ...]) -> Assessed:
    cautions = tuple(json.loads(row.cautions))
    return Assessed(row.id, row.received_at, row.decision, cautions, bool(row.differs), said)
