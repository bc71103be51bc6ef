"""What a person looks up: which jobs there are, and which of them a number or a UID means."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    case,
    func,
    or_,
    select,
    union,
)

from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.former import JOB, branches, in_state
from dicom_node.ledger.tables.moves import Condition
from dicom_node.ledger.tables.priority import Priority
from dicom_node.ledger.tables.progress import Progress, progress
from dicom_node.ledger.tables.schema import deliveries, findings, instances, jobs, outputs
from dicom_node.ledger.tables.states import MISSING, UNDELIVERED, DeliveryState, JobState

#: Asked for among the states of jobs, by the deliveries: a result is on its way; one was refused
#: or lost; one is sent and still to be confirmed; one was not confirmed in its time; one is held.
WAITING, REFUSED, SENT, UNVERIFIED = "WAITING", "REFUSED", "SENT", "UNVERIFIED"
HELD = "HELD"
_BY_DELIVERY = {
    WAITING: UNDELIVERED,
    REFUSED: MISSING,
    SENT: (DeliveryState.SENT,),
    UNVERIFIED: (DeliveryState.UNVERIFIED,),
    HELD: (DeliveryState.HELD,),
}
OF_RESULTS = tuple(_BY_DELIVERY)
#: What `Filter.states` may hold.
STATES = (*JobState, *OF_RESULTS)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs are meant: those that meet all that is given; of each, any of its values."""

    ids: Collection[int] = ()
    states: Collection[str] = ()  #: of `STATES`
    accession_numbers: Collection[str] = ()
    study_instance_uids: Collection[str] = ()
    since: datetime | None = None  #: received at or after this
    until: datetime | None = None  #: and before this
    calling_aets: Collection[str] = ()
    patient_hashes: Collection[str] = ()  #: with the issuer of the ID, or without
    decisions: Collection[str] = ()
    devices: Collection[str] = ()  #: station names
    up_to: int | None = None  #: no job that came after this one, by its id
    #: Of `OF_RESULTS` among the states: that one result goes to one of these ...
    destinations: Collection[str] = ()
    reason: str = ""  #: ... and stands so for a reason that has this in it


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
    priority: Priority
    missing: str | None = None  #: why a result is not where it was to go; None: each is, or waits


@dataclass(frozen=True, slots=True)
class Output:
    """A result as it lies in the spool."""

    role: str
    sop_class_uid: str
    sop_instance_uid: str
    path: str  #: relative to the spool
    sha256: str
    size_bytes: int


