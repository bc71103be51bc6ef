"""Migrations make the schema of the code, of any earlier one, and leave a newer one alone."""

from contextlib import closing
from dataclasses import replace

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from dicom_node.errors import UsageError
from dicom_node.ledger import (
    JobState,
    Ledger,
    Progress,
)
from dicom_node.ledger.tables.migrate import MIGRATIONS
from dicom_node.ledger.tables.schema import HEAD, metadata
from tests.dicom_node.ledger.records import (
    LEASE_S,
    PIPELINE,
    START,
    instance,
    progress,
    state,
)

pytestmark = pytest.mark.slow


def sqlalchemy_url(ledger_url: str) -> str:
    return ledger_url.replace("postgresql://", "postgresql+psycopg://")


def test_the_migrations_make_exactly_the_schema_of_the_code(
    ledger: Ledger, ledger_url: str
) -> None:
    del ledger  # it has made the tables
    engine = create_engine(sqlalchemy_url(ledger_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_head_that_the_code_knows_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_first_ledger_is_migrated_and_goes_on_where_it_was(ledger_url: str) -> None:
    engine = create_engine(sqlalchemy_url(ledger_url))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in FIRST_LEDGER:
            connection.execute(text(statement), {"at": START})
    engine.dispose()
    with closing(Ledger.open(ledger_url)) as ledger:
        assert progress(ledger, 1) is Progress.WAITING
        (delivery,) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
        assert (delivery.role, delivery.stands_in_for) == ("SEG", None)
        ledger.deliveries.delivered(delivery.id, "s1", 0x0000)
        assert progress(ledger, 1) is Progress.DELIVERED
        # New evidence opens what was delivered before the migration.
        corrected = replace(instance(sha256="ff" * 32), sop_instance_uid="1.2")
        assert ledger.jobs.accept(corrected, "p").is_reopened
        (before,) = ledger.issues.earlier(1, ()).sources
        assert (before.issue, before.sha256) == (0, "c")


#: A job that waits for its delivery, as the first version of the ledger wrote it.
FIRST_LEDGER = (
    "INSERT INTO jobs (id, pipeline, state, attempts, deaths, due_at, received_at, updated_at,"
    " sop_class_uid, sop_instance_uid, study_instance_uid, series_instance_uid,"
    " transfer_syntax_uid, calling_aet, path, sha256, size_bytes) VALUES"
    " (1, 'p', 'BUILT', 1, 0, :at, :at, :at, '1.1', '1.2', '1.3', '1.4', '1.5', 'A', 'b', 'c', 9)",
    "INSERT INTO outputs (id, job_id, role, sop_class_uid, sop_instance_uid, series_instance_uid,"
    " transfer_syntax_uid, path, sha256, size_bytes) VALUES"
    " (1, 1, 'SEG', '1.1', '1.6', '1.7', '1.5', 'd', 'e', 9)",
    "INSERT INTO deliveries (id, job_id, output_id, destination, study_instance_uid, state,"
    " attempts, due_at, updated_at) VALUES (1, 1, 1, 'PACS', '1.3', 'WAITING', 0, :at, :at)",
)


def migrated_by_another(ledger_url: str, *statements: str) -> None:
    engine = create_engine(sqlalchemy_url(ledger_url))
    with engine.begin() as connection:
        for statement in ("UPDATE alembic_version SET version_num = '0999'", *statements):
            connection.execute(text(statement))
    engine.dispose()


def test_a_newer_ledger_is_used_while_its_migrations_have_only_added(
    ledger: Ledger, ledger_url: str
) -> None:
    ledger.close()
    migrated_by_another(ledger_url, "ALTER TABLE jobs ADD COLUMN later TEXT")
    with closing(Ledger.open(ledger_url)) as started_again:
        assert started_again.jobs.accept(instance(), PIPELINE).is_new


def test_a_newer_ledger_that_this_code_would_misread_is_refused(
    ledger: Ledger, ledger_url: str
) -> None:
    ledger.close()
    migrated_by_another(ledger_url, "UPDATE compatibility SET oldest = '0999'")
    with pytest.raises(UsageError, match="schema 0999"):
        Ledger.open(ledger_url)


def test_a_reopened_ledger_knows_what_it_knew(ledger_url: str) -> None:
    with closing(Ledger.open(ledger_url)) as ledger:
        job_id = ledger.jobs.accept(instance(), PIPELINE).job_id
    with closing(Ledger.open(ledger_url)) as ledger:
        assert state(ledger, job_id) is JobState.RECEIVED
        assert [job.id for job in ledger.jobs.of_instance("1.2.3.1")] == [job_id]
