"""A process that is slow, stopped, cut off or hangs: who keeps its job, and who takes it."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import psycopg
import pytest

from dicom_node.heartbeat import EXIT_HANGING, Heartbeat
from dicom_node.ledger import JobState, Ledger, StoredInstance
from dicom_node.ledger.work.workers import BEAT_S, LEASE_S
from dicom_node.ops.liveness import Owner
from dicom_node.ops.recovery import Recovery
from dicom_node.queueing import Queues
from dicom_node.spool import Spool
from tests.dicom_node.hearts import process

pytestmark = pytest.mark.slow

WITHIN_S = 40.0


def accept(ledger: Ledger) -> int:
    made = StoredInstance("1.1", "1.2.1", "1.3", "1.4", "1.5", "PACS", "a/b", "ab" * 32, 9)
    return ledger.jobs.accept(made, "pipeline").job_id


def job_of(ledger: Ledger, job_id: int) -> tuple[JobState, str | None, int]:
    job = ledger.jobs.get(job_id)
    assert job is not None
    return job.state, job.owner, job.deaths


def hold(ledger_url: str, run_folder: Path, job_id: int, stuck_after_s: float) -> None:
    """A worker that takes a job and never gets any further with it, while its heart beats."""
    with Owner(run_folder, "work") as owner, closing(Ledger.open(ledger_url)) as ledger:
        heartbeat = Heartbeat(ledger, process(owner.name), stuck_after_s)
        assert ledger.jobs.claim(job_id, "pipeline", owner.name, LEASE_S)
        heartbeat.jobs().take([job_id])
        heartbeat.run(threading.Event())


@contextmanager
def holder(
    ledger_url: str, run_folder: Path, job_id: int, stuck_after_s: float = 3600
) -> Iterator[BaseProcess]:
    arguments = (ledger_url, run_folder, job_id, stuck_after_s)
    worker = multiprocessing.get_context("spawn").Process(target=hold, args=arguments)
    worker.start()
    try:
        yield worker
    finally:
        worker.kill()
        worker.join()


@contextmanager
def sweeping(ledger: Ledger, folder: Path) -> Iterator[None]:
    """Recovery as another host runs it: it knows nothing of this host's processes."""
    stop = threading.Event()
    with closing(Queues("filesystem://", folder / "queue", prefetch=1)) as queues:
        recovery = Recovery(ledger, queues, Spool(folder / "spool"), folder / "other-host")
        thread = threading.Thread(target=recovery.run, args=(stop, 0.5))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def wait_until(condition: Callable[[], bool], what: str) -> float:
    """How long it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < WITHIN_S, what
        threading.Event().wait(0.05)
    return time.monotonic() - started


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_worker_of_another_host_that_falls_silent_loses_its_job_in_seconds(
    ledger_url: str, tmp_path: Path
) -> None:
    """SIGSTOP does not even close a connection: only silence tells. SIGCONT finds it robbed."""
    with closing(Ledger.open(ledger_url)) as ledger:
        job_id = accept(ledger)
        with holder(ledger_url, tmp_path / "run", job_id) as worker, sweeping(ledger, tmp_path):
            assert worker.pid is not None
            wait_until(lambda: len(ledger.workers.all()) == 1, "the worker never beat")
            os.kill(worker.pid, signal.SIGSTOP)
            took_s = wait_until(
                lambda: job_of(ledger, job_id)[0] is JobState.RECEIVED, "it was never freed"
            )
            assert took_s <= LEASE_S + 3
            assert ledger.jobs.claim(job_id, "pipeline", "other", LEASE_S)
            os.kill(worker.pid, signal.SIGCONT)
            (silent,) = ledger.workers.all()
            wait_until(lambda: ledger.workers.all()[0].beat_at > silent.beat_at, "no beat")
            assert job_of(ledger, job_id)[:2] == (JobState.ANALYZING, "other")


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_a_worker_that_hangs_ends_itself_and_counts_as_dead(
    ledger_url: str, tmp_path: Path
) -> None:
    with closing(Ledger.open(ledger_url)) as ledger:
        job_id = accept(ledger)
        with holder(ledger_url, tmp_path / "run", job_id, stuck_after_s=1.5 * BEAT_S) as worker:
            worker.join(WITHIN_S)
            assert worker.exitcode == EXIT_HANGING
        with closing(Queues("filesystem://", tmp_path / "queue", prefetch=1)) as queues:
            Recovery(ledger, queues, Spool(tmp_path / "spool"), tmp_path / "run").sweep()
        assert job_of(ledger, job_id) == (JobState.RECEIVED, None, 1)


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_after_an_outage_of_the_database_the_living_keep_what_they_hold(
    ledger_url: str, tmp_path: Path
) -> None:
    """Longer than a lease: neither the worker nor the sweeper could reach it."""
    name = ledger_url.rpartition("/")[2]
    with closing(Ledger.open(ledger_url)) as ledger:
        job_id = accept(ledger)
        with (
            holder(ledger_url, tmp_path / "run", job_id),
            sweeping(ledger, tmp_path),
            psycopg.connect(ledger_url.replace(name, "postgres"), autocommit=True) as server,
        ):
            wait_until(lambda: len(ledger.workers.all()) == 1, "the worker never beat")
            before = ledger.workers.all()[0].beat_at
            server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            away_until = time.monotonic() + LEASE_S + BEAT_S
            wait_until(lambda: time.monotonic() > away_until, "time stood still")
            server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            wait_until(lambda: ledger.workers.all()[0].beat_at > before, "no beat afterwards")
            # Long enough for the sweeper to have looked.
            beaten = ledger.workers.all()[0].beat_at
            wait_until(lambda: ledger.workers.all()[0].beat_at > beaten, "no second beat")
            state, _, deaths = job_of(ledger, job_id)
            assert (state, deaths) == (JobState.ANALYZING, 0)
