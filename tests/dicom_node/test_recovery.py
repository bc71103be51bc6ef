"""Recovery, with the services of one host and with those of several: nothing stays stranded."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event as ProcessEvent
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from dicom_node.errors import UNKNOWN_TRIES
from dicom_node.ledger import BuiltOutput, JobState, Ledger, Route, StoredInstance
from dicom_node.ledger.work.workers import LEASE_S
from dicom_node.ops.liveness import Owner, dead_owners
from dicom_node.ops.recovery import LONGEST_GAP, LOST_AFTER, Recovery
from dicom_node.queueing import Kind, Queues
from dicom_node.spool import LEFTOVER_AGE, Spool

pytestmark = pytest.mark.parametrize(
    ("ledger_url", "broker_url"),
    [("sqlite", "embedded"), ("postgresql", "rabbitmq")],
    indirect=True,
)

WITHIN_S = 20.0


class Clock:
    """The real time, which a test may set forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(ledger_url: str, clock: Clock) -> Iterator[Ledger]:
    with closing(Ledger.open(ledger_url, clock)) as opened:
        yield opened


@pytest.fixture
def queues(broker_url: str, queue_prefix: str, tmp_path: Path) -> Iterator[Queues]:
    with closing(Queues(broker_url, tmp_path / "queue", 1, queue_prefix)) as made:
        yield made


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def recovery(ledger: Ledger, queues: Queues, run_folder: Path, tmp_path: Path) -> Recovery:
    return Recovery(ledger, queues, Spool(tmp_path / "spool"), run_folder)


def let_pass(recovery: Recovery, clock: Clock, seconds: float) -> None:
    """Time, in which recovery sweeps as often as it does."""
    while seconds > 0:
        step = min(seconds, LONGEST_GAP.total_seconds() / 2)
        clock.ahead += timedelta(seconds=step)
        seconds -= step
        recovery.sweep()


def accept(ledger: Ledger, number: int = 1) -> int:
    made = StoredInstance("1.1", f"1.2.{number}", "1.3", "1.4", "1.5", "PACS", "a/b", "ab" * 32, 9)
    return ledger.jobs.accept(made, "pipeline").job_id


def state(ledger: Ledger, job_id: int) -> JobState:
    job = ledger.jobs.get(job_id)
    assert job is not None
    return job.state


def work_and_hang(ledger_url: str, run_folder: Path, job_id: int, claimed: ProcessEvent) -> None:
    with Owner(run_folder, "work") as owner, closing(Ledger.open(ledger_url)) as ledger:
        assert ledger.jobs.claim(job_id, "pipeline", owner.name, LEASE_S)
        claimed.set()
        threading.Event().wait()


def kill_a_worker_that_holds(ledger_url: str, run_folder: Path, job_id: int) -> None:
    spawn = multiprocessing.get_context("spawn")
    claimed = spawn.Event()
    worker = spawn.Process(target=work_and_hang, args=(ledger_url, run_folder, job_id, claimed))
    worker.start()
    assert claimed.wait(WITHIN_S)
    assert dead_owners(run_folder) == []
    worker.kill()
    worker.join()


def test_the_first_sweep_takes_back_what_a_killed_worker_held(
    recovery: Recovery, ledger: Ledger, queues: Queues, ledger_url: str, run_folder: Path
) -> None:
    job_id = accept(ledger)
    kill_a_worker_that_holds(ledger_url, run_folder, job_id)
    recovery.sweep()
    assert state(ledger, job_id) is JobState.RECEIVED
    assert queues.depth(Kind.JOB, "pipeline") == 1
    assert list(run_folder.iterdir()) == []


def test_what_a_living_worker_holds_is_left_alone(
    recovery: Recovery, ledger: Ledger, queues: Queues, run_folder: Path
) -> None:
    job_id = accept(ledger)
    with Owner(run_folder, "work") as owner:
        ledger.jobs.claim(job_id, "pipeline", owner.name, LEASE_S)
        recovery.sweep()
        assert state(ledger, job_id) is JobState.ANALYZING
    assert queues.depth(Kind.JOB, "pipeline") == 0


def test_a_lease_that_ran_out_is_freed_wherever_its_owner_was(
    recovery: Recovery, ledger: Ledger, queues: Queues, clock: Clock
) -> None:
    job_id = accept(ledger)
    ledger.jobs.claim(job_id, "pipeline", "another-host:work:1", LEASE_S)
    let_pass(recovery, clock, LEASE_S + 1)
    assert state(ledger, job_id) is JobState.RECEIVED
    assert queues.depth(Kind.JOB, "pipeline") == 1


