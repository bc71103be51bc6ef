"""The transition tables, races and outages, on both databases."""

import multiprocessing
import threading
import traceback
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import replace
from itertools import product
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text, update

from dicom_node.errors import LedgerUnavailable, UsageError
from dicom_node.ledger import (
    DeliveryState,
    Event,
    IllegalTransition,
    JobState,
    Ledger,
    Progress,
)
from dicom_node.ledger.tables.database import Database
from dicom_node.ledger.tables.looking import schema_version
from dicom_node.ledger.tables.migrate import ADVISORY_LOCK
from dicom_node.ledger.tables.schema import jobs
from dicom_node.ledger.tables.states import (
    DELIVERY_TRANSITIONS,
    JOB_TRANSITIONS,
    delivery_after,
    job_after,
)
from tests.dicom_node.ledger.records import (
    LEASE_S,
    PIPELINE,
    built,
    claimed,
    happened,
    instance,
    output,
    state,
    to,
)

pytestmark = pytest.mark.slow

# The transition tables


@pytest.mark.parametrize(("before", "event"), list(product(JobState, Event)))
def test_a_job_changes_only_as_its_table_says(before: JobState, event: Event) -> None:
    if (before, event) in JOB_TRANSITIONS:
        assert job_after(before, event) is JOB_TRANSITIONS[before, event]
    else:
        with pytest.raises(IllegalTransition, match=f"a job that is {before}"):
            job_after(before, event)


@pytest.mark.parametrize(("before", "event"), list(product(DeliveryState, Event)))
def test_a_delivery_changes_only_as_its_table_says(before: DeliveryState, event: Event) -> None:
    if (before, event) in DELIVERY_TRANSITIONS:
        assert delivery_after(before, event) is DELIVERY_TRANSITIONS[before, event]
    else:
        with pytest.raises(IllegalTransition, match=f"a delivery that is {before}"):
            delivery_after(before, event)


def test_what_has_ended_begins_again_only_for_a_reason() -> None:
    final = {JobState.BUILT, JobState.SKIPPED, JobState.FAILED}
    reasons = {event for before, event in JOB_TRANSITIONS if before in final}
    evidence, person = (
        {Event.REOPENED, Event.REJECTED, Event.OUTDATED},
        {Event.REPEATED, Event.OVERRIDDEN, Event.REQUEUED},
    )
    assert reasons == {Event.REBUILD, Event.STANDING_IN, *evidence, *person}
    missing = {DeliveryState.REFUSED, DeliveryState.DEAD}
    reasons = {event for before, event in DELIVERY_TRANSITIONS if before in missing}
    assert reasons == {Event.REQUEUED, Event.REBUILT, Event.WITHDRAWN, Event.STANDS}
    arrived = {DeliveryState.DELIVERED, DeliveryState.SUBSTITUTED}
    reasons = {event for before, event in DELIVERY_TRANSITIONS if before in arrived}
    assert reasons == {Event.REQUEUED, Event.TO_BE_RETRACTED, Event.RETRACTED, Event.WITHDRAWN}
    reasons = {e for before, e in DELIVERY_TRANSITIONS if before is DeliveryState.WITHDRAWN}
    assert reasons == {Event.REQUEUED, Event.RESERVED}
    assert not [before for before, _ in DELIVERY_TRANSITIONS if before is DeliveryState.RETRACTED]


# Races


def accept_and_claim(url: str, worker: str, count: int) -> tuple[list[int], list[int]]:
    """One process of several on the same instances: the jobs it was first to accept, to claim."""
    with closing(Ledger.open(url)) as ledger:
        accepted = [ledger.jobs.accept(instance(number), PIPELINE) for number in range(count)]
        jobs = [ledger.jobs.claim(a.job_id, PIPELINE, worker, LEASE_S) for a in accepted]
    return [a.job_id for a in accepted if a.is_new], [job.id for job in jobs if job]


def test_processes_that_race_make_one_job_of_an_instance_and_claim_it_once(
    ledger_url: str,
) -> None:
    count, workers = 25, [f"w{number}" for number in range(4)]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(workers), mp_context=spawn) as pool:
        # The ledger does not exist yet: they race to make it, too.
        runs = [pool.submit(accept_and_claim, ledger_url, worker, count) for worker in workers]
        results = [run.result() for run in runs]
    made = [job_id for accepted, _ in results for job_id in accepted]
    taken = [job_id for _, claims in results for job_id in claims]
    assert len(made) == len(set(made)) == count
    assert sorted(taken) == sorted(made)


