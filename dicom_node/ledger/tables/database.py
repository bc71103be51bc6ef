"""One engine for SQLite and PostgreSQL: the URL decides, every failure is LedgerUnavailable."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Insert,
    Table,
    create_engine,
    event,
    exc,
    func,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from dicom_node.errors import LedgerDamaged, LedgerUnavailable, UsageError
from dicom_node.ledger.tables.migrate import migrate
from dicom_node.wal import use_wal

#: Seconds a statement waits for a lock of another before the ledger counts as unavailable; on
#: SQLite also for a connection of this process's own.
LOCK_TIMEOUT_S = 4
#: Seconds that PostgreSQL has for each answer: it may be frozen, or its storage. Longer than a lock
#: is waited for, and with the two that follow at most 10: within that a sender has its answer.
ANSWER_TIMEOUT_S = 5.0
#: Seconds to wait for a connection of this process's own.
POOL_TIMEOUT_S = 2
#: Seconds after which PostgreSQL ends a transaction whose process was stopped in the middle of it,
#: and with it its locks.
IDLE_TIMEOUT_S = 30
#: Seconds that PostgreSQL has to take a connection.
CONNECT_TIMEOUT_S = 3
#: Seconds that it has for each answer to a person, who may ask about all there is.
PERSON_WAITS_S = 60.0
#: Of SQLite's machine, between two looks at the clock: a fraction of a millisecond.
_STEPS_BETWEEN_LOOKS = 10_000
#: Seconds after which an unanswered connection to PostgreSQL counts as broken.
SILENCE_TIMEOUT_S = 10

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


class ServerClock:
    """The time of the database's server: hosts whose own clocks differ agree on what is over."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self._ahead

    def set_by(self, connection: Connection) -> None:
        told: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        self._ahead = told - utc_now()


