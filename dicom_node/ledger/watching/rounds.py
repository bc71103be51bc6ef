"""What one process does for all, every so often: whoever comes first has the turn."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from dicom_node.ledger.tables.database import insert_once
from dicom_node.ledger.tables.watched import rounds


def last_round(connection: Connection, name: str) -> datetime | None:
    at: datetime | None = connection.execute(
        select(rounds.c.at).where(rounds.c.name == name)
    ).scalar()
    return at


def is_due(at: datetime | None, now: datetime, every_s: float) -> bool:
    """Later than can be: the clock has been set back since."""
    return at is None or abs(now - at) >= timedelta(seconds=every_s)


def take_turn(connection: Connection, name: str, now: datetime, every_s: float) -> bool:
    """Compare-and-set: of two who look at once, one does."""
    begun = insert_once(connection, rounds, "name").values(name=name, at=now)
    if connection.execute(begun.returning(rounds.c.name)).first():
        return True
    every = timedelta(seconds=every_s)
    due = (rounds.c.at <= now - every) | (rounds.c.at >= now + every)
    taken = update(rounds).where(rounds.c.name == name, due).values(at=now)
    return connection.execute(taken.returning(rounds.c.name)).first() is not None
