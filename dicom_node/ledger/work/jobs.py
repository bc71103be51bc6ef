"""Jobs: accepted from the listener, claimed by a worker, taken back from one that has died."""

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select, update
from sqlalchemy.exc import NoResultFound

from dicom_node.errors import UNKNOWN_TRIES, LedgerUnavailable
from dicom_node.ledger.sending.stand_ins import lose_what_waits
from dicom_node.ledger.tables.database import Part, insert_once
from dicom_node.ledger.tables.ending import FREE, end
from dicom_node.ledger.tables.former import JOB
from dicom_node.ledger.tables.lines import firsts
from dicom_node.ledger.tables.moves import Condition, move_jobs, record
from dicom_node.ledger.tables.priority import Priority, Turns
from dicom_node.ledger.tables.records import Acceptance, Job
from dicom_node.ledger.tables.remains import is_fetched
from dicom_node.ledger.tables.schema import events, jobs
from dicom_node.ledger.tables.states import Event, JobState
from dicom_node.ledger.work.instances import InstanceKind, StoredInstance, note_arrival
from dicom_node.ledger.work.marks import FOUND, knows_it
from dicom_node.ledger.work.pruning import pass_over_purged
from dicom_node.ledger.work.rejecting import skip_if_rejected
from dicom_node.ledger.work.reopening import INSTANCE, accept_again, issue_for_another
from dicom_node.ledger.work.requeue import overridden_of
from dicom_node.skipping import LEFT

#: Clocks of two processes differ, since the server's answer to one of them had to wait for a busy
#: processor. A bell rings once: what rang it is due, whatever a worker's clock says.
CLOCKS_DIFFER = timedelta(seconds=1)
#: With these no death has been counted yet.
_COUNTED_ANEW = (Event.REOPENED, Event.REPEATED, Event.OVERRIDDEN, Event.REBUILD, Event.STANDING_IN,
                 Event.OUTDATED)  # fmt: skip
_FIELDS = [field.name for field in fields(Job)]
_JOB = [*JOB, overridden_of(jobs), is_fetched().label("is_fetched")]


