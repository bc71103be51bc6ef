"""What need not be kept any longer: delivered, or not to be analysed, for as long as was asked.

A job goes with all that is known of it, but for one line: the instance may come again, years later,
and its results must neither be sent twice nor get UIDs that name others.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, false, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from dicom_node.ledger.readers.table import corrections
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.moves import Condition, move_jobs
from dicom_node.ledger.tables.remains import fetched, inquiries, is_fetched, purged
from dicom_node.ledger.tables.schema import (
    commitment_instances,
    commitments,
    deliveries,
    events,
    findings,
    instances,
    jobs,
    outputs,
    overrides,
    progressions,
    rejections,
    sources,
)
from dicom_node.ledger.tables.states import ARRIVED, DeliveryState, Event, JobState
from dicom_node.ledger.watching.tallies import keep_counts
from dicom_node.ledger.work.instances import StoredInstance
from dicom_node.skipping import PURGED

#: Jobs looked at in one go, whether or not they may go.
WINDOW = 1000
#: Deliveries with which nothing more is to happen. What was refused, lost, given up or not verified
#: stays until a person has seen to it.
_OVER = (DeliveryState.DELIVERED, DeliveryState.VERIFIED, DeliveryState.SUBSTITUTED,
         DeliveryState.RESERVE, DeliveryState.WITHDRAWN, DeliveryState.RETRACTED)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kept:
    """Until when jobs must have ended to go; None: they stay."""

    delivered_before: datetime | None
    skipped_before: datetime | None
    held_before: datetime | None = None

    @property
    def latest(self) -> datetime | None:
        """What came after this stays."""
        given = (self.delivered_before, self.skipped_before, self.held_before)
        return max((at for at in given if at is not None), default=None)


@dataclass(frozen=True, slots=True)
class Window:
    """Jobs looked at, in the order of their ids, and those of them that may go."""

    job_ids: tuple[int, ...]
    size_bytes: int  #: of their files
    next_after: int | None  #: None: all the others came too late


@dataclass(frozen=True, slots=True)
class Purged:
    """What is left of an image whose results were purged."""

    sop_instance_uid: str
    at: datetime
    #: None: purged by a version that did not keep the rest.
    study_instance_uid: str | None
    received_at: datetime | None
    delivered_at: datetime | None  #: the last of its results, to the last destination
    verified_at: datetime | None  #: likewise; None as well where nothing was verified


class Pruning(Part):
    """The part of the ledger that retention uses."""

    def look(self, kept: Kept, after: int = 0, limit: int = WINDOW) -> Window:
        """The next jobs with an id beyond `after`; so many are looked at."""
        with self._database.read() as connection:
            seen = connection.execute(
                select(jobs.c.id, jobs.c.received_at)
                .where(jobs.c.id > after)
                .order_by(jobs.c.id)
                .limit(limit)
            ).all()
            latest = kept.latest
            if latest is None or not any(row.received_at < latest for row in seen):
                return Window((), 0, None)
            last: int = seen[-1].id
            within = (jobs.c.id > after) & (jobs.c.id <= last)
            due = connection.scalars(select(jobs.c.id).where(within, _due(kept))).all()
            size_bytes = _size(connection, due)
        return Window(tuple(due), size_bytes, last)

    def forget(
        self, kept: Kept, job_ids: Collection[int], remove: Callable[[Collection[str]], None]
    ) -> int:
        """Let those of the jobs go that still may; how many did.

        `remove`: their files, by path in the spool, that no other job needs. First, and before the
        rows are gone: a crash in between leaves what the next look finds again, and no file that
        nobody knows of.
        """
        now = self._database.now()
        with self._database.write() as connection:
            # Held first, and only then looked at: else PostgreSQL would not see what a person has
            # asked for in between.
            these = select(jobs.c.id).where(jobs.c.id.in_(job_ids))
            held = connection.scalars(these.with_for_update(skip_locked=True)).all()
            query = select(*jobs.c).where(jobs.c.id.in_(held), _due(kept))
            gone = connection.execute(query).all()
            if gone:
                remove(_paths(connection, gone))
                _remember(connection, now, gone)
                _delete(connection, gone)
            return len(gone)

    def named(self, paths: Collection[str]) -> set[str]:
        """Those of these files of the spool that the ledger still knows."""
        with self._database.read() as connection:
            return {
                path
                for table in (instances, jobs, sources, outputs, fetched)
                for path in connection.scalars(select(table.c.path).where(table.c.path.in_(paths)))
            }

    def purged(
        self, sop_instance_uids: Collection[str], study_instance_uids: Collection[str] = ()
    ) -> list[Purged]:
        """What is left of images that were purged, by their own UID or their study's."""
        meant = purged.c.sop_instance_uid.in_(sop_instance_uids) | purged.c.study_instance_uid.in_(
            study_instance_uids
        )
        names = [field.name for field in fields(Purged)]
        query = select(*(purged.c[name] for name in names)).where(meant)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(purged.c.at, purged.c.sop_instance_uid))
            return [Purged(**row._asdict()) for row in rows]

    def count_purged(self, since: datetime | None, until: datetime | None) -> int:
        """Of how many images results were delivered in this time, and purged since."""
        query = select(func.count(purged.c.sop_instance_uid.distinct()))
        if since is not None:
            query = query.where(purged.c.delivered_at >= since)
        if until is not None:
            query = query.where(purged.c.delivered_at < until)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()


