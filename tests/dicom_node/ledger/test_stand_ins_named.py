"""What goes instead of an output is named in a column, which an older ledger, and an older host,
does not know.
"""

from collections.abc import Callable
from contextlib import closing

import pytest
from sqlalchemy import create_engine, text

from dicom_node.ledger import DeliveryState, JobState, Ledger
from tests.dicom_node.ledger.old_version import sqlalchemy_url, upgrade
from tests.dicom_node.ledger.records import LEASE_S, START, claimed, output, state
from tests.dicom_node.ledger.standing_in import CHAIN, ROLES, taken

Statement = Callable[..., None]

#: As the version of 0018 wrote them: a job that waits to build what goes instead of its SEG, and
#: another destination that nothing was left for.
BEFORE = (
    "INSERT INTO jobs (id, pipeline, state, attempts, deaths, due_at, received_at, updated_at,"
    " sop_class_uid, sop_instance_uid, study_instance_uid, series_instance_uid,"
    " transfer_syntax_uid, calling_aet, path, sha256, size_bytes) VALUES"
    " (1, 'p', 'RECEIVED', 0, 0, :at, :at, :at, '1.1', '1.2', '1.3', '1.4', '1.5', 'A', 'b', 'c',"
    " 9)",
    "INSERT INTO outputs (id, job_id, role, sop_class_uid, sop_instance_uid, series_instance_uid,"
    " transfer_syntax_uid, path, sha256, size_bytes) VALUES"
    " (1, 1, 'SEG', '1.1', '1.6', '1.7', '1.5', 'd', 'e', 9),"
    " (2, 1, 'SR@de', '1.1', '1.8', '1.7', '1.5', 'd', 'e', 9)",
    "INSERT INTO deliveries (id, job_id, output_id, destination, study_instance_uid, state,"
    " attempts, due_at, updated_at, reason) VALUES"
    " (1, 1, 1, 'PACS', '1.3', 'SUBSTITUTED', 1, :at, :at, 'PACS: no SEG: PR is sent instead'),"
    " (2, 1, 2, 'PACS', '1.3', 'SUBSTITUTED', 1, :at, :at, 'no SR: SR2D@de is sent instead'),"
    " (3, 1, 1, 'B', '1.3', 'REFUSED', 1, :at, :at, 'B: PR is sent instead, and refused too')",
)


def test_the_migration_reads_it_once_out_of_the_reasons(ledger_url: str) -> None:
    engine = create_engine(sqlalchemy_url(ledger_url))
    with engine.begin() as connection:
        upgrade(connection, "0018")
        for statement in BEFORE:
            connection.execute(text(statement), {"at": START})
    with closing(Ledger.open(ledger_url)):
        pass
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT id, stand_in FROM deliveries ORDER BY id")).all()
    engine.dispose()
    assert [tuple(row) for row in rows] == [(1, "PR"), (2, "SR2D@de"), (3, None)]


@pytest.fixture
def execute(ledger: Ledger, ledger_url: str) -> Statement:
    """Something that another host does with the ledger."""
    del ledger  # it has made the tables

    def execute(statement: str) -> None:
        engine = create_engine(sqlalchemy_url(ledger_url))
        with engine.begin() as connection:
            assert connection.execute(text(statement)).rowcount == 1
        engine.dispose()

    return execute


def build_instead(ledger: Ledger, job_id: int) -> JobState:
    """Once SEG was refused and the job opened again: all is there now."""
    assert ledger.jobs.claim(job_id, "fpn-1", "w1", LEASE_S) is not None
    ledger.handover.built(job_id, "w1", [output(role) for role in ROLES], [CHAIN])
    return state(ledger, job_id)


def refuse(ledger: Ledger) -> int:
    job = claimed(ledger)
    ledger.handover.built(job.id, "w1", [output(role) for role in ("SEG", "SR", "SC")], [CHAIN])
    said = ledger.deliveries.refused(taken(ledger)["SEG"], "s1", None, "no SEG", "PR")
    assert said is DeliveryState.SUBSTITUTED
    return job.id


def test_it_is_found_whatever_the_reason_says(ledger: Ledger, execute: Statement) -> None:
    job_id = refuse(ledger)
    execute("UPDATE deliveries SET reason = 'in other words' WHERE state = 'SUBSTITUTED'")
    assert build_instead(ledger, job_id) is JobState.BUILT


def test_of_what_a_host_of_the_version_before_wrote_the_reason_is_read(
    ledger: Ledger, execute: Statement
) -> None:
    job_id = refuse(ledger)
    execute("UPDATE deliveries SET stand_in = NULL WHERE state = 'SUBSTITUTED'")
    assert build_instead(ledger, job_id) is JobState.BUILT


def test_neither_stands_in_for_what_names_nothing(ledger: Ledger, execute: Statement) -> None:
    job_id = refuse(ledger)
    execute("UPDATE deliveries SET stand_in = NULL, reason = 'no SEG' WHERE state = 'SUBSTITUTED'")
    assert build_instead(ledger, job_id) is JobState.RECEIVED
