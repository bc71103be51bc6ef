"""Bring a ledger to this code's schema, safely when several processes start at once."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect, select, text

from dicom_node.errors import UsageError
from dicom_node.ledger.tables.schema import HEAD, compatibility

MIGRATIONS = Path(__file__).parents[2] / "migrations"

#: Any number that other programs on the same PostgreSQL are unlikely to lock: "CXR" and 1.
ADVISORY_LOCK = 0x43585201


def migrate(engine: Engine) -> None:
    """Upgrade to `HEAD` where it is older; raises UsageError where this code is too old for it.

    A newer one is used as it is as long as its migrations have only added: another host may have
    been upgraded first.
    """
    with _alone(engine):
        with engine.begin() as connection:
            if _is_current(connection):
                return
        writer = engine.execution_options(begin="BEGIN IMMEDIATE")
        with writer.begin() as connection, _patiently(connection):
            # Another process may have done it while we waited.
            if not _is_current(connection):
                _upgrade(connection)


def version_of(connection: Connection) -> str | None:
    """The newest migration that was made; None where there is no ledger yet.

    Raises UsageError where this code is too old for it.
    """
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(
        text("SELECT version_num FROM alembic_version")
    ).scalar()
    if (
        version is not None
        and version > HEAD
        and connection.execute(select(compatibility.c.oldest)).scalar_one() > HEAD
    ):
        raise UsageError(
            f"the ledger has schema {version}, and this version of cxr-node is too old for it, with"
            f" schema {HEAD}: run the version that made it, or a newer one"
        )
    return version


def _is_current(connection: Connection) -> bool:
    version = version_of(connection)
    return version is not None and version >= HEAD


def _upgrade(connection: Connection) -> None:
    # Here, so that a start with nothing to migrate does not pay for the import.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


@contextmanager
def _patiently(connection: Connection) -> Iterator[None]:
    """Another process's migration, and what runs beside it, takes what it takes."""
    if connection.dialect.name != "postgresql":
        yield
        return
    driver: Any = connection.connection.driver_connection
    patience_s, driver.patience_s = driver.patience_s, None
    try:
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
        yield
    finally:
        driver.patience_s = patience_s


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """On SQLite, one process at a time: the switch to WAL does not wait for others by itself."""
    if engine.dialect.name != "sqlite":
        yield
        return
    with Path(f"{engine.url.database}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