class Lookups(Part):
    """The part of the ledger behind `jobs` and `find`."""

    def jobs(self, asked: Filter, limit: int) -> list[JobLine]:
        """At most `limit` of the jobs that are meant, the newest first."""
        meant: set[int] = set()
        with self._database.read() as connection:
            for query in _ids(asked):
                meant.update(connection.scalars(query.order_by(jobs.c.id.desc()).limit(limit)))
            lines: Select[Any] = (
                select(*JOB, instances.c.accession_number, findings.c.decision)
                .outerjoin(instances, ITS_INSTANCE)
                .outerjoin(findings, ITS_FINDINGS)
                .where(jobs.c.id.in_(sorted(meant, reverse=True)[:limit]))
                .order_by(jobs.c.id.desc())
            )
            rows = connection.execute(lines).all()
            ids = [row.id for row in rows]
            sent, missing = _deliveries_of(connection, ids), _why_missing(connection, ids)
        return [_line(row, sent.get(row.id, {}), missing.get(row.id)) for row in rows]

    def ids(self, asked: Filter, limit: int) -> list[int]:
        """At most `limit` of the jobs that are meant, the oldest first."""
        meant: set[int] = set()
        with self._database.read() as connection:
            for query in _ids(asked):
                meant.update(connection.scalars(query.order_by(jobs.c.id).limit(limit)))
        return sorted(meant)[:limit]

    def count(self, asked: Filter) -> int:
        """How many jobs are meant."""
        queries = [query.order_by(None) for query in _ids(asked)]
        meant = union(*queries).subquery() if len(queries) > 1 else queries[0].subquery()
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(meant)).scalar_one()

    def tally(self, asked: Filter) -> dict[str, int]:
        """Of the jobs that are meant but for their state: how many are in each of `STATES`."""
        names = _names(asked)
        if asked.destinations or asked.reason:
            by_result = {state: self.count(replace(asked, states=(state,))) for state in OF_RESULTS}
            return self.tally(replace(asked, destinations=(), reason="")) | by_result
        if not names:
            # Each by its index: no job is looked at.
            return {state: self.count(Filter(states=(state,))) for state in STATES}
        named = select(jobs.c.id).where(*names)
        its_state = JOB[0]
        by_state = select(its_state, func.count()).where(jobs.c.id.in_(named)).group_by(its_state)
        what = case(
            *((deliveries.c.state.in_(states), name) for name, states in _BY_DELIVERY.items())
        ).label("what")
        by_delivery = (
            select(what, func.count(deliveries.c.job_id.distinct()))
            .where(
                deliveries.c.state.in_([one for states in _BY_DELIVERY.values() for one in states]),
                deliveries.c.job_id.in_(named),
            )
            .group_by("what")
        )
        with self._database.read() as connection:
            found: dict[str, int] = dict(connection.execute(by_state).all())
            found |= dict(connection.execute(by_delivery).all())
        return {state: found.get(state, 0) for state in STATES}

    def outputs(self, job_id: int) -> list[Output]:
        """The results of a job's present issue, whether or not they are sent anywhere."""
        here = select(jobs.c.issue).where(jobs.c.id == job_id).scalar_subquery()
        columns = (outputs.c[field.name] for field in fields(Output))
        query = select(*columns).where(outputs.c.job_id == job_id, outputs.c.issue == here)
        with self._database.read() as connection:
            return [Output(*row) for row in connection.execute(query.order_by(outputs.c.id))]

    def meant_by(self, text: str, patient_hash: str) -> list[int]:
        """The jobs of an accession number, a patient, or a UID: of a study, series or instance, be
        it received or one of the results; `patient_hash` is of this Patient ID, with its issuer or
        without.
        """
        of_instance = or_(
            instances.c.accession_number == text,
            instances.c.study_instance_uid == text,
            instances.c.series_instance_uid == text,
            instances.c.sop_instance_uid == text,
            # A hash is never empty, what was not read is.
            (instances.c.patient_hash == patient_hash) & (instances.c.patient_hash != ""),
            (instances.c.patient_id_hash == patient_hash) & (instances.c.patient_id_hash != ""),
        )
        # Those too that a version accepted which kept no instances.
        of_job = or_(jobs.c.sop_instance_uid == text, jobs.c.study_instance_uid == text)
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
ITS_INSTANCE = (instances.c.sop_instance_uid == jobs.c.sop_instance_uid) & (
    instances.c.sha256 == jobs.c.sha256
)
ITS_FINDINGS = (findings.c.job_id == jobs.c.id) & (findings.c.issue == jobs.c.issue)


def of_accession_numbers(numbers: Collection[str]) -> Condition:
    """Of a job: whether any bytes of its instance came under one of these."""
    named = select(instances.c.sop_instance_uid).where(instances.c.accession_number.in_(numbers))
    return jobs.c.sop_instance_uid.in_(named)


def _ids(asked: Filter) -> Iterator[Select[tuple[int]]]:
    """Queries that together find the jobs that are meant, each by one index and in its order.

    What names some is looked up first, and their state then: there may be a million in one state.
    """
    names = _names(asked)
    if names:
        named = select(jobs.c.id).where(*names)
        standing = [_in_state(asked)] if asked.states else []
        yield select(jobs.c.id).where(jobs.c.id.in_(named), *standing)
        return
    if not asked.states:
        yield select(jobs.c.id)
    for state in asked.states:
        if of_deliveries := _BY_DELIVERY.get(state):
            stands = deliveries.c.state.in_(of_deliveries), *_of_results(asked)
            holding = select(deliveries.c.job_id).where(*stands)
            yield select(jobs.c.id).where(jobs.c.id.in_(holding))
        else:
            yield from (select(jobs.c.id).where(one) for one in branches(JobState(state)))