class Jobs(Part):
    """The part of the ledger that listener and worker use."""

    def accept(
        self,
        instance: StoredInstance,
        pipeline: str,
        priority: Priority = Priority.ROUTINE,
        why: str = "",
        received_at: datetime | None = None,
    ) -> Acceptance:
        """The job of a received instance: a new one, or the one it already has; `why` it is of
        this `priority`. `received_at`: default: now.
        """
        at = received_at or self._database.now()
        said = f"{priority.name}: {why}" if why else ""
        with self._database.write() as connection:
            return _accept(connection, at, instance, pipeline, said, priority, why)

    def found(
        self,
        instance: StoredInstance,
        pipeline: str,
        received_at: datetime,
        priority: Priority = Priority.ROUTINE,
        why: str = "",
    ) -> Acceptance | None:
        """The same of an instance that lies in the spool and that the ledger has forgotten; None
        where it knows these bytes, or what came later or was purged later.
        """
        with self._database.write() as connection:
            if knows_it(connection, instance, received_at):
                return None
            return _accept(connection, received_at, instance, pipeline, FOUND, priority, why)

    def passed_over(self, job_id: int, reason: str) -> None:
        """End a job that no worker has to look at; nothing where one has already taken it."""
        with self._database.write() as connection:
            move_jobs(connection, self._database.now(), JobState.RECEIVED, Event.PASSED_OVER,
                      jobs.c.id == job_id, detail=reason, reason=reason)  # fmt: skip

    def claim_next(
        self,
        pipeline: str,
        owner: str,
        lease_s: float,
        turns: Turns,
        *,
        is_repeated: bool = False,
    ) -> Job | None:
        """Take the job whose turn it is; None where none is due that asks for `pipeline`.

        `is_repeated`: the answer to the same call may have been lost, with the connection: what
        `owner` holds is what it took then.
        """
        now = self._database.now()
        with self._database.write() as connection:
            mine = (jobs.c.pipeline == pipeline) & (jobs.c.owner == owner)
            if is_repeated and (held := _held(connection, mine)):
                return held
            heads = firsts(connection, lambda priority: _in_line(pipeline, priority, now))
            due: dict[Priority, datetime] = {one: head.due_at for one, head in heads.items()}
            while (turn := turns.next(due, now)) is not None:
                # Two workers at once: the second passes over what the first takes.
                first = _in_line(pipeline, turn, now).with_for_update(
                    skip_locked=True, key_share=True
                )
                if row := connection.execute(first).first():
                    return _take(connection, now, jobs.c.id == row.id, owner, lease_s)
                # Others are just taking all that is left of this class.
                del due[turn]
            return None

    def claim(self, job_id: int, pipeline: str, owner: str, lease_s: float) -> Job | None:
        """Take this job and no other; None where it is not due, somebody has it, or it is to be
        done by another pipeline than `pipeline`.

        `owner` has nothing in hand: what it holds all the same, it took and was not told, since
        the connection broke.
        """
        now = self._database.now()
        this = (jobs.c.id == job_id) & (jobs.c.pipeline == pipeline)
        with self._database.write() as connection:
            taken = _take(connection, now, this & (jobs.c.due_at <= now), owner, lease_s)
            return taken or _held(connection, this & (jobs.c.owner == owner))

    def released(
        self, job_id: int, owner: str, reason: str, retry_at: datetime, *, is_try: bool = True
    ) -> None:
        """Give a job back, to be tried again at `retry_at`; unless it `is_try`, none is counted."""
        attempts = jobs.c.attempts if is_try else jobs.c.attempts - 1
        with self._database.write() as connection:
            end(connection, self._database.now(), job_id, owner, Event.RELEASED, reason,
                due_at=retry_at, published_at=None, attempts=attempts)  # fmt: skip

    def free_expired(self) -> list[int]:
        """Take back the jobs whose lease has ended, on whatever host; their ids."""
        ended = jobs.c.lease_until < self._database.now()
        # Asked every other second by every process: the lock to write is taken only for a cause.
        with self._database.read() as connection:
            query = select(jobs.c.id).where(jobs.c.state == JobState.ANALYZING, ended)
            found = connection.scalars(query).all()
        return self._take_back(ended & jobs.c.id.in_(found)) if found else []

    def free_of(self, owners: Collection[str]) -> list[int]:
        """Take back the jobs of workers known to be dead; their ids.

        It may be the job's image that kills them. After `UNKNOWN_TRIES` deaths a worker claims it
        once more, to end it without looking at the image; if that one dies too, it is FAILED here.
        """
        return self._take_back(jobs.c.owner.in_(owners)) if owners else []

    def outlived(self, job_id: int, owner: str) -> None:
        """`owner`, whom the job was taken from as from a dead one, lives: its host was suspended,
        perhaps. What was counted as a death of the image's doing is counted no longer.
        """
        this = events.c.job_id == job_id
        claim = select(func.max(events.c.id)).where(
            this, events.c.event == Event.CLAIMED, events.c.owner == owner
        )
        since = select(events.c.id).where(this, events.c.id > claim.scalar_subquery())
        was_freed = since.where(events.c.event == Event.FREED).exists()
        began_anew = since.where(events.c.event.in_(_COUNTED_ANEW)).exists()
        with self._database.write() as connection:
            connection.execute(
                update(jobs)
                .where(jobs.c.id == job_id, jobs.c.deaths > 0, was_freed, ~began_anew)
                .values(deaths=jobs.c.deaths - 1)
            )

    def waiting(self, pipeline: str, limit: int, not_published_since: datetime) -> list[int]:
        """Jobs that are due and of which no id was published lately, the oldest first."""
        unpublished = or_(jobs.c.published_at.is_(None), jobs.c.published_at < not_published_since)
        due = *_waiting(self._database.now()), jobs.c.pipeline == pipeline
        query = select(jobs.c.id).where(*due, unpublished)
        with self._database.read() as connection:
            return list(connection.scalars(query.order_by(jobs.c.id).limit(limit)))

    def wait_no_longer_than(self, longest: timedelta) -> int:
        """Let none be due, or have been published, further ahead than that: the clock was set back
        since. How many did.
        """
        now = self._database.now()
        ahead = or_(jobs.c.due_at > now + longest, jobs.c.published_at > now + longest)
        waits = jobs.c.state == JobState.RECEIVED, ahead
        with self._database.read() as connection:
            found = connection.scalars(select(jobs.c.id).where(*waits)).all()
        if found:
            with self._database.write() as connection:
                these = update(jobs).where(jobs.c.id.in_(found), *waits)
                connection.execute(these.values(due_at=now, published_at=None))
        return len(found)

    def mark_published(self, job_ids: Collection[int]) -> None:
        """Record that recovery has handed these ids to the broker again."""
        now = self._database.now()
        with self._database.write() as connection:
            marked = connection.scalars(
                update(jobs)
                .where(jobs.c.id.in_(job_ids), jobs.c.state == JobState.RECEIVED)
                .values(published_at=now)
                .returning(jobs.c.id)
            ).all()
            subjects = [(job_id, None) for job_id in marked]
            record(connection, now, Event.REPUBLISHED, JobState.RECEIVED, subjects)

    def count_waiting(self) -> dict[str, int]:
        """How many jobs are due and wait for a worker, by the pipeline they ask for."""
        query = select(jobs.c.pipeline, func.count()).where(*_waiting(self._database.now()))
        with self._database.read() as connection:
            return dict(connection.execute(query.group_by(jobs.c.pipeline)).all())

    def adopt(self, pipeline: str) -> list[int]:
        """Let `pipeline` do all that waits for another one; the ids of these jobs.

        For a host on which no other will ever run again, after an upgrade. An image that `pipeline`
        has as well, or that waits twice, is done once: the other job ends SKIPPED.
        """
        now = self._database.now()
        of_another = jobs.c.pipeline != pipeline
        already = select(jobs.c.sop_instance_uid).where(jobs.c.pipeline == pipeline)
        newest = (
            select(func.max(jobs.c.id))
            .where(jobs.c.state == JobState.RECEIVED, of_another)
            .group_by(jobs.c.sop_instance_uid)
        )
        with self._database.write() as connection:
            adopted = move_jobs(connection, now, JobState.RECEIVED, Event.ADOPTED, of_another,
                                jobs.c.sop_instance_uid.not_in(already), jobs.c.id.in_(newest),
                                pipeline=pipeline, published_at=None)  # fmt: skip
            for row in adopted:
                # Of what was opened again, the results of before are there, and are taken back.
                issue = issue_for_another(connection, row)
                connection.execute(update(jobs).where(jobs.c.id == row.id).values(issue=issue))
            reason = f"{LEFT}, which has this image as well"
            left = move_jobs(connection, now, JobState.RECEIVED, Event.LEFT, of_another,
                             detail=reason, reason=reason)  # fmt: skip
            lose_what_waits(connection, now, [row.id for row in left], reason)
        return sorted(row.id for row in adopted)

    def get(self, job_id: int) -> Job | None:
        with self._database.read() as connection:
            row = connection.execute(select(*_JOB).where(jobs.c.id == job_id)).first()
        return None if row is None else _job(row)

    def of_instance(self, sop_instance_uid: str) -> list[Job]:
        """The jobs of an instance, one for each pipeline, the oldest first."""
        query = select(*_JOB).where(jobs.c.sop_instance_uid == sop_instance_uid)
        with self._database.read() as connection:
            return [_job(row) for row in connection.execute(query.order_by(jobs.c.id))]

    def _take_back(self, condition: Condition) -> list[int]:
        now = self._database.now()
        with self._database.write() as connection:
            given_up = _give_up(connection, now, condition)
            # `due_at` stays: it does not lose its place in the line.
            freed = move_jobs(connection, now, JobState.ANALYZING, Event.FREED, condition,
                              published_at=None, deaths=jobs.c.deaths + 1,
                              reason="the worker died while analysing it", **FREE)  # fmt: skip
        return sorted(row.id for row in (*given_up, *freed))