def pass_over_purged(
    connection: Connection, now: datetime, job_id: int, pipeline: str, instance: StoredInstance
) -> JobState:
    """What becomes of a new job whose instance came before, and was purged.

    The same bytes have had their results: they are passed over, until a person asks. Whatever is
    made from now on is a further issue: the UIDs of the first name what the destinations have.
    """
    before = name_after_purged(connection, job_id, pipeline, instance.sop_instance_uid)
    if before is None or before.sha256 != instance.sha256:
        return JobState.RECEIVED
    reason = (
        f"{PURGED}, and purged on {before.at:%Y-%m-%d};"
        f" to have it analysed again: cxr-node requeue --job {job_id}"
    )
    move_jobs(connection, now, JobState.RECEIVED, Event.PASSED_OVER, jobs.c.id == job_id,
              detail=reason, reason=reason)  # fmt: skip
    return JobState.SKIPPED


def name_after_purged(
    connection: Connection, job_id: int, pipeline: str, sop_instance_uid: str
) -> Row[Any] | None:
    """Let what is made by a new job be a further issue; what is left of the one before, if any."""
    before = connection.execute(
        select(purged).where(
            purged.c.sop_instance_uid == sop_instance_uid, purged.c.pipeline == pipeline
        )
    ).first()
    if before is not None:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(issue=before.issue + 1))
    return before


def _due(kept: Kept) -> Condition:
    """Whether a job may go."""
    delivered, skipped, held = (
        false()
        if before is None
        else and_(jobs.c.updated_at < before, ~_has_newer(before), ~_is_corrected_since(before))
        for before in (kept.delivered_before, kept.skipped_before, kept.held_before)
    )
    is_over = ~_has(deliveries.c.state.not_in(_OVER))
    is_over_but_held = ~_has(deliveries.c.state.not_in((*_OVER, DeliveryState.HELD)))
    ended = jobs.c.state.in_((JobState.BUILT, JobState.SKIPPED, JobState.FAILED))
    # What it rejects may still come, or come again.
    is_note = select(rejections.c.id).where(rejections.c.note_job_id == jobs.c.id).exists()
    # What a reader has drawn goes as results do, and not as what there was nothing to do with.
    is_correction = select(corrections.c.job_id).where(corrections.c.job_id == jobs.c.id).exists()
    is_kept_only = is_correction & (jobs.c.state == JobState.SKIPPED)
    return ~is_note & or_(
        is_over & is_kept_only & delivered,
        # Where nothing of it went anywhere, the spool has the only copy.
        is_over & (jobs.c.state == JobState.BUILT) & _has(_arrived()) & delivered,
        # The archive has what was fetched from it.
        is_over & (jobs.c.state == JobState.BUILT) & is_fetched() & delivered,
        is_over & (jobs.c.state == JobState.SKIPPED) & ~is_correction & skipped,
        is_over_but_held & ended & _has(deliveries.c.state == DeliveryState.HELD) & held,
    )


def _is_corrected_since(before: datetime) -> Condition:
    """Of a radiograph: what a reader has drawn is of no use without it."""
    drawn = select(corrections.c.job_id).where(
        corrections.c.image_uid == jobs.c.sop_instance_uid, corrections.c.kept_at >= before
    )
    return drawn.exists()


