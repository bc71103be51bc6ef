"""Shadows: images that one pipeline analysed, and what another says of them, tried beside it."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, delete, func, insert, select, update

from dicom_node.ledger.shadow.table import shadows
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.remains import was_asked_for
from dicom_node.ledger.tables.schema import findings, jobs
from dicom_node.ledger.tables.states import JobState

#: How often an image is begun that whoever tried it did not end: it may be what they died of.
MOST_TRIES = 3
#: Seconds after which who has begun an image, and not ended it, is taken for dead.
LOST_AFTER_S = 600.0
#: Pixels between the two halves of a picture: on the left what was sent, on the right what another
#: pipeline sees, both of the same size.
PICTURE_GAP = 8


@dataclass(frozen=True, slots=True)
class Said:
    """What one pipeline says of an image."""

    decision: str  #: a value of `inference.findings.Decision`; "": it refuses the image
    percent_left: float | None = None  #: infected, of that lung, 0..100; None: it cannot be said
    percent_right: float | None = None
    percent_both: float | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """One image, by two pipelines."""

    job_id: int
    received_at: datetime
    leading: Said
    shadow: Said
    has_picture: bool
    is_sent_by_leading: bool = True  #: False: it came before the two changed places


@dataclass(frozen=True, slots=True)
class Other:
    """What a pipeline that was tried on an image says of it."""

    pipeline: str
    said: Said
    has_picture: bool


@dataclass(frozen=True, slots=True)
class Tried:
    """How far a trial has come."""

    waiting: int  #: images that are to be tried
    failed: int  #: of which nothing can be said


class Shadows(Part):
    """The part of the ledger that has what a pipeline says that is only tried."""

    def pending(self, leading: str, shadow: str, since: datetime, most: int) -> list[int]:
        """Ids of jobs that `leading` has analysed, of images that came since then, and `shadow` has
        not: the newest first.
        """
        query = self._pending(select(jobs.c.id), leading, shadow, since)
        with self._database.read() as connection:
            newest = query.order_by(jobs.c.received_at.desc(), jobs.c.id.desc())
            return list(connection.scalars(newest.limit(most)))

    def is_due(self, leading: str) -> bool:
        """Whether an image waits for its results, or is being analysed: that goes first."""
        waits = (jobs.c.state == JobState.RECEIVED) & (jobs.c.due_at <= self._database.now())
        busy = waits | (jobs.c.state == JobState.ANALYZING)
        query = select(jobs.c.id).where(jobs.c.pipeline == leading, busy).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def begin(self, job_id: int, shadow: str) -> bool:
        """Before it is tried, so that what kills whoever tries it is not tried for ever; False
        where another has begun or ended it.
        """
        this, now = _this(job_id, shadow), self._database.now()
        with self._database.write() as connection:
            issue = connection.scalar(select(jobs.c.issue).where(jobs.c.id == job_id))
            row = connection.execute(select(shadows).where(this)).first()
            if issue is None:
                return False
            tries = 0
            if row is not None and row.issue == issue:
                lost_at = row.begun_at + timedelta(seconds=LOST_AFTER_S)
                if row.ended_at is not None or row.tries >= MOST_TRIES or now < lost_at:
                    return False
                tries = row.tries
            connection.execute(delete(shadows).where(this))
            connection.execute(
                insert(shadows).values(
                    job_id=job_id, pipeline=shadow, issue=issue, tries=tries + 1, begun_at=now
                )
            )
            return True

    def keep(self, job_id: int, shadow: str, said: Said, picture: bytes | None) -> None:
        """What it says; nothing where the job has been purged meanwhile."""
        values = {name: getattr(said, name) for name in _SAID}
        self._end(job_id, shadow, picture=picture, **values)

    def failed(self, job_id: int, shadow: str, fault: str) -> None:
        """That nothing can be said: it is not tried again."""
        self._end(job_id, shadow, fault=fault)

    def compared(self, leading: str, shadow: str, since: datetime) -> list[Compared]:
        """All images that came since then of which both say something, whichever of them led then;
        the newest first.
        """
        query = (
            self._of_both(select(*_COLUMNS), leading, shadow, since)
            .where(_HAS_ENDED)
            .order_by(jobs.c.received_at.desc(), jobs.c.id.desc())
        )
        with self._database.read() as connection:
            return [_compared(row, leading) for row in connection.execute(query)]

    def tried(self, leading: str, shadow: str, since: datetime) -> Tried:
        waiting = self._pending(select(func.count()), leading, shadow, since)
        given_up = shadows.c.ended_at.is_(None) & (shadows.c.tries >= MOST_TRIES)
        failed = self._of_both(select(func.count()), leading, shadow, since)
        failed = failed.where((shadows.c.fault != "") | (given_up & self._is_lost()))
        with self._database.read() as connection:
            return Tried(*(connection.scalar(query) or 0 for query in (waiting, failed)))

    def of_job(self, job_id: int) -> list[Other]:
        """What all say that were tried on its present results, the latest first."""
        has_picture = shadows.c.picture.is_not(None).label("has_picture")
        query = (
            select(shadows.c.pipeline, has_picture, *(shadows.c[name] for name in _SAID))
            .join(jobs, (jobs.c.id == shadows.c.job_id) & (jobs.c.issue == shadows.c.issue))
            .where(jobs.c.id == job_id, _HAS_ENDED)
        )
        with self._database.read() as connection:
            return [
                Other(row.pipeline, Said(*(getattr(row, n) for n in _SAID)), bool(row.has_picture))
                for row in connection.execute(query.order_by(shadows.c.ended_at.desc()))
            ]

    def choices(self, since: datetime) -> dict[int, tuple[str, ...]]:
        """Of the jobs of images that came since then, and on which others were tried: the pipeline
        whose results were sent, and those others.
        """
        query = (
            select(jobs.c.id, jobs.c.pipeline, shadows.c.pipeline.label("other"))
            .join(shadows, (jobs.c.id == shadows.c.job_id) & (jobs.c.issue == shadows.c.issue))
            .where(jobs.c.received_at >= since, _HAS_ENDED)
            .order_by(jobs.c.id, shadows.c.ended_at)
        )
        found: dict[int, tuple[str, ...]] = {}
        with self._database.read() as connection:
            for row in connection.execute(query):
                found[row.id] = (*found.get(row.id, (row.pipeline,)), row.other)
        return found

    def picture(self, job_id: int, pipeline: str = "") -> bytes | None:
        """That of this pipeline, or the latest that was kept of the job's image."""
        query = select(shadows.c.picture).where(
            shadows.c.job_id == job_id, shadows.c.picture.is_not(None)
        )
        if pipeline:
            query = query.where(shadows.c.pipeline == pipeline)
        with self._database.read() as connection:
            return connection.scalar(query.order_by(shadows.c.ended_at.desc()).limit(1))

    def _end(self, job_id: int, shadow: str, **values: Any) -> None:
        ended = update(shadows).where(_this(job_id, shadow))
        with self._database.write() as connection:
            connection.execute(ended.values(ended_at=self._database.now(), **values))

    def _is_lost(self) -> ColumnElement[bool]:
        long_ago = self._database.now() - timedelta(seconds=LOST_AFTER_S)
        return shadows.c.begun_at < long_ago

    def _pending(
        self, query: "Select[Any]", leading: str, shadow: str, since: datetime
    ) -> "Select[Any]":
        tried = and_(
            shadows.c.job_id == jobs.c.id,
            shadows.c.pipeline == shadow,
            shadows.c.issue == jobs.c.issue,
        )
        may_go_on = shadows.c.ended_at.is_(None) & (shadows.c.tries < MOST_TRIES) & self._is_lost()
        return (
            query.select_from(jobs)
            .join(findings, (findings.c.job_id == jobs.c.id) & (findings.c.issue == jobs.c.issue))
            .outerjoin(shadows, tried)
            .where(
                jobs.c.pipeline == leading,
                jobs.c.received_at >= since,
                jobs.c.state == JobState.BUILT,
                shadows.c.job_id.is_(None) | may_go_on,
                ~was_asked_for(),
            )
        )

    def _of_both(
        self, query: "Select[Any]", leading: str, shadow: str, since: datetime
    ) -> "Select[Any]":
        """Either may have led when it was analysed."""
        pair = (leading, shadow)
        return (
            query.select_from(shadows)
            .join(jobs, (jobs.c.id == shadows.c.job_id) & (jobs.c.issue == shadows.c.issue))
            .join(findings, (findings.c.job_id == jobs.c.id) & (findings.c.issue == jobs.c.issue))
            .where(
                jobs.c.received_at >= since,
                jobs.c.pipeline.in_(pair),
                shadows.c.pipeline.in_(pair),
                jobs.c.pipeline != shadows.c.pipeline,
            )
        )


_HAS_ENDED = shadows.c.ended_at.is_not(None) & (shadows.c.fault == "")
_SAID = tuple(field.name for field in fields(Said))
_COLUMNS = (
    jobs.c.id,
    jobs.c.received_at,
    jobs.c.pipeline,
    shadows.c.picture.is_not(None).label("has_picture"),
    *(findings.c[name].label(f"sent_{name}") for name in _SAID),
    *(shadows.c[name].label(f"tried_{name}") for name in _SAID),
)


def _this(job_id: int, shadow: str) -> ColumnElement[bool]:
    return and_(shadows.c.job_id == job_id, shadows.c.pipeline == shadow)


def _compared(row: Row[Any], leading: str) -> Compared:
    sent, tried = (Said(*_values(row, prefix)) for prefix in ("sent", "tried"))
    pair = (sent, tried) if row.pipeline == leading else (tried, sent)
    return Compared(
        row.id,
        row.received_at,
        *pair,
        has_picture=bool(row.has_picture),
        is_sent_by_leading=row.pipeline == leading,
    )


def _values(row: Row[Any], prefix: str) -> Iterator[Any]:
    return (getattr(row, f"{prefix}_{name}") for name in _SAID)
