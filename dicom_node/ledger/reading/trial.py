"""What became of every image of some weeks, for a report of them: no patient, no UID."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from dicom_node.ledger.reading.lookups import ITS_FINDINGS, ITS_INSTANCE
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.former import JOB
from dicom_node.ledger.tables.remains import is_fetched
from dicom_node.ledger.tables.schema import events, findings, instances, jobs
from dicom_node.ledger.tables.states import Event, JobState

#: Of an instance whose SOP Class may be analysed (`InstanceKind`).
_RADIOGRAPH = "RADIOGRAPH"
#: The first of these in a job's record is when its results were there, or that there are none.
_ENDED = (Event.BUILT, Event.SKIPPED, Event.FAILED, Event.GIVEN_UP, Event.PASSED_OVER)


@dataclass(frozen=True, slots=True)
class TrialCase:
    """One image."""

    received_at: datetime
    took_s: float | None  #: until its results were there; None: it has not ended
    state: JobState
    reason: str  #: why it has no result; "" where it has
    is_radiograph: bool  #: by its SOP Class
    device: tuple[str, str, str]  #: manufacturer, model, station; "" where the header does not say
    accession_number: str  #: to be compared, never to be shown
    decision: str | None  #: None: not analysed
    why: str  #: this decision
    percent: float | None  #: infected, of both lungs; None: it cannot be said
    cautions: tuple[str, ...]


class Trial(Part):
    """The part of the ledger behind `cxr-node acceptance`."""

    def cases(self, since: datetime, until: datetime) -> Iterator[TrialCase]:
        """All that was received from `since` to before `until`, in the order it came."""
        ended = (
            select(events.c.job_id, func.min(events.c.at).label("at"))
            .join(jobs, events.c.job_id == jobs.c.id)
            .where(events.c.event.in_(_ENDED), events.c.delivery_id.is_(None))
            .where(jobs.c.received_at >= since, jobs.c.received_at < until)
            .group_by(events.c.job_id)
            .subquery()
        )
        of_instance = (instances.c[name] for name in
                       ("kind", "manufacturer", "model_name", "station_name",
                        "accession_number"))  # fmt: skip
        found = (findings.c.decision, findings.c.reason.label("why"), findings.c.percent_both,
                 findings.c.cautions)  # fmt: skip
        query = (
            select(*JOB, *of_instance, *found, ended.c.at.label("ended_at"))
            .outerjoin(instances, ITS_INSTANCE)
            .outerjoin(findings, ITS_FINDINGS)
            .outerjoin(ended, ended.c.job_id == jobs.c.id)
            .where(jobs.c.received_at >= since, jobs.c.received_at < until)
            # Nobody sent it, nor is anything of it to be judged.
            .where(~is_fetched())
            .order_by(jobs.c.id)
        )
        with self._database.read() as connection:
            for row in connection.execute(query):
                took = row.ended_at and (row.ended_at - row.received_at).total_seconds()
                yield TrialCase(
                    received_at=row.received_at,
                    took_s=took,
                    state=JobState(row.state),
                    reason=row.reason or "",
                    is_radiograph=row.kind in (None, _RADIOGRAPH),
                    device=(row.manufacturer or "", row.model_name or "", row.station_name or ""),
                    accession_number=row.accession_number or "",
                    decision=row.decision,
                    why=row.why or "",
                    percent=row.percent_both,
                    cautions=tuple(json.loads(row.cautions)) if row.cautions else (),
                )
