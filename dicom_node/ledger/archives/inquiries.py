"""Inquiries: an archive is asked once for the earlier radiographs of a job's patient.

WAITING until it has answered, again and again where it does not; ANSWERED until what was fetched
has been analysed; then CLOSED. GIVEN_UP where it could not be asked.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select, update

from dicom_node.ledger.sending.breakers import is_closed
from dicom_node.ledger.tables.database import Part, insert_once
from dicom_node.ledger.tables.former import JOB, in_state
from dicom_node.ledger.tables.moves import record
from dicom_node.ledger.tables.records import Job
from dicom_node.ledger.tables.remains import fetched, inquiries
from dicom_node.ledger.tables.schema import instances, jobs
from dicom_node.ledger.tables.states import Event, JobState

#: What was given up within this is a matter of today.
LATELY = timedelta(days=1)


class InquiryState(StrEnum):
    """Where it stands."""

    WAITING = "WAITING"
    #: What it has is here.
    ANSWERED = "ANSWERED"
    #: And has been analysed; the job's reports know of it.
    CLOSED = "CLOSED"
    GIVEN_UP = "GIVEN_UP"


class Became(StrEnum):
    """What became of an image, or a study, that an archive showed."""

    #: It is here now, or was before.
    FETCHED = "fetched"
    KNOWN = "known"
    #: Of another Patient ID, or another issuer's.
    OTHER_ID = "other_id"
    #: Its header says that it is none of the radiographs that are analysed.
    NOT_ELIGIBLE = "not_eligible"
    #: A result of a node of this make.
    OURS = "ours"
    #: Taken after the radiograph, or nobody can say when; or before all that is compared.
    NOT_EARLIER = "not_earlier"
    TOO_OLD = "too_old"
    OTHER_PATIENT = "other_patient"
    UNCONFIRMED = "unconfirmed"
    NOT_RETRIEVED = "not_retrieved"


@dataclass(frozen=True, slots=True)
class Shown:
    """An image that an archive showed, or a study that was not looked into any further."""

    became: Became
    taken: str  #: as `Prior.taken`; as far as was known by then
    study_instance_uid: str
    sop_instance_uid: str  #: "": of the whole study
    why: str = ""  #: a sentence for people, where there is more to say


@dataclass(frozen=True, slots=True)
class Inquiry:
    """An archive, asked for the earlier radiographs of a job's patient."""

    job_id: int
    issue: int
    destination: str
    state: InquiryState
    attempts: int  #: how often it was, or is being, asked
    begun_at: datetime
    reason: str  #: what went wrong last; "": nothing
    shown: tuple[Shown, ...]

    @property
    def key(self) -> tuple[int, int, str]:
        return self.job_id, self.issue, self.destination


@dataclass(frozen=True, slots=True)
class GivenUp:
    """What an archive is asked no more, of the radiographs that are here."""

    destination: str
    count: int
    lately: int  #: of them: given up within `LATELY`
    last_at: datetime
    reason: str  #: of the last one


