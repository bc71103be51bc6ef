"""What is wrong in the sender itself, and that neither a delivery nor the sender hangs for it."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from dicom_node.config import Destination
from dicom_node.delivery.kinds import Channel
from dicom_node.delivery.loop import DECLINED_TRIES, DeliveryLoop
from dicom_node.delivery.outcome import Fate, Outcome
from dicom_node.delivery.sender import Sender
from dicom_node.delivery.sending import Sending
from dicom_node.demo.pacs import Pacs
from dicom_node.errors import ThreadEnded
from dicom_node.ledger import Delivery, DeliveryState, Ledger
from dicom_node.ledger.sending.deliveries import Deliveries
from dicom_node.ledger.tables.database import Database
from dicom_node.queueing import Queues
from tests.dicom_node.delivery.bench import Bench, arrived, at, delivery_of, wait_until
from tests.dicom_node.hearts import heart

pytestmark = pytest.mark.slow


class BuggyCarrier:
    """Of a kind of destination whose channels do not open, or not close, as nobody foresaw."""

    def __init__(self, channel: Channel | None = None) -> None:
        self._channel = channel

    @contextmanager
    def open(self, deliveries: Sequence[Delivery]) -> Iterator[Channel]:  # noqa: ARG002 - of the protocol
        if self._channel is None:
            raise KeyError("nobody foresaw this")
        yield self._channel
        raise KeyError("nobody foresaw this")

    def test(self) -> str:
        return "is there"


class KeepingChannel:
    """Keeps one output, and has ended then."""

    def __init__(self) -> None:
        self.has_ended = False

    def send(self, delivery: Delivery, content: bytes) -> Outcome:  # noqa: ARG002 - of the protocol
        self.has_ended = True
        return Outcome(Fate.DELIVERED)


def buggy_loop(bench: Bench, to: Destination, carrier: BuggyCarrier) -> DeliveryLoop:
    sending = Sending(to.name, carrier, bench.spool)
    return DeliveryLoop(to, sending, bench.ledger, heart(bench.ledger, "sender"))


def test_a_bug_in_opening_a_channel_lets_the_batch_go_with_a_reason(
    bench: Bench, pacs: Pacs
) -> None:
    job_id = bench.build(at(pacs))
    assert not buggy_loop(bench, at(pacs), BuggyCarrier()).deliver_due()
    seg = delivery_of(bench, job_id, "SEG")
    assert (seg.state, seg.owner) == (DeliveryState.WAITING, None)
    assert seg.reason == "pacs: unexpected KeyError('nobody foresaw this')"
    assert seg.due_at > bench.ledger.now()
    bench.clock.advance(600)
    bench.deliver_all(at(pacs))
    assert sorted(arrived(pacs)) == ["SC", "SEG", "SR"]


def test_a_bug_that_stays_ends_a_delivery_with_its_traceback(bench: Bench, pacs: Pacs) -> None:
    job_id = bench.build(at(pacs))
    loop = buggy_loop(bench, at(pacs), BuggyCarrier())
    for _ in range(DECLINED_TRIES):
        loop.deliver_due()
        bench.clock.advance(600)
    assert set(bench.states(job_id)) == {DeliveryState.REFUSED}
    refused = next(e for e in bench.ledger.reports.events(job_id) if e.event == "refused")
    assert "unexpected KeyError" in refused.detail
    assert "Traceback (most recent call last)" in refused.detail


def test_a_bug_in_closing_a_channel_takes_back_nothing_that_was_answered(
    bench: Bench, pacs: Pacs
) -> None:
    job_id = bench.build(at(pacs))
    buggy_loop(bench, at(pacs), BuggyCarrier(KeepingChannel())).deliver_due()
    assert sorted(bench.states(job_id)) == ["DELIVERED", "WAITING", "WAITING"]
    assert delivery_of(bench, job_id, "SR").owner is None


def test_an_unexpected_error_in_the_wait_does_not_end_the_loop(
    bench: Bench, pacs: Pacs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = bench.build(at(pacs))
    ledger = sqlite3.connect(tmp_path / "ledger.sqlite")
    ledger.execute("UPDATE deliveries SET due_at = 'no time' || due_at")
    ledger.commit()
    loop, stop = bench.loop(at(pacs)), threading.Event()
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: "failed to deliver" in caplog.messages)
        ledger.execute("UPDATE deliveries SET due_at = replace(due_at, 'no time', '')")
        ledger.commit()
        pacs.wait_for(lambda stored: len(stored) == 3)
        wait_until(lambda: bench.states(job_id) == [DeliveryState.DELIVERED] * 3)
    finally:
        stop.set()
        loop.ring()
        thread.join()
        ledger.close()
    (failed,) = [r for r in caplog.records if r.getMessage() == "failed to deliver"][:1]
    assert failed.exc_info


class Ending(Deliveries):
    """Ends whichever thread asks when something is due."""

    def next_due(self, destination: str) -> None:
        raise SystemExit(f"no more of {destination}")


def test_a_sender_whose_loop_ends_ends_itself(bench: Bench, pacs: Pacs, tmp_path: Path) -> None:
    queues = Queues("filesystem://", tmp_path / "queue", prefetch=1)
    with (
        closing(queues),
        closing(Database.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")) as database,
    ):
        ending = Ledger(database)
        ending.deliveries = Ending(database)
        sender = Sender("CXRNODE", [at(pacs)], bench.spool, ending, queues, heart(ending, "sender"))
        stop = threading.Event()
        with pytest.raises(ThreadEnded, match="deliver pacs"):
            sender.run(stop)
    assert stop.is_set()