def _arrived() -> Condition:
    return deliveries.c.state.in_((*ARRIVED, DeliveryState.RETRACTED))


def _has(condition: Condition) -> Condition:
    return select(deliveries.c.id).where(deliveries.c.job_id == jobs.c.id, condition).exists()


def _has_newer(before: datetime) -> Condition:
    return _has(deliveries.c.updated_at >= before)


def _size(connection: Connection, job_ids: Sequence[int]) -> int:
    total = 0
    for table in (outputs, sources):
        query = select(func.sum(table.c.size_bytes)).where(table.c.job_id.in_(job_ids))
        total += int(connection.execute(query).scalar() or 0)
    query = select(func.sum(jobs.c.size_bytes)).where(jobs.c.id.in_(job_ids))
    return total + int(connection.execute(query).scalar() or 0)


def _paths(connection: Connection, gone: Sequence[Row[Any]]) -> set[str]:
    """Of what was received and built; not those that another job of the same instance needs."""
    ids = [row.id for row in gone]
    uids = {row.sop_instance_uid for row in gone}
    paths = {row.path for row in gone}
    for table in (outputs, sources, fetched):
        paths.update(connection.scalars(select(table.c.path).where(table.c.job_id.in_(ids))))
    others = select(jobs.c.id).where(jobs.c.sop_instance_uid.in_(uids), jobs.c.id.not_in(ids))
    known = ((jobs, jobs.c.id), (sources, sources.c.job_id), (fetched, fetched.c.job_id))
    for table, its_job in known:
        needed = select(table.c.path).where(its_job.in_(others))
        paths.difference_update(connection.scalars(needed))
    return paths


def _remember(connection: Connection, now: datetime, gone: Sequence[Row[Any]]) -> None:
    """Those of which anything was made."""
    ids = [row.id for row in gone]
    made = set(connection.scalars(select(outputs.c.job_id).where(outputs.c.job_id.in_(ids))))
    delivered = _last(connection, ids, Event.DELIVERED, Event.SENT)
    verified = _last(connection, ids, Event.VERIFIED)
    rows = [
        {"sop_instance_uid": row.sop_instance_uid, "pipeline": row.pipeline, "sha256": row.sha256,
         "issue": row.issue, "at": now, "study_instance_uid": row.study_instance_uid,
         "received_at": row.received_at, "delivered_at": delivered.get(row.id),
         "verified_at": verified.get(row.id)}
        for row in gone if row.id in made
    ]  # fmt: skip
    if not rows:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(purged)
    key = ["sop_instance_uid", "pipeline"]
    newer = {name: statement.excluded[name] for name in rows[0] if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=newer), rows)


def _last(connection: Connection, job_ids: Sequence[int], *meant: Event) -> dict[int, datetime]:
    """When one of these happened last to a delivery of each job."""
    query = (
        select(events.c.job_id, func.max(events.c.at))
        .where(events.c.job_id.in_(job_ids), events.c.event.in_(meant))
        .group_by(events.c.job_id)
    )
    return dict(connection.execute(query).all())


def _delete(connection: Connection, gone: Sequence[Row[Any]]) -> None:
    """Each before what it refers to."""
    ids = [row.id for row in gone]
    uids = {row.sop_instance_uid for row in gone}
    left = select(jobs.c.sop_instance_uid).where(
        jobs.c.sop_instance_uid.in_(uids), jobs.c.id.not_in(ids)
    )
    uids -= set(connection.scalars(left))
    keep_counts(connection, ids, uids)
    of_these = select(deliveries.c.id).where(deliveries.c.job_id.in_(ids))
    of_them = commitment_instances.c.delivery_id.in_(of_these)
    asked = connection.scalars(
        select(commitment_instances.c.commitment_id).where(of_them).distinct()
    ).all()
    connection.execute(delete(commitment_instances).where(of_them))
    still = select(commitment_instances.c.commitment_id)
    connection.execute(
        delete(commitments).where(commitments.c.id.in_(asked), commitments.c.id.not_in(still))
    )
    for table in (
        events,
        deliveries,
        outputs,
        findings,
        overrides,
        progressions,
        inquiries,
        fetched,
        corrections,
        sources,
    ):
        connection.execute(delete(table).where(table.c.job_id.in_(ids)))
    connection.execute(delete(jobs).where(jobs.c.id.in_(ids)))
    connection.execute(delete(instances).where(instances.c.sop_instance_uid.in_(uids)))
