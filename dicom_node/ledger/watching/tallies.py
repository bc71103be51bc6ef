"""Counts that never go down: of all events, whoever wrote them and however many were purged since.

Up to a mark they are kept as sums; what came later is counted when somebody asks. So nobody who
writes an event waits for another at a common counter, and a question costs what is new since the
last round, not what ever happened.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Table, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from dicom_node.ledger.tables.database import Part
from dicom_node.ledger.tables.schema import events, instances, outputs
from dicom_node.ledger.tables.watched import tallies, tally_marks
from dicom_node.ledger.watching.counting import Key, Tally, count, counted_events

#: Events counted in one transaction, for which SQLite takes no other write: some 25 ms.
AT_ONCE = 500
#: Of files, whose sizes the database adds by itself.
FILES_AT_ONCE = 50_000
#: Seconds after which PostgreSQL has every row whose id is lower than one that is there: no
#: transaction of the node lasts so long. SQLite has one writer.
SETTLED_AFTER = timedelta(seconds=120)

_EVENTS = events.name
#: Tables of which the bytes are counted.
_FILES: Mapping[str, Table] = {table.name: table for table in (instances, outputs)}
_SOURCES: Mapping[str, Table] = {_EVENTS: events, **_FILES}


class Tallies(Part):
    """The part of the ledger behind the metrics' counters and histograms."""

    def totals(self, within_s: float | None = None) -> dict[Key, float]:
        """All that was ever counted, to this moment; LedgerUnavailable where it takes longer."""
        with self._database.snapshot(within_s) as connection:
            upto = _marks(connection)
            totals: dict[Key, float] = {
                (row.name, row.first, row.second): row.value
                for row in connection.execute(select(tallies))
            }
            news = count(connection.execute(counted_events(events.c.id > upto[_EVENTS])))
            for name, table in _FILES.items():
                news[Tally.BYTES, name, ""] = _size(connection, table, table.c.id > upto[name])
        for key, value in news.items():
            totals[key] = totals.get(key, 0.0) + value
        return totals

    def fold(self) -> bool:
        """Add to the sums what has come since, a little; whether there is more."""
        with self._database.write() as connection:
            marks = connection.execute(select(tally_marks).with_for_update()).all()
            left = [self._fold(connection, mark) for mark in marks]
        return any(left)

    def _fold(self, connection: Connection, mark: Any) -> bool:
        now, table = self._database.now(), _SOURCES[mark.source]
        newest: int = connection.execute(select(func.max(table.c.id))).scalar() or 0
        settled = newest
        if connection.dialect.name == "postgresql":
            is_over = mark.seen_at is not None and mark.seen_at <= now - SETTLED_AFTER
            settled = mark.seen if is_over else mark.upto
            if mark.seen_at is None or (is_over and mark.upto == mark.seen):
                _set(connection, mark.source, seen=newest, seen_at=now)
        limit = AT_ONCE if table is events else FILES_AT_ONCE
        upto = min(settled, mark.upto + limit)
        if upto > mark.upto:
            these = (table.c.id > mark.upto) & (table.c.id <= upto)
            if table is events:
                add(connection, count(connection.execute(counted_events(these))))
            else:
                size = _size(connection, table, these)
                add(connection, {(Tally.BYTES, mark.source, ""): size})
            _set(connection, mark.source, upto=upto)
        return bool(settled > upto)


def keep_counts(connection: Connection, job_ids: Collection[int], uids: Collection[str]) -> None:
    """Before these jobs are deleted, and the instances of these UIDs: what is counted of them stays
    so, and what is not yet, is; of their files the bytes are there no longer.
    """
    rows = connection.execute(select(tally_marks).with_for_update())
    upto = {row.source: row.upto for row in rows}
    of_these = (events.c.job_id.in_(job_ids), events.c.id > upto[_EVENTS])
    news = count(connection.execute(counted_events(*of_these)))
    for table, of_them in ((outputs, outputs.c.job_id.in_(job_ids)),
                           (instances, instances.c.sop_instance_uid.in_(uids))):  # fmt: skip
        counted = table.c.id <= upto[table.name]
        news[Tally.BYTES, table.name, ""] = -_size(connection, table, of_them, counted)
    add(connection, news)


def add(connection: Connection, counted: Mapping[Key, float]) -> None:
    rows = [
        {"name": name, "first": first, "second": second, "value": value}
        for (name, first, second), value in sorted(counted.items())
        if value
    ]
    if not rows:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(tallies)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["name", "first", "second"],
            set_={"value": tallies.c.value + statement.excluded.value},
        ),
        rows,
    )


def _marks(connection: Connection) -> dict[str, int]:
    return {row.source: row.upto for row in connection.execute(select(tally_marks))}


def _set(connection: Connection, source: str, **values: Any) -> None:
    connection.execute(update(tally_marks).where(tally_marks.c.source == source).values(**values))


def _size(connection: Connection, table: Table, *conditions: Any) -> float:
    query = select(func.coalesce(func.sum(table.c.size_bytes), 0)).where(*conditions)
    return float(connection.execute(query).scalar_one())
