"""A look at a ledger that is neither made nor migrated nor changed: for `cxr-node doctor`.

Each raises as `Database.open` does.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import exc, func, select, text

from dicom_node.errors import UsageError
from dicom_node.ledger.tables.database import as_it_is, parsed_url
from dicom_node.ledger.tables.migrate import version_of

#: Change nothing, and need the right and the room to. The second is there in every schema, too.
_WRITES = (
    "UPDATE alembic_version SET version_num = version_num",
    "UPDATE jobs SET id = id WHERE id < 0",
)


def schema_version(url: str) -> str | None:
    """None where there is no ledger yet."""
    parsed = parsed_url(url)
    if parsed.drivername == "sqlite" and not Path(str(parsed.database)).exists():
        return None
    with as_it_is(url) as engine, engine.begin() as connection:
        return version_of(connection)


def try_to_write(url: str) -> None:
    """Write, and take it back; raises UsageError, too, where the user lacks the right."""
    with as_it_is(url) as engine:
        writer = engine.execution_options(begin="BEGIN IMMEDIATE")
        with writer.connect() as connection:
            try:
                for statement in _WRITES:
                    connection.execute(text(statement))
            except exc.ProgrammingError as error:
                reason = str(error.orig).partition("\n")[0]
                raise UsageError(f"the ledger may not be written: {reason}") from error
            finally:
                connection.rollback()


def clock_ahead_s(url: str) -> float | None:
    """Seconds by which the clock of its server is ahead of this host's, as far as the way of an
    answer allows; None where it has none of its own.
    """
    if parsed_url(url).drivername == "sqlite":
        return None
    with as_it_is(url) as engine, engine.connect() as connection:
        before = datetime.now(UTC)
        told: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        after = datetime.now(UTC)
    # Within these two nobody can tell.
    ahead = max(told - after, timedelta()) or min(told - before, timedelta())
    return ahead.total_seconds()