def _accept(
    connection: Connection,
    at: datetime,
    instance: StoredInstance,
    pipeline: str,
    detail: str,
    priority: Priority = Priority.ROUTINE,
    why: str = "",
) -> Acceptance:
    if instance.kind is InstanceKind.CORRECTION:
        # It may reject what waits: that is not to be analysed, let alone sent, before it is read.
        priority, detail = Priority.STAT, detail and f"{detail}; STAT, as it may reject others"
    note_arrival(connection, at, instance)
    job_id = insert_job(connection, instance, pipeline, priority, at)
    if job_id is None:
        try:
            return accept_again(connection, at, instance, pipeline, priority, why)
        except NoResultFound as exc:
            raise LedgerUnavailable("its job was purged at this moment") from exc
    record(connection, at, Event.RECEIVED, JobState.RECEIVED, [(job_id, None)], detail=detail)
    state = skip_if_rejected(connection, at, job_id, instance)
    if state is JobState.RECEIVED:
        state = pass_over_purged(connection, at, job_id, pipeline, instance)
    return Acceptance(job_id, True, state, other_bytes=False)


def _in_line(pipeline: str, priority: Priority, now: datetime) -> "Select[Any]":
    """The first of a class."""
    line = *_waiting(now + CLOCKS_DIFFER), jobs.c.pipeline == pipeline, jobs.c.priority == priority
    query = select(jobs.c.id, jobs.c.due_at).where(*line)
    return query.order_by(jobs.c.due_at, jobs.c.id).limit(1)