def test_two_destinations_that_finish_at_once_end_the_job(ledger: Ledger) -> None:
    destinations = ("A", "B", "C")
    job_ids = [built(ledger, *destinations, roles="S", number=number) for number in range(8)]

    def deliver(destination: str) -> None:
        for _ in job_ids:
            (delivery,) = ledger.deliveries.claim(destination, destination, LEASE_S, 1)
            barrier.wait()
            ledger.deliveries.delivered(delivery.id, destination, 0x0000)

    barrier = threading.Barrier(len(destinations), timeout=30)
    with ThreadPoolExecutor(len(destinations)) as pool:
        list(pool.map(deliver, destinations))
    assert set(ledger.deliveries.progress(job_ids).values()) == {Progress.DELIVERED}


def test_two_senders_of_one_destination_never_take_the_same_delivery(ledger: Ledger) -> None:
    for number in range(10):
        built(ledger, "PACS", roles="AB", number=number)

    def take(owner: str) -> list[int]:
        taken: list[int] = []
        while ledger.deliveries.next_due("PACS"):
            taken += [d.id for d in ledger.deliveries.claim("PACS", owner, LEASE_S, 3)]
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [delivery for ids in pool.map(take, "abcd") for delivery in ids]
    assert len(taken) == len(set(taken)) == 20


# A database that goes away


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_a_url_that_names_no_ledger_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError):
        Ledger.open(url)


def test_a_database_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable):
        Ledger.open("postgresql://nobody@127.0.0.1:1/nothing")
    (tmp_path / "ledger").write_bytes(b"not a database, but long enough to have a header" * 99)
    # It will not become one by waiting.
    with pytest.raises(UsageError, match="not a database"):
        Ledger.open(f"sqlite:///{tmp_path / 'ledger'}")


def test_a_sqlite_ledger_that_another_process_holds_is_unavailable_for_as_long(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}?timeout=0.1"
    holder = create_engine(url)
    with closing(Ledger.open(url)) as ledger:
        with holder.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.execute(update(jobs).values(attempts=0))
            with pytest.raises(LedgerUnavailable, match="locked"):
                ledger.jobs.accept(instance(), PIPELINE)
            connection.rollback()
        assert ledger.jobs.accept(instance(), PIPELINE).is_new
    holder.dispose()


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_postgresql_that_drops_every_connection_is_used_again(
    ledger: Ledger, ledger_url: str
) -> None:
    ledger.jobs.accept(instance(1), PIPELINE)
    with psycopg.connect(ledger_url, autocommit=True) as server:
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert ledger.jobs.accept(instance(2), PIPELINE).is_new


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_lock_on_a_table_makes_the_ledger_unavailable_and_not_silent(
    ledger: Ledger, ledger_url: str
) -> None:
    with psycopg.connect(ledger_url) as other:
        other.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(LedgerUnavailable, match="lock timeout"):
            ledger.jobs.accept(instance(), PIPELINE)
    assert ledger.jobs.accept(instance(), PIPELINE).is_new


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_postgresql_that_does_not_answer_is_given_up_and_asked_again(ledger_url: str) -> None:
    """As one that is frozen, which tests/system/faults does."""
    with closing(Database.open(ledger_url, answer_within_s=1)) as database:
        with (
            pytest.raises(LedgerUnavailable, match="no answer within 1 s"),
            database.write() as connection,
        ):
            connection.execute(text("SELECT pg_sleep(60)"))
        with database.write() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_migration_of_another_is_waited_for_however_long_it_takes(ledger_url: str) -> None:
    with psycopg.connect(ledger_url) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
        opening = pool.submit(Database.open, ledger_url, answer_within_s=0.5)
        # It would have been given up by then.
        assert not wait([opening], timeout=2).done
        other.rollback()
        opening.result().close()


def test_what_was_not_committed_is_not_there(ledger: Ledger) -> None:
    job = claimed(ledger)
    broken = replace(output("SR"), path=None)  # type: ignore[arg-type]  # what the schema refuses
    with pytest.raises(Exception, match=r"(?i)not.null"):
        ledger.handover.built(job.id, "w1", [output("SEG"), broken], to("PACS"))
    assert state(ledger, job.id) is JobState.ANALYZING
    assert happened(ledger, job.id) == ["received", "claimed"]


def test_sqlite_holds_to_foreign_keys_and_syncs_every_commit(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    with closing(Database.open(url)) as ledger, ledger.read() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert pragmas == ["wal", 2, 1, 4000]


@pytest.mark.parametrize(
    "url",
    ["postgresql://u:pw@x:SECRET@127.0.0.1/cxr", "postgresql://127.0.0.1/cxr?SECRET=1",
     "postgresql:SECRET", "postgresql://127.0.0.1:70000/cxr", "postgresql://127.0.0.1:0/cxr"],
)  # fmt: skip
def test_a_url_that_cannot_be_understood_is_not_quoted(url: str) -> None:
    for use in (Ledger.open, schema_version):
        with pytest.raises(UsageError, match="the ledger's URL") as raised:
            use(url)
        assert "SECRET" not in "".join(traceback.format_exception(raised.value))