def test_an_image_that_kills_every_worker_is_given_up_and_said(
    recovery: Recovery, ledger: Ledger, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = accept(ledger)
    for number in range(UNKNOWN_TRIES + 1):
        assert state(ledger, job_id) is JobState.RECEIVED
        assert ledger.jobs.claim(job_id, "pipeline", f"another-host:work:{number}", LEASE_S)
        let_pass(recovery, clock, LEASE_S + 1)
    assert state(ledger, job_id) is JobState.FAILED
    assert caplog.records[-1].message == "failed for good"


def test_the_deliveries_of_a_dead_sender_are_due_again(
    recovery: Recovery, ledger: Ledger, clock: Clock
) -> None:
    job_id = accept(ledger)
    ledger.jobs.claim(job_id, "pipeline", "worker", LEASE_S)
    output = BuiltOutput("SEG", "1.6", "1.7", "1.8", "1.9", "c/d", "cd" * 32, 9)
    ledger.handover.built(job_id, "worker", [output], [Route("PACS", ["SEG"])])
    ledger.deliveries.claim("PACS", "another-host:send:1", LEASE_S, 10)
    recovery.sweep()
    assert ledger.deliveries.next_due("PACS") is None
    let_pass(recovery, clock, LEASE_S + 1)
    assert ledger.deliveries.next_due("PACS") is not None


def test_an_id_that_the_broker_lost_is_published_again(
    recovery: Recovery, ledger: Ledger, queues: Queues, clock: Clock
) -> None:
    accept(ledger)
    recovery.sweep()
    # Its listener may be just about to publish it.
    assert queues.depth(Kind.JOB, "pipeline") == 0
    clock.ahead += LOST_AFTER + timedelta(seconds=1)
    recovery.sweep()
    recovery.sweep()
    assert queues.depth(Kind.JOB, "pipeline") == 1


def test_the_broker_is_given_no_more_ids_than_it_lacks(
    recovery: Recovery, ledger: Ledger, queues: Queues, clock: Clock
) -> None:
    for number in range(20):
        job_id = accept(ledger, number)
        if number < 15:
            queues.publish(Kind.JOB, job_id, "pipeline")
    for _ in range(5):
        clock.ahead += LOST_AFTER + timedelta(seconds=1)
        recovery.sweep()
    assert queues.depth(Kind.JOB, "pipeline") == 20


@pytest.mark.usefixtures("broker_url")
def test_a_broker_that_is_away_does_not_keep_leases_from_being_freed(
    ledger: Ledger, run_folder: Path, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = accept(ledger)
    ledger.jobs.claim(job_id, "pipeline", "another-host:work:1", LEASE_S)
    away = Queues("amqp://127.0.0.1:1//", None, prefetch=1)
    recovery = Recovery(ledger, away, Spool(tmp_path / "spool"), run_folder)
    let_pass(recovery, clock, LEASE_S + 1)
    assert state(ledger, job_id) is JobState.RECEIVED
    assert "could not republish" in caplog.text
    # Not marked as published: the next sweep will hand it over at once.
    assert ledger.jobs.waiting("pipeline", 10, clock() - LOST_AFTER) == [job_id]


def test_old_leftovers_in_the_spool_are_removed(
    recovery: Recovery, clock: Clock, tmp_path: Path
) -> None:
    leftover = tmp_path / "spool" / "tmp" / "tmpabc"
    leftover.write_bytes(b"half")
    recovery.sweep()
    assert leftover.exists()
    clock.ahead += LEFTOVER_AGE + timedelta(minutes=1)
    recovery.sweep()
    assert not leftover.exists()


def test_sweeping_goes_on_after_the_ledger_was_away(
    ledger_url: str,
    queues: Queues,
    run_folder: Path,
    tmp_path: Path,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    limit = "?timeout=0.05" if ledger_url.startswith("sqlite") else "?options=-clock_timeout=50"
    hold = (
        "BEGIN EXCLUSIVE"
        if ledger_url.startswith("sqlite")
        else "LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"
    )
    holder = create_engine(ledger_url.replace("postgresql://", "postgresql+psycopg://"))
    stop = threading.Event()
    with closing(Ledger.open(ledger_url + limit, clock)) as ledger:
        accept(ledger)
        clock.ahead += LOST_AFTER + timedelta(seconds=1)
        recovery = Recovery(ledger, queues, Spool(tmp_path / "spool"), run_folder)
        sweeper = threading.Thread(target=recovery.run, args=(stop, 0.01))
        with holder.connect() as connection:
            connection.exec_driver_sql(hold)
            sweeper.start()
            wait_for(lambda: "could not sweep" in caplog.text)
            connection.rollback()
        wait_for(lambda: queues.depth(Kind.JOB, "pipeline") == 1)
        stop.set()
        sweeper.join()
    holder.dispose()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        threading.Event().wait(0.01)


def test_a_clock_that_is_set_back_keeps_no_job_waiting(
    recovery: Recovery, ledger: Ledger, queues: Queues, clock: Clock
) -> None:
    accept(ledger, 1)  # published, and lost by the broker
    put_off = accept(ledger, 2)
    ledger.jobs.claim(put_off, "pipeline", "worker", LEASE_S)
    ledger.jobs.released(put_off, "worker", "a try", ledger.now() + timedelta(seconds=60))
    clock.ahead -= timedelta(hours=1)
    recovery.sweep()
    assert queues.depth(Kind.JOB, "pipeline") == 2
    assert ledger.jobs.claim(put_off, "pipeline", "worker", LEASE_S) is not None


def test_while_the_ledger_takes_no_beats_no_lease_has_ended(
    ledger: Ledger, queues: Queues, clock: Clock, tmp_path: Path
) -> None:
    """It is read-only, or locked by another program: whoever holds the job cannot renew it."""
    silent_s = LEASE_S
    spool = Spool(tmp_path / "spool")
    recovery = Recovery(ledger, queues, spool, tmp_path / "run", lambda: silent_s)
    job_id = accept(ledger)
    ledger.jobs.claim(job_id, "pipeline", "elsewhere", LEASE_S)
    let_pass(recovery, clock, 4 * LEASE_S)
    assert state(ledger, job_id) is JobState.ANALYZING
    # Now it takes them, and of `elsewhere` comes none.
    silent_s = 0.0
    let_pass(recovery, clock, 2 * LEASE_S)
    assert state(ledger, job_id) is JobState.RECEIVED
