"""Notices: what is to be told by each channel, one after the other, until it was taken.

One that a process took and did not report on is another's after a while: told twice, perhaps, and
never not at all.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update

from dicom_node.backoff import CAP_S
from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.watched import notices

#: Seconds that whoever took one has for it: longer than any channel takes.
LEASE = timedelta(seconds=300)
#: Later than that none is due, but by a clock that has been set back since.
_LATEST = LEASE + timedelta(seconds=CAP_S)
#: Nobody needs to be told any more.
GIVEN_UP_AFTER = timedelta(days=1)
#: What was told stays for a while.
KEPT_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Notice:
    """One message by one channel."""

    id: int
    at: datetime
    channel: str
    body: str  #: JSON
    attempts: int  #: this one too
    is_too_old: bool  #: if it cannot be told now, it is not told


class Notices(Part):
    """The part of the ledger that knows what is still to be told."""

    def claim(self, channels: Collection[str]) -> Notice | None:
        """The oldest of one of the channels that is due: nothing overtakes what was before it."""
        now = self._database.now()
        firsts = (
            select(func.min(notices.c.id))
            .where(notices.c.ended_at.is_(None), notices.c.channel.in_(channels))
            .group_by(notices.c.channel)
        )
        is_due = (notices.c.due_at <= now) | (notices.c.due_at > now + _LATEST)
        due = select(notices.c.id).where(notices.c.id.in_(firsts), is_due)
        with self._database.read() as connection:
            # Mostly none: no write is begun for that.
            if (found := connection.execute(due.limit(1)).scalar()) is None:
                return None
        with self._database.write() as connection:
            this = (notices.c.id == found) & is_due
            taken = (
                update(notices)
                .where(this, notices.c.ended_at.is_(None))
                .values(due_at=now + LEASE, attempts=notices.c.attempts + 1)
                .returning(notices)
            )
            row = connection.execute(taken).first()
        if row is None:
            return None
        is_too_old = row.at <= now - GIVEN_UP_AFTER
        return Notice(row.id, row.at, row.channel, row.body, row.attempts, is_too_old)

    def told(self, notice_id: int) -> None:
        """It was taken. What was long ago is forgotten."""
        now = self._database.now()
        with self._database.write() as connection:
            this = notices.c.id == notice_id
            connection.execute(update(notices).where(this).values(ended_at=now, error=None))
            connection.execute(delete(notices).where(notices.c.ended_at < now - KEPT_FOR))

    def failed(self, notice_id: int, error: str, retry_in_s: float | None) -> None:
        """It was not taken, and is to be tried again; None: no more."""
        now = self._database.now()
        values = (
            {"ended_at": now, "error": error}
            if retry_in_s is None
            else {"due_at": now + timedelta(seconds=retry_in_s), "error": error}
        )
        with self._database.write() as connection:
            connection.execute(update(notices).where(notices.c.id == notice_id).values(values))

    def waiting(self) -> dict[str, int]:
        """How many are still to be told, by channel."""
        query = select(notices.c.channel, func.count()).where(notices.c.ended_at.is_(None))
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(notices.c.channel).order_by(notices.c.channel))
            return dict(rows.all())
