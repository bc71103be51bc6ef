"""Breakers: may a destination be sent to now? What a person says, and what its failures ask for.

In the ledger, so that all senders agree, on whatever host, and a restart forgets nothing.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select, update

from dicom_node.ledger.tables.database import Part, insert_once
from dicom_node.ledger.tables.moves import Condition
from dicom_node.ledger.tables.records import DestinationEntry, Standing
from dicom_node.ledger.tables.schema import destination_events, destinations
from dicom_node.ledger.tables.states import DestinationEvent

_NOT_PAUSED: dict[str, Any] = {
    "paused_at": None,
    "paused_until": None,
    "paused_by": None,
    "paused_why": None,
}
_NEVER_FAILED: dict[str, Any] = {
    "reachable": True,
    "since": None,
    "failures": 0,
    "resting_until": None,
    "last_error": None,
    "last_error_at": None,
}


class Breakers(Part):
    """The part of the ledger that says who is left alone."""

    def of(self, name: str) -> Standing:
        """How a destination stands, whether or not anything was ever sent there."""
        with self._database.read() as connection:
            return standing_of(connection, name)

    def all(self) -> list[Standing]:
        """How each stands of which anything is known, by name."""
        with self._database.read() as connection:
            found = standings(connection)
        return [found[name] for name in sorted(found)]

    def history(self, name: str) -> list[DestinationEntry]:
        """What happened to a destination, in order."""
        columns = [column for column in destination_events.c if column.name != "id"]
        query = select(*columns).where(destination_events.c.destination == name)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(destination_events.c.id))
            return [DestinationEntry(**row._asdict()) for row in rows]

    def reached(self, name: str, by: str) -> bool:
        """It answered, and need not be left alone; whether an outage has ended with that."""
        now = self._database.now()
        before = self.of(name)
        if before.reachable and before.since and not before.resting_until:
            return False
        with self._database.write() as connection:
            before = standing_of(connection, name)
            since = before.since if before.reachable and before.since else now
            _set(connection, name, reachable=True, since=since, failures=0, resting_until=None)
            if not before.reachable:
                _record(connection, now, name, DestinationEvent.REACHED, by)
            return not before.reachable

    def unreachable(self, name: str, by: str, error: str, rest_s: float) -> None:
        """It could not be reached: leave it alone for so long."""
        now = self._database.now()
        with self._database.write() as connection:
            before = standing_of(connection, name)
            since = now if before.reachable else before.since
            _set(connection, name, reachable=False, since=since, failures=before.failures + 1,
                 resting_until=now + timedelta(seconds=rest_s),
                 last_error=error, last_error_at=now)  # fmt: skip
            if before.reachable:
                _record(connection, now, name, DestinationEvent.LOST, by, error)

    def rest(self, name: str, error: str, rest_s: float) -> None:
        """It is there, but keeps nothing: leave it alone for a moment."""
        now = self._database.now()
        with self._database.write() as connection:
            _set(connection, name, resting_until=now + timedelta(seconds=rest_s),
                 last_error=error, last_error_at=now)  # fmt: skip

    def pause(self, name: str, by: str, why: str = "", until: datetime | None = None) -> None:
        """Send nothing there; until somebody resumes it where no end is given."""
        now = self._database.now()
        detail = f"{why} (until {until:%Y-%m-%d %H:%M:%S} UTC)".lstrip() if until else why
        with self._database.write() as connection:
            _set(connection, name, paused_at=now, paused_until=until, paused_by=by, paused_why=why)
            _record(connection, now, name, DestinationEvent.PAUSED, by, detail)

    def resume(self, name: str, by: str) -> bool:
        """Send there again, at once; False where it was not paused."""
        now = self._database.now()
        with self._database.write() as connection:
            if not standing_of(connection, name).is_paused(now):
                return False
            _set(connection, name, resting_until=None, **_NOT_PAUSED)
            _record(connection, now, name, DestinationEvent.RESUMED, by)
            return True

    def tried(self, name: str, by: str, answer: str) -> None:
        """A person had it asked whether it is there."""
        now = self._database.now()
        with self._database.write() as connection:
            _record(connection, now, name, DestinationEvent.TRIED, by, answer)


def standing_of(connection: Connection, name: str) -> Standing:
    row = connection.execute(select(destinations).where(destinations.c.name == name)).first()
    return Standing(name) if row is None else Standing(**row._asdict())


def standings(connection: Connection) -> dict[str, Standing]:
    """By name, of each that has a row."""
    rows = connection.execute(select(destinations)).all()
    return {row.name: Standing(**row._asdict()) for row in rows}


def forget_standing(connection: Connection, name: str, now: datetime) -> None:
    """Its failures, not a pause: that is a person's word, until a person takes it back."""
    this = destinations.c.name == name
    connection.execute(delete(destinations).where(this, ~_is_paused(now)))
    connection.execute(update(destinations).where(this).values(**_NEVER_FAILED))


def is_closed(name: str, now: datetime) -> Condition:
    """Whether nothing may be taken for a destination at this moment."""
    closed = or_(_is_paused(now), destinations.c.resting_until > now)
    return select(destinations.c.name).where(destinations.c.name == name, closed).exists()


def _is_paused(now: datetime) -> Condition:
    return destinations.c.paused_at.is_not(None) & or_(
        destinations.c.paused_until.is_(None), destinations.c.paused_until > now
    )


def _set(connection: Connection, name: str, **values: Any) -> None:
    connection.execute(insert_once(connection, destinations, "name").values(name=name))
    connection.execute(update(destinations).where(destinations.c.name == name).values(**values))


def _record(
    connection: Connection,
    at: datetime,
    name: str,
    event: DestinationEvent,
    by: str,
    detail: str = "",
) -> None:
    values = {"at": at, "destination": name, "event": event, "owner": by, "detail": detail}
    connection.execute(insert(destination_events).values(**values))
