"""The database cut off, stopped, frozen, locked: 0xA700 meanwhile, seconds afterwards."""

import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest

from dicom_node.demo.node import RunningNode
from dicom_node.ledger import Ledger
from dicom_node.ledger.work.workers import LEASE_S
from tests.system.faults.servers import Postgres
from tests.system.faults.setting import ANSWER_WITHIN_S, Ground
from tests.system.waiting import wait_until

pytestmark = pytest.mark.long

on_services = pytest.mark.parametrize("ground", ["services"], indirect=True, scope="session")


def of(ground: Ground) -> Postgres:
    assert ground.postgres is not None
    return ground.postgres


@on_services
def test_connections_terminated_again_and_again_cost_nothing(ground: Ground) -> None:
    with ground.stream(every_s=1) as stream:
        stream.wait_for(1)
        for _ in range(10):
            of(ground).terminate_connections()
            time.sleep(0.7)
        stream.wait_for(1)
    ground.assert_each_once()
    ground.assert_never_given_up(stream)


@on_services
@pytest.mark.parametrize("fault", ["stopped", "frozen", "read-only", "out of connections"])
def test_a_database_that_is_away_is_waited_for(ground: Ground, fault: str) -> None:
    with ground.stream() as stream:
        stream.wait_for(2)
        with away(of(ground), fault):
            # Longer than a lease.
            time.sleep(LEASE_S + 5)
            wait_until(lambda: bool(stream.refused), 120, "0xA700")
        mended_at = time.monotonic()
        stream.wait_for(2)
    ground.assert_each_once(since=mended_at)
    ground.assert_never_given_up(stream)
    print(f"the slowest answer took {stream.slowest_s:.1f} s")
    assert stream.slowest_s < ANSWER_WITHIN_S


@contextmanager
def away(server: Postgres, fault: str) -> Iterator[None]:
    """Whatever becomes of the test, the server is there for the next one."""
    match fault:
        case "stopped":
            server.stop()
            mend: Callable[[], None] = server.start
        case "frozen":
            server.signal_all(signal.SIGSTOP)
            mend = partial(server.signal_all, signal.SIGCONT)
        case "read-only":
            server.execute("ALTER ROLE node SET default_transaction_read_only = on")
            mend = partial(server.execute, "ALTER ROLE node RESET default_transaction_read_only")
        case _:
            server.execute("ALTER ROLE node CONNECTION LIMIT 0")
            mend = partial(server.execute, "ALTER ROLE node CONNECTION LIMIT -1")
    is_of_connections = fault in ("read-only", "out of connections")
    if is_of_connections:
        server.terminate_connections()
    try:
        yield
    finally:
        mend()
        if is_of_connections:
            # Those that began read-only stay so.
            server.terminate_connections()


def test_a_lock_held_by_another_is_answered_within_ten_seconds(ground: Ground) -> None:
    """By pg_dump, a long migration, a person in psql; by a backup program on the SQLite file."""
    with ground.stream(every_s=0.5) as stream:
        stream.wait_for(2)
        with locked(ground):
            time.sleep(40)
        unlocked_at = time.monotonic()
        stream.wait_for(1)
    ground.assert_each_once(since=unlocked_at)
    ground.assert_never_given_up(stream)
    assert stream.refused
    print(f"the slowest answer took {stream.slowest_s:.1f} s")
    assert stream.slowest_s < ANSWER_WITHIN_S


def test_a_start_waits_for_a_ledger_that_another_has_locked(tmp_path: Path) -> None:
    node = RunningNode(tmp_path)
    file = tmp_path / "ledger.sqlite"
    Ledger.open(f"sqlite:///{file}").close()
    with ThreadPoolExecutor(1) as pool:
        with sqlite_locked(file):
            starting = pool.submit(node.start)
            wait_until(lambda: says(node, "waits for the ledger"), 120, "it to wait")
        starting.result()
    assert node.stop() == 0


def says(node: RunningNode, event: str) -> bool:
    return any(f'"event": "{event}' in line for line in node.log)


@contextmanager
def locked(ground: Ground) -> Iterator[None]:
    if ground.postgres is not None:
        with psycopg.connect(ground.postgres.url) as connection:
            connection.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
            yield
        return
    with sqlite_locked(Path(ground.config.ledger_url.removeprefix("sqlite:///"))):
        yield


@contextmanager
def sqlite_locked(file: Path) -> Iterator[None]:
    with closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
