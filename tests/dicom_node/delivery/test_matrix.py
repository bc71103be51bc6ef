"""Whatever a destination does in the midst of a stream of results, nothing is lost and nothing
doubled, and a destination beside it gets all of its own meanwhile.

A test a row, on SQLite and on PostgreSQL; the sender, its ledger and the destinations are real. The
ledger's clock is set forward, so that what is to be tried again in minutes is tried in seconds.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from dicom_node.delivery.sender import Sender
from dicom_node.demo.pacs import Pacs
from dicom_node.ledger import DeliveryState, Ledger, Progress
from dicom_node.queueing import Queues
from tests.dicom_node.delivery.archive import Archive
from tests.dicom_node.delivery.bench import Bench, at, wait_until
from tests.dicom_node.hearts import heart

pytestmark = pytest.mark.slow

#: Of a stream: before the fault, while it lasts, after it.
JOBS = (2, 3, 2)
#: Real seconds for all to end, on a machine with much else to do.
WITHIN_S = 90.0


class Fault:
    """What the archive does for as long as it lasts."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.lasts = False
        self._released = threading.Event()

    def begin(self) -> None:
        self.lasts = True

    def end(self) -> None:
        self.lasts = False
        self._released.set()


class Down(Fault):
    def begin(self) -> None:
        self.archive.stop()

    def end(self) -> None:
        self.archive.start()


class Refusing(Fault):
    def begin(self) -> None:
        def refuse(event: Any) -> None:
            if self.lasts:
                event.assoc.acse.send_reject(0x02, 0x03, 0x02)
                event.assoc.kill()

        super().begin()
        self.archive.on_request = refuse


class Storing(Fault):
    """Does something else as it is to store."""

    def begin(self) -> None:
        super().begin()
        self.archive.on_store = lambda event: self.store(event) if self.lasts else 0x0000

    def store(self, event: Any) -> int:
        raise NotImplementedError


class AbortingBeforeItStores(Storing):
    def store(self, event: Any) -> int:
        event.assoc.abort()
        return 0xA700


class AbortingAfterItStored(Storing):
    """Its answer is lost: nobody knows whether the instance is there."""

    def store(self, event: Any) -> int:
        event.assoc.abort()
        return 0x0000


class Hanging(Storing):
    def store(self, event: Any) -> int:  # noqa: ARG002 - of the handler
        self._released.wait()
        return 0xA700


class Slow(Storing):
    def store(self, event: Any) -> int:  # noqa: ARG002 - of the handler
        self._released.wait(1)
        return 0x0000


def answering(status: int) -> type[Storing]:
    """To each instance once: a fault that passes."""

    class Answering(Storing):
        def store(self, event: Any) -> int:
            uid = event.request.AffectedSOPInstanceUID
            return status if self.archive.arrived[uid] == 1 else 0x0000

    return Answering


ROWS: dict[str, type[Fault]] = {
    "down": Down,
    "refusing": Refusing,
    "aborting before it stores": AbortingBeforeItStores,
    "aborting after it stored": AbortingAfterItStored,
    "hanging": Hanging,
    "slow": Slow,
} | {
    f"answering {status:#06x} once": answering(status)
    for status in (0xA700, 0x0110, 0x0124, 0x0213, 0xA900, 0xC000, 0xFE00, 0x0117, 0x1234)
}


@pytest.fixture
def bench(tmp_path: Path, ledger_url: str) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    bench.ledger.close()
    with closing(Ledger.open(ledger_url, bench.clock)) as bench.ledger:
        yield bench


@contextmanager
def sending(bench: Bench, *destinations: Any) -> Iterator[Sender]:
    queues = Queues("filesystem://", bench.folder / "queue", prefetch=1)
    owner = heart(bench.ledger, "sender")
    sender = Sender("CXRNODE", destinations, bench.spool, bench.ledger, queues, owner)
    stop, beating = threading.Event(), threading.Event()
    threads = [
        threading.Thread(target=sender.run, args=(stop,)),
        threading.Thread(target=owner.run, args=(beating,)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield sender
    finally:
        stop.set()
        threads[0].join()
        beating.set()
        threads[1].join()
        queues.close()


@pytest.mark.parametrize("row", ROWS)
def test_no_fault_of_a_destination_loses_or_doubles_a_result(
    bench: Bench, archive: Archive, pacs: Pacs, row: str
) -> None:
    fault = ROWS[row](archive)
    to = archive.destination("faulty", verify="query")
    before, during, after = JOBS
    with sending(bench, to, at(pacs)) as sender:
        jobs = stream(bench, sender, before, to, at(pacs))
        wait_until(lambda: len(archive.held) == 3 * before, WITHIN_S)
        fault.begin()
        jobs += stream(bench, sender, during, to, at(pacs))
        # Beside it, nobody waits for its end.
        pacs.wait_for(lambda stored: len(stored) == 3 * len(jobs), WITHIN_S)
        wait_until(lambda: has_met(bench, jobs, row), WITHIN_S)
        fault.end()
        jobs += stream(bench, sender, after, to, at(pacs))
        # Before time is hurried on: no lease would outlast it, not of what is at the PACS just now.
        wait_until(lambda: waits_for_none(bench, jobs, "pacs"), WITHIN_S)
        wait_until(lambda: hurried(bench, sender, lambda: all_there(bench, jobs)), WITHIN_S)
    built = [d.sop_instance_uid for job in jobs for d in bench.ledger.deliveries.of_job(job)
             if d.destination == "faulty"]  # fmt: skip
    assert archive.held == set(built)
    # Asked before it is sent again, it shows what came without an answer.
    if row == "aborting after it stored":
        assert set(archive.arrived.values()) == {1}
    assert len({one.sop_instance_uid for one in pacs.stored}) == len(pacs.stored) == 3 * len(jobs)


def stream(bench: Bench, sender: Sender, count: int, *destinations: Any) -> list[int]:
    jobs = []
    for _ in range(count):
        jobs.append(bench.build(*destinations))
        sender.ring()
    return jobs


def has_met(bench: Bench, jobs: list[int], row: str) -> bool:
    """Whether the fault has been met with; who is slow gets all the same."""
    reasons = [d.reason for job in jobs for d in bench.ledger.deliveries.of_job(job)]
    return row == "slow" or any(reasons)


def waits_for_none(bench: Bench, jobs: list[int], destination: str) -> bool:
    deliveries = [d for job in jobs for d in bench.ledger.deliveries.of_job(job)]
    return DeliveryState.WAITING not in {
        d.state for d in deliveries if d.destination == destination
    }


def all_there(bench: Bench, jobs: list[int]) -> bool:
    found = bench.ledger.deliveries.progress(jobs)
    return set(found.values()) == {Progress.DELIVERED}


def hurried(bench: Bench, sender: Sender, condition: Callable[[], bool]) -> bool:
    if condition():
        return True
    bench.clock.advance(10)
    sender.ring()
    return False