def _of_results(asked: Filter) -> list[Condition]:
    """Of a delivery: where it goes, and why it stands as it does."""
    conditions: list[Condition] = []
    if asked.destinations:
        conditions.append(deliveries.c.destination.in_(asked.destinations))
    if asked.reason:
        columns = deliveries.c.reason, deliveries.c.verification
        conditions.append(or_(*(one.icontains(asked.reason, autoescape=True) for one in columns)))
    return conditions


def _names(asked: Filter) -> list[Condition]:
    conditions: list[Condition] = []
    if asked.ids:
        conditions.append(jobs.c.id.in_(asked.ids))
    if asked.accession_numbers:
        conditions.append(of_accession_numbers(asked.accession_numbers))
    if asked.study_instance_uids:
        conditions.append(jobs.c.study_instance_uid.in_(asked.study_instance_uids))
    if asked.since is not None:
        conditions.append(jobs.c.received_at >= asked.since)
    if asked.until is not None:
        conditions.append(jobs.c.received_at < asked.until)
    if asked.calling_aets:
        conditions.append(jobs.c.calling_aet.in_(asked.calling_aets))
    if asked.patient_hashes:
        of_patient = or_(
            instances.c.patient_hash.in_(asked.patient_hashes),
            instances.c.patient_id_hash.in_(asked.patient_hashes),
        )
        conditions.append(_of_instances(of_patient))
    if asked.devices:
        conditions.append(_of_instances(instances.c.station_name.in_(asked.devices)))
    if asked.decisions:
        decided = select(findings.c.id).where(
            ITS_FINDINGS, findings.c.decision.in_(asked.decisions)
        )
        conditions.append(decided.exists())
    if asked.up_to is not None:
        conditions.append(jobs.c.id <= asked.up_to)
    return conditions


def _of_instances(condition: Condition) -> Condition:
    named = select(instances.c.sop_instance_uid).where(condition)
    return jobs.c.sop_instance_uid.in_(named)


def _in_state(asked: Filter) -> Condition:
    """Of jobs that are found by something else."""
    of_jobs = [in_state(JobState(state)) for state in asked.states if state not in _BY_DELIVERY]
    of_deliveries = [one for state in asked.states for one in _BY_DELIVERY.get(state, ())]
    holding = select(deliveries.c.id).where(
        deliveries.c.job_id == jobs.c.id,
        deliveries.c.state.in_(of_deliveries),
        *_of_results(asked),
    )
    return or_(*of_jobs, *([holding.exists()] if of_deliveries else []))


def _deliveries_of(
    connection: Connection, job_ids: Sequence[int]
) -> dict[int, dict[DeliveryState, int]]:
    columns = deliveries.c.job_id, deliveries.c.state
    query = select(*columns, func.count()).where(deliveries.c.job_id.in_(job_ids))
    found: dict[int, dict[DeliveryState, int]] = {}
    for job_id, state, count in connection.execute(query.group_by(*columns).order_by(*columns)):
        found.setdefault(job_id, {})[DeliveryState(state)] = count
    return found


def _why_missing(connection: Connection, job_ids: Sequence[int]) -> dict[int, str]:
    """Of jobs a result of which was refused, given up or lost: why one was."""
    query = select(deliveries.c.job_id, func.min(deliveries.c.reason)).where(
        deliveries.c.job_id.in_(job_ids), deliveries.c.state.in_(MISSING)
    )
    return dict(connection.execute(query.group_by(deliveries.c.job_id)).all())


def _line(row: Row[Any], sent: Mapping[DeliveryState, int], missing: str | None) -> JobLine:
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
        priority=Priority(row.priority),
        missing=missing,
    )
