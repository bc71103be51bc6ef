"""Loops beside each other: an end that nobody asked for is the end of all, and is told."""

import threading
from pathlib import Path

import pytest

from dicom_node.cli.node.parts import _recovered
from dicom_node.config import parse
from dicom_node.errors import ThreadEnded
from dicom_node.ledger import Ledger
from dicom_node.ledger.tables.database import Database
from dicom_node.ledger.work.jobs import Jobs
from dicom_node.queueing import Queues
from dicom_node.spool import Spool
from dicom_node.threads import Loop, beside
from tests.dicom_node.hearts import heart

pytestmark = pytest.mark.slow


def wait(stop: threading.Event) -> None:
    stop.wait()


def leave(_stop: threading.Event) -> None:
    return


def fail(_stop: threading.Event) -> None:
    raise ValueError("a bug")


def test_loops_end_with_the_block() -> None:
    stop = threading.Event()
    with beside(stop, {"one": wait, "two": wait}):
        names = {thread.name for thread in threading.enumerate()}
        assert {"one", "two"} <= names
    assert stop.is_set()
    assert not {"one", "two"} & {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("loop", [leave, fail])
def test_a_loop_that_ends_before_stops_all_and_is_named(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()
    with (
        pytest.raises(ThreadEnded, match="without being told to: frail"),
        beside(stop, {"steady": wait, "frail": loop}),
    ):
        assert stop.wait(10)
    traces = [record.exc_info for record in caplog.records if record.exc_info]
    assert len(traces) == (loop is fail)


def test_an_error_in_the_block_ends_the_loops_and_is_raised() -> None:
    stop = threading.Event()
    with pytest.raises(KeyError), beside(stop, {"one": wait}):
        raise KeyError("bug")
    assert stop.is_set()


class Ending(Jobs):
    """Ends whichever thread counts what waits, but the first."""

    calls = 0

    def count_waiting(self) -> dict[str, int]:
        self.calls += 1
        if self.calls > 1:
            raise SystemExit("no more sweeps")
        return super().count_waiting()


def test_a_part_whose_recovery_ends_ends_itself(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    ledger = Ledger(database)
    ledger.jobs = Ending(database)
    queues = Queues("filesystem://", tmp_path / "queue", prefetch=1)
    config, stop = parse({"node": {"state": tmp_path}}), threading.Event()
    spool = Spool(tmp_path / "spool")
    with (
        pytest.raises(ThreadEnded, match="recovery"),
        _recovered(config, spool, ledger, queues, heart(ledger, "worker"), stop),
    ):
        assert stop.wait(20)
