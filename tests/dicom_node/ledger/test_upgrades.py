"""Upgrades of a ledger: from each version there was, killed in the middle, by two at once."""

import multiprocessing
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, inspect, text

from dicom_node.__main__ import main
from dicom_node.config import parse
from dicom_node.ledger import HEAD, Ledger, Progress, schema_version
from dicom_node.ledger.tables.migrate import MIGRATIONS
from tests.dicom_node.ledger.old_version import sqlalchemy_url, upgrade
from tests.dicom_node.ledger.records import LEASE_S, PIPELINE, START, instance, progress

WITHIN_S = 120.0
#: A job that waits for its delivery, and one for a worker, as the first version wrote them.
IN_FLIGHT = (
    "INSERT INTO jobs (id, pipeline, state, attempts, deaths, due_at, received_at, updated_at,"
    " sop_class_uid, sop_instance_uid, study_instance_uid, series_instance_uid,"
    " transfer_syntax_uid, calling_aet, path, sha256, size_bytes) VALUES"
    " (1, 'p', 'BUILT', 1, 0, :at, :at, :at, '1.1', '1.2', '1.3', '1.4', '1.5', 'A', 'b', 'c', 9),"
    " (2, 'p', 'RECEIVED', 0, 0, :at, :at, :at, '1.1', '1.9', '1.3', '1.4', '1.5', 'A', 'b', 'c',"
    " 9)",
    "INSERT INTO outputs (id, job_id, role, sop_class_uid, sop_instance_uid, series_instance_uid,"
    " transfer_syntax_uid, path, sha256, size_bytes) VALUES"
    " (1, 1, 'SEG', '1.1', '1.6', '1.7', '1.5', 'd', 'e', 9)",
    "INSERT INTO deliveries (id, job_id, output_id, destination, study_instance_uid, state,"
    " attempts, due_at, updated_at) VALUES (1, 1, 1, 'PACS', '1.3', 'WAITING', 0, :at, :at)",
)


def versions() -> list[str]:
    """All before the newest."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return sorted(one.revision for one in ScriptDirectory.from_config(config).walk_revisions())[:-1]


def make(ledger_url: str, version: str) -> None:
    """A ledger as it was then, with all in flight."""
    engine = create_engine(sqlalchemy_url(ledger_url))
    with engine.begin() as connection:
        upgrade(connection, version)
        for statement in IN_FLIGHT:
            connection.execute(text(statement), {"at": START})
    engine.dispose()


def assert_goes_on(ledger_url: str) -> None:
    assert schema_version(ledger_url) == HEAD
    with closing(Ledger.open(ledger_url)) as ledger:
        assert progress(ledger, 1) is Progress.WAITING
        (delivery,) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
        ledger.deliveries.delivered(delivery.id, "s1", 0x0000)
        assert progress(ledger, 1) is Progress.DELIVERED
        assert ledger.jobs.claim(2, "p", "w1", LEASE_S) is not None


@pytest.mark.parametrize("version", versions())
def test_from_each_version_what_was_in_flight_goes_on(ledger_url: str, version: str) -> None:
    make(ledger_url, version)
    Ledger.open(ledger_url).close()
    assert_goes_on(ledger_url)


def migrate_and_hang(ledger_url: str, midway: Pipe) -> None:
    """As a part at its start, until the last of its columns has been made."""

    def after(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "ALTER TABLE assessments ADD COLUMN pipeline" in statement:
            midway.send("midway")
            midway.recv()

    event.listen(Engine, "after_cursor_execute", after)
    Ledger.open(ledger_url)


@pytest.fixture
def pipe() -> Iterator[tuple[Pipe, Pipe]]:
    ends = multiprocessing.Pipe()
    yield ends
    for end in ends:
        end.close()


@pytest.mark.slow
def test_one_that_is_killed_in_the_middle_has_changed_nothing_and_starts_again(
    ledger_url: str, pipe: tuple[Pipe, Pipe]
) -> None:
    make(ledger_url, versions()[-1])
    ours, theirs = pipe
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=migrate_and_hang, args=(ledger_url, theirs))
    process.start()
    assert ours.poll(WITHIN_S)
    process.kill()
    process.join()
    assert schema_version(ledger_url) == versions()[-1]
    engine = create_engine(sqlalchemy_url(ledger_url))
    columns = [one["name"] for one in inspect(engine).get_columns("assessments")]
    assert "pipeline" not in columns
    engine.dispose()
    Ledger.open(ledger_url).close()
    assert_goes_on(ledger_url)


def open_and_close(ledger_url: str, start: Any) -> None:
    start.wait()
    Ledger.open(ledger_url).close()


@pytest.mark.slow
def test_parts_that_start_at_once_migrate_once(ledger_url: str) -> None:
    make(ledger_url, "0001")
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Barrier(3)
    parts = [spawn.Process(target=open_and_close, args=(ledger_url, start)) for _ in range(3)]
    for part in parts:
        part.start()
    for part in parts:
        part.join(WITHIN_S)
    assert [part.exitcode for part in parts] == [0, 0, 0]
    assert_goes_on(ledger_url)


def test_a_ledger_that_is_too_new_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = parse({"node": {"state": tmp_path}}).ledger_url
    with closing(Ledger.open(url)) as ledger:
        ledger.jobs.accept(instance(), PIPELINE)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
        connection.execute(text("UPDATE compatibility SET oldest = '0999'"))
    engine.dispose()
    assert main(["status", "--state-dir", str(tmp_path)]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "run the version that made it, or a newer one" in said
