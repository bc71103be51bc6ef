"""What the worker stands on goes away while it works: nothing is done twice, no try is counted."""

import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dicom_node.config.profiles import STANDARD
from dicom_node.errors import UNKNOWN_TRIES
from dicom_node.ledger import JobState, Ledger
from inference.engines import Engine, ProbabilityMaps
from tests.dicom_node.bench import Bench
from tests.dicom_node.radiographs import file_bytes, radiograph
from tests.system.waiting import wait_until

pytestmark = pytest.mark.slow


class Locking:
    """The real networks; while they run, another process takes the ledger and keeps it."""

    def __init__(self, engine: Engine, other: sqlite3.Connection) -> None:
        self.size, self.models = engine.size, engine.models
        self._engine = engine
        self._other = other

    def segment(self, image: NDArray[np.float32]) -> ProbabilityMaps:
        self._other.execute("BEGIN IMMEDIATE")
        return self._engine.segment(image)


def test_what_was_done_while_the_ledger_was_away_is_not_done_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    file = bench.folder / "ledger.sqlite"
    bench.ledger.close()
    bench.ledger = Ledger.open(f"sqlite:///{file}?timeout=0.1", bench.clock)
    with closing(sqlite3.connect(file, check_same_thread=False)) as other:

        def give_back() -> None:
            wait_until(lambda: "waits for the ledger" in caplog.messages, 60, "the worker to wait")
            other.rollback()

        thread = threading.Thread(target=give_back)
        thread.start()
        job = bench.work(job_id, STANDARD, engine=Locking(bench.engine, other))
        thread.join()
    assert (job.state, job.attempts) == (JobState.BUILT, 1)
    events = [entry.event for entry in bench.ledger.reports.events(job_id)]
    assert events[:3] == ["received", "claimed", "results handed over"]


class Unmounting:
    """A device while which works the spool goes away."""

    def __init__(self, engine: Engine, spool: Path) -> None:
        self.size, self.models = engine.size, engine.models
        self._engine = engine
        self._spool = spool

    def segment(self, image: NDArray[np.float32]) -> ProbabilityMaps:
        self._spool.rename(self._spool.with_name("away"))
        return self._engine.segment(image)


def test_what_was_done_while_the_spool_was_away_is_not_done_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    spool = bench.folder / "spool"

    def give_back() -> None:
        wait_until(lambda: "waits for the spool" in caplog.messages, 60, "the worker to wait")
        spool.with_name("away").rename(spool)

    thread = threading.Thread(target=give_back)
    thread.start()
    job = bench.work(job_id, STANDARD, engine=Unmounting(bench.engine, spool))
    thread.join()
    assert (job.state, job.attempts) == (JobState.BUILT, 1)
    assert bench.states(job_id)["SEG"] == "WAITING"


def test_a_spool_that_is_away_counts_no_try(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    spool = bench.folder / "spool"
    spool.rename(spool.with_name("away"))
    job = bench.work(job_id, STANDARD)
    assert (job.state, job.attempts) == (JobState.RECEIVED, 0)
    spool.with_name("away").rename(spool)
    bench.clock.ahead += timedelta(seconds=10)
    assert bench.work(job_id, STANDARD).state is JobState.BUILT


def test_a_received_file_with_io_errors_ends_with_a_reason(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    job = bench.ledger.jobs.get(job_id)
    assert job is not None
    file = bench.spool.resolve(job.path)
    file.unlink()
    # EIO, as over a bad sector: see test_spool.
    file.symlink_to("/proc/self/mem")
    for _ in range(UNKNOWN_TRIES):
        assert job.state is JobState.RECEIVED
        job = bench.work(job_id, STANDARD)
        bench.clock.ahead += timedelta(hours=1)
    assert job.state is JobState.FAILED
    assert "Input/output error; send the image again" in (job.reason or "")


class Suspended:
    """A device whose host is suspended while it works, until all think that it is dead.

    `engine`: what it has after it; None: it fails.
    """

    def __init__(self, bench: Bench, engine: Engine | None) -> None:
        self.size, self.models = bench.engine.size, bench.engine.models
        self._bench = bench
        self._engine = engine

    def segment(self, image: NDArray[np.float32]) -> ProbabilityMaps:
        self._bench.clock.ahead += timedelta(hours=1)
        assert self._bench.ledger.jobs.free_expired()
        if self._engine is None:
            raise RuntimeError("the device is gone")
        return self._engine.segment(image)


@pytest.mark.parametrize("fails", [False, True])
def test_a_host_that_is_suspended_again_and_again_kills_no_image(
    bench: Bench, *, fails: bool
) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    suspended = Suspended(bench, None if fails else bench.engine)
    for _ in range(UNKNOWN_TRIES):
        job = bench.work(job_id, STANDARD, engine=suspended)
        assert (job.state, job.deaths) == (JobState.RECEIVED, 0)
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