class Database:
    """Transactions on one ledger. Threads and processes may share it."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._writer = engine.execution_options(begin="BEGIN IMMEDIATE")
        self._clock = clock
        #: Of this process's threads, on SQLite: who waits for its lock there looks for it at ever
        #: longer intervals, and may be passed by for seconds.
        self._turn = threading.Lock() if engine.dialect.name == "sqlite" else None

    def now(self) -> datetime:
        return self._clock()

    @classmethod
    def open(
        cls, url: str, clock: Clock | None = None, answer_within_s: float = ANSWER_TIMEOUT_S
    ) -> Self:
        """Open the ledger, made or migrated if need be.

        `clock`: default: the server's where there is one, else this host's. `answer_within_s`: a
        server that takes longer for an answer is unavailable, but for a migration.

        Raises LedgerUnavailable, or UsageError where waiting would not help: the URL or the
        ledger's version is not ours, or the server does not know user, password or database.
        """
        engine = _engine(parsed_url(url), answer_within_s)
        try:
            with _as_unavailable(), _as_usage_error():
                _assert_understood(engine)
                migrate(engine)
        except BaseException:
            engine.dispose()
            raise
        if clock is None:
            clock = utc_now if engine.dialect.name == "sqlite" else ServerClock()
        database = cls(engine, clock)
        with database.read() as connection:
            database.set_clock(connection)
        return database

    def set_clock(self, connection: Connection) -> None:
        """Ask the server for its time, where that is what counts; to be repeated now and then."""
        if isinstance(self._clock, ServerClock):
            self._clock.set_by(connection)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with _as_unavailable(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def snapshot(self, within_s: float | None = None) -> Iterator[Connection]:
        """To read what belongs together, as it is at one moment; LedgerUnavailable where one of the
        questions takes longer than `within_s`.
        """
        with _as_unavailable(), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin(), _limited(connection, within_s):
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: committed, and on the disk, when the block ends without an exception."""
        with _as_unavailable(), self._in_turn(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        if not self._turn.acquire(timeout=LOCK_TIMEOUT_S):
            raise LedgerUnavailable("other threads have been writing to the ledger for too long")
        try:
            yield
        finally:
            self._turn.release()


@contextmanager
def as_it_is(url: str) -> Iterator[Engine]:
    """The database of the ledger at `url`, neither made nor migrated.

    Raises as `Database.open` does, also for what is asked of it.
    """
    engine = _engine(parsed_url(url))
    try:
        with _as_unavailable(), _as_usage_error():
            _assert_understood(engine)
            yield engine
    finally:
        engine.dispose()


class Part:
    """One room of the ledger: transactions on the database that all of them share."""

    def __init__(self, database: Database) -> None:
        self._database = database


def insert_once(connection: Connection, table: Table, *unique: str) -> Insert:
    """An INSERT that passes over the rows that are there already, however close the race."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing(index_elements=unique)
    return sqlite.insert(table).on_conflict_do_nothing(index_elements=unique)


#: Neither quoted nor the cause: what is wrong may be a part of a password.
_NOT_UNDERSTOOD = (
    "the ledger's URL cannot be understood: special characters in a password must be"
    " percent-encoded, and what follows a ? be parameters of the database"
)


def parsed_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        raise UsageError(_NOT_UNDERSTOOD) from None
    if parsed.port is not None and not 1 <= parsed.port <= 65535:
        raise UsageError("the ledger's URL has a port that is not between 1 and 65535")
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed
    raise UsageError("the ledger's URL must begin with sqlite:///FILE or postgresql://")


def _engine(url: URL, answer_within_s: float = ANSWER_TIMEOUT_S) -> Engine:
    if url.drivername == "sqlite":
        # A timeout in the URL itself stands.
        query = {"timeout": str(LOCK_TIMEOUT_S), **url.query}
        engine = create_engine(url.set(query=query), pool_timeout=LOCK_TIMEOUT_S)
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    limits = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "tcp_user_timeout": 1000 * SILENCE_TIMEOUT_S,
        "keepalives_idle": SILENCE_TIMEOUT_S,
    }
    # After a restart of the database the pool's connections are dead: look before use.
    try:
        engine = create_engine(
            url, connect_args=limits, pool_pre_ping=True, pool_timeout=POOL_TIMEOUT_S
        )
    except ModuleNotFoundError as error:
        raise UsageError(
            "PostgreSQL needs an extra; in the checkout: pip install '.[postgres]'"
        ) from error
    event.listen(engine, "do_connect", partial(_connect_impatiently, answer_within_s))
    event.listen(engine, "connect", _configure_postgresql)
    return engine


def _assert_understood(engine: Engine) -> None:
    """Raises UsageError where the driver does not know a parameter of the URL."""
    try:
        engine.connect().close()
    except exc.ProgrammingError:
        raise UsageError(_NOT_UNDERSTOOD) from None


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # Python's sqlite3 would begin transactions at moments of its own choice; `_begin_sqlite` does.
    connection.isolation_level = None
    use_wal(connection, LOCK_TIMEOUT_S)
    # WAL's default, NORMAL, may lose the last commits at a power cut: after Success was answered.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _connect_impatiently(
    answer_within_s: float, _dialect: Any, _record: Any, args: Any, parameters: Any
) -> Any:
    # Here: psycopg is an extra.
    from dicom_node.ledger.tables.patience import ImpatientConnection

    connection = ImpatientConnection.connect(*args, **parameters)
    connection.patience_s = answer_within_s
    return connection


def _configure_postgresql(connection: Any, _record: Any) -> None:
    # Not among the parameters of the connection, which a pooler such as PgBouncer refuses.
    connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'")
    connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_TIMEOUT_S}s'")
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    # A write must take its lock at the start: two readers that both went on to write would
    # deadlock, and SQLite fails one of them at once, without waiting for the busy timeout.
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


@contextmanager
def _limited(connection: Connection, within_s: float | None) -> Iterator[None]:
    """Let the database itself break off what takes longer."""
    if within_s is None:
        yield
        return
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(1000 * within_s)}")
        yield
        return
    driver: Any = connection.connection.driver_connection
    until = time.monotonic() + within_s
    driver.set_progress_handler(lambda: time.monotonic() > until, _STEPS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)


#: What says that our statement is wrong, not that the database is away.
_BUGS = (exc.IntegrityError, exc.ProgrammingError, exc.DataError, exc.NotSupportedError)


#: What SQLite and PostgreSQL (libpq hands on its words alone, no SQLSTATE) say when they are there
#: but were asked for something that they do not have.
_WRONG_ADDRESS = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry"
    r"|(?:database|role) \S+ does not exist|permission denied"
    r"|unable to open database file|readonly database"
)


#: What SQLite says of a file that is damaged; no waiting helps.
_DAMAGED = re.compile(r"file is not a database|disk image is malformed|malformed database schema")


@contextmanager
def _as_usage_error() -> Iterator[None]:
    try:
        yield
    except exc.DBAPIError as error:
        reason = str(error.orig).partition("\n")[0]
        if _DAMAGED.search(reason):
            raise LedgerDamaged(f"the ledger is damaged: {reason}") from error
        if _WRONG_ADDRESS.search(reason):
            raise UsageError(f"the ledger cannot be opened: {reason}") from error
        raise


@contextmanager
def _as_unavailable() -> Iterator[None]:
    try:
        yield
    except _BUGS:
        raise
    except exc.DBAPIError as error:
        reason = str(error.orig).partition("\n")[0]
        raise LedgerUnavailable(f"the ledger did not answer: {reason}") from error
    except exc.TimeoutError as error:
        raise LedgerUnavailable("the ledger has no connection free") from error