class Inquiries(Part):
    """The part of the ledger that knows who was asked for what."""

    def begin(self, job_id: int, issue: int, destinations: Sequence[str]) -> None:
        """Have each asked, once the job's own results are built; once for each issue of them."""
        now = self._database.now()
        rows = [
            {"job_id": job_id, "issue": issue, "destination": name, "attempts": 0, "begun_at": now,
             "state": InquiryState.WAITING, "due_at": now, "reason": "", "document": "[]"}
            for name in destinations
        ]  # fmt: skip
        with self._database.write() as connection:
            once = insert_once(connection, inquiries, "job_id", "issue", "destination")
            connection.execute(once, rows)

    def claim(self, destination: str, owner: str, hold_s: float) -> Inquiry | None:
        """The one that `destination` is to be asked next; none while it is paused or rests.

        Nobody else gets it for `hold_s`; where nothing comes of it, it is due again then.
        """
        now = self._database.now()
        due = (
            _of_built()
            .where(
                inquiries.c.destination == destination,
                inquiries.c.state == InquiryState.WAITING,
                inquiries.c.due_at <= now,
                ~is_closed(destination, now),
            )
            .order_by(jobs.c.priority, inquiries.c.due_at)
            .limit(1)
            .with_for_update(skip_locked=True, of=inquiries)
        )
        with self._database.write() as connection:
            row = connection.execute(due).first()
            if row is None:
                return None
            values = {"owner": owner, "due_at": now + timedelta(seconds=hold_s),
                      "attempts": row.attempts + 1}  # fmt: skip
            this = _this((row.job_id, row.issue, row.destination))
            connection.execute(update(inquiries).where(this).values(values))
            return _inquiry(connection.execute(select(inquiries).where(this)).one())

    def keep(self, inquiry: Inquiry, shown: Sequence[Shown]) -> None:
        """What is known so far, so that another try need not begin anew."""
        self._change(inquiry, document=_text(shown))

    def later(self, inquiry: Inquiry, reason: str, due_at: datetime) -> None:
        """It could not be asked, and will be once more."""
        self._change(inquiry, reason=reason, due_at=due_at, owner=None)

    def answered(self, inquiry: Inquiry, shown: Sequence[Shown], said: str) -> None:
        """All that it has to give is here; `said`: in words, for the job's record."""
        self._end(inquiry, InquiryState.ANSWERED, said, document=_text(shown), reason="")

    def given_up(self, inquiry: Inquiry, reason: str) -> None:
        """It is asked no more."""
        said = f"{inquiry.destination}: given up, {reason}"
        now = self._database.now()
        self._end(inquiry, InquiryState.GIVEN_UP, said, reason=reason, due_at=now)

    def closed(self, inquiry: Inquiry) -> None:
        """The job's reports know what it brought, or will."""
        self._change(inquiry, state=InquiryState.CLOSED)

    def free_of(self, owners: Collection[str]) -> int:
        """Let what the dead were asking be asked again at once; how many inquiries."""
        if not owners:
            return 0
        theirs = inquiries.c.owner.in_(owners)
        with self._database.write() as connection:
            freed = update(inquiries).where(theirs).values(owner=None, due_at=self._database.now())
            return int(connection.execute(freed).rowcount)

    def to_be_closed(self, destination: str) -> list[Inquiry]:
        """Those ANSWERED of which all has been analysed that was fetched of the patient."""
        query = _of_built().where(
            inquiries.c.destination == destination,
            inquiries.c.state == InquiryState.ANSWERED,
            ~_has_fetched_that_waits(),
        )
        with self._database.read() as connection:
            return [_inquiry(row) for row in connection.execute(query)]

    def patient_of(self, job: Job) -> str:
        """`Origin.patient_hash` of a job's instance."""
        this = instances.c.sop_instance_uid == job.sop_instance_uid
        query = select(instances.c.patient_hash).where(this, instances.c.sha256 == job.sha256)
        with self._database.read() as connection:
            return connection.scalars(query).first() or ""

    def of_job(self, job_id: int) -> list[Inquiry]:
        """Of its present issue, by destination."""
        query = _of_present().where(jobs.c.id == job_id).order_by(inquiries.c.destination)
        with self._database.read() as connection:
            return [_inquiry(row) for row in connection.execute(query)]

    def given_up_by_destination(self) -> dict[str, GivenUp]:
        """Only those destinations of which there are any."""
        now = self._database.now()
        with self._database.read() as connection:
            return {one.destination: one for one in given_up_in(connection, now)}

    def in_hand(self, job_ids: Collection[int]) -> set[int]:
        """Those of the jobs whose reports are made anew once all is analysed that they get."""
        asking = (inquiries.c.state == InquiryState.WAITING) & inquiries.c.owner.is_not(None)
        busy = or_(asking, inquiries.c.state == InquiryState.ANSWERED)
        query = select(inquiries.c.job_id).where(inquiries.c.job_id.in_(job_ids), busy)
        with self._database.read() as connection:
            return set(connection.scalars(query))

    def _end(self, inquiry: Inquiry, state: InquiryState, said: str, **values: Any) -> None:
        now = self._database.now()
        with self._database.write() as connection:
            this = update(inquiries).where(_this(inquiry.key))
            connection.execute(this.values(state=state, owner=None, **values))
            of_job = select(JOB[0]).where(jobs.c.id == inquiry.job_id)
            if (job_state := connection.scalars(of_job).first()) is None:
                # It was purged meanwhile.
                return
            subjects = [(inquiry.job_id, None)]
            record(connection, now, Event.INQUIRED, JobState(job_state), subjects, detail=said)

    def _change(self, inquiry: Inquiry, **values: Any) -> None:
        with self._database.write() as connection:
            connection.execute(update(inquiries).where(_this(inquiry.key)).values(**values))


def given_up_in(connection: Connection, now: datetime) -> Iterator[GivenUp]:
    """By destination. Until the job has another issue, or is purged."""
    lost = _of_present().where(inquiries.c.state == InquiryState.GIVEN_UP).subquery()
    lately = func.count().filter(lost.c.due_at >= now - LATELY)
    destination, at = lost.c.destination, lost.c.due_at
    query = select(destination, func.count(), lately, func.max(at, type_=at.type))
    for name, count, recent, last_at in connection.execute(
        query.group_by(destination).order_by(destination)
    ).all():
        last = select(lost.c.reason).where(destination == name, at == last_at).limit(1)
        yield GivenUp(name, count, recent, last_at, connection.execute(last).scalar() or "")


def _this(key: tuple[int, int, str]) -> ColumnElement[bool]:
    job_id, issue, destination = key
    return and_(
        inquiries.c.job_id == job_id,
        inquiries.c.issue == issue,
        inquiries.c.destination == destination,
    )


def _of_present() -> Select[Any]:
    """Those of each job's present issue."""
    same = (jobs.c.id == inquiries.c.job_id) & (jobs.c.issue == inquiries.c.issue)
    return select(inquiries).join(jobs, same)


def _of_built() -> Select[Any]:
    """Of jobs whose results are built: these never wait for an archive."""
    return _of_present().where(in_state(JobState.BUILT))


def _has_fetched_that_waits() -> ColumnElement[bool]:
    """Of the patient of the job in the query."""
    other, its, own = jobs.alias(), instances.alias(), instances.alias()
    patient = (
        select(own.c.patient_hash)
        .where(own.c.sop_instance_uid == jobs.c.sop_instance_uid, own.c.sha256 == jobs.c.sha256)
        .correlate(jobs)
        .scalar_subquery()
    )
    return (
        select(fetched.c.job_id)
        .join(other, other.c.id == fetched.c.job_id)
        .join(its, (its.c.sop_instance_uid == other.c.sop_instance_uid)
              & (its.c.sha256 == other.c.sha256))
        .where(its.c.patient_hash == patient, fetched.c.sent_at.is_(None),
               other.c.state.in_((JobState.RECEIVED, JobState.ANALYZING)))
        .correlate(jobs)
        .exists()
    )  # fmt: skip


def _text(shown: Sequence[Shown]) -> str:
    return json.dumps([asdict(one) for one in shown])


def _inquiry(row: Row[Any]) -> Inquiry:
    shown = (Shown(**one | {"became": Became(one["became"])}) for one in json.loads(row.document))
    return Inquiry(row.job_id, row.issue, row.destination, InquiryState(row.state), row.attempts,
                   row.begun_at, row.reason, tuple(shown))  # fmt: skip
