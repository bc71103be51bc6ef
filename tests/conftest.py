"""What tests share: the networks, the real images, the real database and broker of a node.

What is missing skips with its reason on a laptop and fails where CI is set, so that CI can never
pass by not looking. $CXR_DATA, $CXR_TEST_POSTGRES and $CXR_TEST_RABBITMQ say where they are.
"""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import psycopg
import pytest
from kombu.connection import Connection

if TYPE_CHECKING:
    from inference.engines import Engine

TESTS = Path(__file__).parent
ROOT = TESTS.parent
DATA = Path(os.environ.get("CXR_DATA", ROOT.parent / "shared" / "data"))
POSTGRES = os.environ.get("CXR_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
#: Folders of the slowest tests.
LONGEST = ("system/faults", "system", "conformance")
#: The pipelines of which tests publish jobs.
QUEUED = ("pipeline", "old", "new")
RABBITMQ = os.environ.get("CXR_TEST_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672//")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole nodes and other people's programs are no quick tests, whatever else is; and they come
    first, or one worker would still be at the longest file when the others have ended.
    """
    for item in items:
        if _turn(item) < len(LONGEST):
            item.add_marker(pytest.mark.slow)
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    folder = item.path.parent.relative_to(TESTS).as_posix()
    return next((n for n, one in enumerate(LONGEST) if folder.startswith(one)), len(LONGEST))


def missing(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images; they are not ours to publish, so they stay outside."""
    if not DATA.is_dir():
        missing(f"the real images are not at {DATA} (set CXR_DATA)")
    return DATA


@pytest.fixture(scope="session")
def engine() -> "Engine":
    """The shipped networks, loaded once."""
    from inference.engines.loading import load_engine

    return load_engine(device="cpu")


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """The URL of a PostgreSQL database of this run's own: to make one takes far longer than to
    empty it.
    """
    try:
        server = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as exc:
        missing(f"no PostgreSQL at {POSTGRES} (set CXR_TEST_POSTGRES): {exc}")
    name = f"cxr_test_{uuid.uuid4().hex[:12]}"
    with server:
        server.execute(f"CREATE DATABASE {name}")
        yield f"{POSTGRES.rpartition('/')[0]}/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty ledger's URL: SQLite, then PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    url: str = request.getfixturevalue("database")
    with psycopg.connect(url, autocommit=True) as connection:
        # Whatever an earlier test has left behind: connections, then tables.
        connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url


@pytest.fixture(params=["embedded", pytest.param("rabbitmq", marks=pytest.mark.slow)])
def broker_url(request: pytest.FixtureRequest) -> str:
    """A broker's URL: the embedded one, then RabbitMQ."""
    if request.param == "embedded":
        return "filesystem://"
    try:
        with Connection(RABBITMQ, connect_timeout=3) as connection:
            connection.connect()
    except (OSError, *Connection(RABBITMQ).connection_errors) as exc:
        missing(f"no RabbitMQ at {RABBITMQ} (set CXR_TEST_RABBITMQ): {exc}")
    return RABBITMQ


@pytest.fixture
def queue_prefix(broker_url: str) -> Iterator[str]:
    """A name for the test's own queues, so that tests can share one RabbitMQ."""
    prefix = f"cxr-test-{uuid.uuid4().hex[:12]}"
    yield prefix
    if broker_url == RABBITMQ:
        with Connection(RABBITMQ) as connection:
            for name in ("jobs", "outputs", *(f"jobs.{pipeline}" for pipeline in QUEUED)):
                connection.default_channel.queue_delete(f"{prefix}.{name}")