def _take(
    connection: Connection, now: datetime, this: Condition, owner: str, lease_s: float
) -> Job | None:
    """Compare-and-set: None where it does not wait."""
    lease: dict[str, Any] = {
        "attempts": jobs.c.attempts + 1,
        "owner": owner,
        "lease_until": now + timedelta(seconds=lease_s),
    }
    taken = move_jobs(connection, now, JobState.RECEIVED, Event.CLAIMED, this, by=owner, **lease)
    if not taken:
        return None
    return _job(connection.execute(select(*_JOB).where(jobs.c.id == taken[0].id)).one())


def _held(connection: Connection, this: Condition) -> Job | None:
    query = select(*_JOB).where(this, jobs.c.state == JobState.ANALYZING)
    row = connection.execute(query.limit(1)).first()
    return None if row is None else _job(row)


def insert_job(
    connection: Connection,
    instance: StoredInstance,
    pipeline: str,
    priority: Priority,
    now: datetime,
) -> int | None:
    """The new job's id; None where the instance already has one, however close the race."""
    statement = insert_once(connection, jobs, "sop_instance_uid", "pipeline").returning(jobs.c.id)
    values = {name: getattr(instance, name) for name in (*INSTANCE, "sop_instance_uid")} | {
        "pipeline": pipeline,
        "priority": priority,
        "state": JobState.RECEIVED,
        "attempts": 0,
        "deaths": 0,
        "due_at": now,
        "received_at": now,
        "updated_at": now,
        # The listener publishes right after the commit; recovery need not do it as well.
        "published_at": now,
    }
    job_id: int | None = connection.execute(statement, values).scalar_one_or_none()
    return job_id


def _give_up(connection: Connection, now: datetime, condition: Condition) -> Sequence[Row[Any]]:
    """Fail what has killed even the worker that was only to end it."""
    deaths = jobs.c.deaths + 1
    reason = f"the worker died {UNKNOWN_TRIES + 1} times while it held the job"
    given_up = move_jobs(connection, now, JobState.ANALYZING, Event.GIVEN_UP,
                         condition, deaths > UNKNOWN_TRIES,
                         detail=reason, reason=reason, deaths=deaths, **FREE)  # fmt: skip
    lose_what_waits(connection, now, [row.id for row in given_up], reason)
    return given_up


def _waiting(now: datetime) -> tuple[Condition, Condition]:
    return jobs.c.state == JobState.RECEIVED, jobs.c.due_at <= now


def _job(row: Row[Any]) -> Job:
    values = {name: getattr(row, name) for name in _FIELDS}
    return Job(**values | {"state": JobState(row.state), "priority": Priority(row.priority)})
