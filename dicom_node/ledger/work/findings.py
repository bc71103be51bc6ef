"""What the analysis of a job's instance found: one row for each issue of its results."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.schema import findings, jobs


@dataclass(frozen=True, slots=True)
class FindingsRecord:
    """The analysis in a line: what the report says at its top."""

    decision: str  #: a value of `inference.findings.Decision`
    reason: str  #: one sentence for people: why this decision
    percent_left: float | None  #: infected, of that lung, 0..100; None: it cannot be said
    percent_right: float | None
    percent_both: float | None
    cautions: tuple[str, ...] = ()  #: codes of `inference.findings.Caution`
    #: Of the image as the networks saw it (`inference.gray.quality`); None: not measured.
    gray_brightness: float | None = None
    gray_contrast: float | None = None
    gray_sharpness: float | None = None
    #: `ProbabilityMaps.strangeness`, 0 upwards; None: not measured.
    strangeness: float | None = None


class Findings(Part):
    """The part of the ledger that says what was found."""

    def of_job(self, job_id: int) -> FindingsRecord | None:
        """Of the job's present issue; None: not analysed, or by a version that kept none."""
        here = select(jobs.c.issue).where(jobs.c.id == job_id).scalar_subquery()
        query = select(*findings.c).where(findings.c.job_id == job_id, findings.c.issue == here)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else _record(row)


def keep_findings(
    connection: Connection, now: datetime, job: Row[Any], found: FindingsRecord
) -> None:
    """Those of the job's issue, instead of an earlier try's; whoever calls it holds the job."""
    this = (findings.c.job_id == job.id) & (findings.c.issue == job.issue)
    connection.execute(delete(findings).where(this))
    connection.execute(
        insert(findings).values(
            job_id=job.id,
            issue=job.issue,
            found_at=now,
            decision=found.decision,
            reason=found.reason,
            percent_left=found.percent_left,
            percent_right=found.percent_right,
            percent_both=found.percent_both,
            cautions=json.dumps(found.cautions),
            gray_brightness=found.gray_brightness,
            gray_contrast=found.gray_contrast,
            gray_sharpness=found.gray_sharpness,
            strangeness=found.strangeness,
        )
    )


def _record(row: Row[Any]) -> FindingsRecord:
    return FindingsRecord(
        decision=row.decision,
        reason=row.reason,
        percent_left=row.percent_left,
        percent_right=row.percent_right,
        percent_both=row.percent_both,
        cautions=tuple(json.loads(row.cautions)),
        gray_brightness=row.gray_brightness,
        gray_contrast=row.gray_contrast,
        gray_sharpness=row.gray_sharpness,
        strangeness=row.strangeness,
    )
