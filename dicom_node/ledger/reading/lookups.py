"""What a person looks up: which jobs there are, and which of them a number or a UID means."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select, union

from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.former import JOB, in_state
from dicom_node.ledger.tables.moves import Condition
from dicom_node.ledger.tables.progress import Progress, progress
from dicom_node.ledger.tables.schema import deliveries, findings, instances, jobs, outputs
from dicom_node.ledger.tables.states import DeliveryState, JobState

#: Asked for among the states of jobs, by the deliveries: a result is on its way; one was refused
#: or lost.
WAITING, REFUSED = "WAITING", "REFUSED"
_BY_DELIVERY = {
    WAITING: (DeliveryState.WAITING, DeliveryState.DAMAGED),
    REFUSED: (DeliveryState.REFUSED, DeliveryState.DEAD),
}
#: What `Filter.states` may hold.
STATES = (*JobState, *_BY_DELIVERY)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs are meant: those that meet all that is given; of each, any of its values."""

    ids: Collection[int] = ()
    states: Collection[str] = ()  #: of `STATES`
    accession_numbers: Collection[str] = ()
    study_instance_uids: Collection[str] = ()
    since: datetime | None = None  #: received at or after this


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job at a glance."""

    id: int
    state: JobState
    received_at: datetime
    updated_at: datetime
    accession_number: str  #: "" where the header does not say
    study_instance_uid: str
    sop_instance_uid: str
    decision: str | None  #: None: not analysed
    reason: str | None
    deliveries: Mapping[DeliveryState, int]  #: of its results; only states that occur
    progress: Progress | None  #: of its results; None: it is not BUILT


class Lookups(Part):
    """The part of the ledger behind `jobs` and `find`."""

    def jobs(self, asked: Filter, limit: int) -> list[JobLine]:
        """At most `limit` of the jobs that are meant, the newest first."""
        query: Select[Any] = (
            select(*JOB, instances.c.accession_number, findings.c.decision)
            .outerjoin(instances, _ITS_INSTANCE)
            .outerjoin(findings, _ITS_FINDINGS)
            .where(*_conditions(asked))
            .order_by(jobs.c.id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            sent = _deliveries_of(connection, [row.id for row in rows])
        return [_line(row, sent.get(row.id, {})) for row in rows]

    def meant_by(self, text: str, patient_hash: str) -> list[int]:
        """The jobs of an accession number, a patient, or a UID: of a study, series or instance, be
        it received or one of the results; `patient_hash` is of this Patient ID, with its issuer or
        without.
        """
        of_instance = or_(
            instances.c.accession_number == text,
            instances.c.study_instance_uid == text,
            instances.c.series_instance_uid == text,
            # A hash is never empty, what was not read is.
            (instances.c.patient_hash == patient_hash) & (instances.c.patient_hash != ""),
            (instances.c.patient_id_hash == patient_hash) & (instances.c.patient_id_hash != ""),
        )
        of_job = or_(
            jobs.c.sop_instance_uid == text,
            jobs.c.study_instance_uid == text,
            jobs.c.series_instance_uid == text,
        )
        of_output = or_(outputs.c.sop_instance_uid == text, outputs.c.series_instance_uid == text)
        named = select(instances.c.sop_instance_uid).where(of_instance)
        meant = union(
            select(jobs.c.id).where(of_job),
            select(jobs.c.id).where(jobs.c.sop_instance_uid.in_(named)),
            select(outputs.c.job_id).where(of_output),
        )
        with self._database.read() as connection:
            return sorted(connection.scalars(meant))


#: Other bytes of an instance are rows of their own: the job is about the last of them.
_ITS_INSTANCE = (instances.c.sop_instance_uid == jobs.c.sop_instance_uid) & (
    instances.c.sha256 == jobs.c.sha256
)
_ITS_FINDINGS = (findings.c.job_id == jobs.c.id) & (findings.c.issue == jobs.c.issue)


def of_accession_numbers(numbers: Collection[str]) -> Condition:
    """Of a job: whether any bytes of its instance came under one of these."""
    named = select(instances.c.sop_instance_uid).where(instances.c.accession_number.in_(numbers))
    return jobs.c.sop_instance_uid.in_(named)


def _conditions(asked: Filter) -> list[Condition]:
    conditions: list[Condition] = []
    if asked.ids:
        conditions.append(jobs.c.id.in_(asked.ids))
    if asked.states:
        conditions.append(_in_state(asked.states))
    if asked.accession_numbers:
        conditions.append(of_accession_numbers(asked.accession_numbers))
    if asked.study_instance_uids:
        conditions.append(jobs.c.study_instance_uid.in_(asked.study_instance_uids))
    if asked.since is not None:
        conditions.append(jobs.c.received_at >= asked.since)
    return conditions


def _in_state(states: Collection[str]) -> Condition:
    of_jobs = [in_state(JobState(state)) for state in states if state not in _BY_DELIVERY]
    of_deliveries = [one for state in states for one in _BY_DELIVERY.get(state, ())]
    holding = select(deliveries.c.job_id).where(deliveries.c.state.in_(of_deliveries))
    return or_(*of_jobs, jobs.c.id.in_(holding))


def _deliveries_of(
    connection: Connection, job_ids: Sequence[int]
) -> dict[int, dict[DeliveryState, int]]:
    columns = deliveries.c.job_id, deliveries.c.state
    query = select(*columns, func.count()).where(deliveries.c.job_id.in_(job_ids))
    found: dict[int, dict[DeliveryState, int]] = {}
    for job_id, state, count in connection.execute(query.group_by(*columns).order_by(*columns)):
        found.setdefault(job_id, {})[DeliveryState(state)] = count
    return found


def _line(row: Row[Any], sent: Mapping[DeliveryState, int]) -> JobLine:
    state = JobState(row.state)
    return JobLine(
        id=row.id,
        state=state,
        received_at=row.received_at,
        updated_at=row.updated_at,
        accession_number=row.accession_number or "",
        study_instance_uid=row.study_instance_uid,
        sop_instance_uid=row.sop_instance_uid,
        decision=row.decision,
        reason=row.reason,
        deliveries=sent,
        progress=progress(sent) if state is JobState.BUILT else None,
    )
