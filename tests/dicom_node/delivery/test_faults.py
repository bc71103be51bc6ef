"""What goes wrong on the way, and that it costs nothing but the one delivery it concerns."""

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from pydicom.uid import SegmentationStorage
from pynetdicom import AE, evt

from dicom_node.config import Destination
from dicom_node.delivery.loop import DECLINED_TRIES, DeliveryLoop
from dicom_node.delivery.outcome import Fate
from dicom_node.demo.pacs import Pacs
from dicom_node.errors import LedgerUnavailable
from dicom_node.ledger import Delivery, DeliveryState, JobState, Ledger, Progress
from dicom_node.ledger.work.workers import LEASE_S
from tests.dicom_node.delivery.bench import CLASSES, Bench, arrived, at, delivery_of
from tests.dicom_node.delivery.damage import flip_a_bit, make_a_folder, remove, truncate
from tests.dicom_node.hearts import heart
from tests.dicom_node.ledger.records import progress

pytestmark = pytest.mark.slow


def job_state(bench: Bench, job_id: int) -> JobState:
    job = bench.ledger.jobs.get(job_id)
    assert job is not None
    return job.state


# Files


@pytest.mark.parametrize("syntaxes", [("explicit",), ("implicit",)], ids=["as it is", "transcoded"])
@pytest.mark.parametrize("damage", [remove, truncate, flip_a_bit, make_a_folder])
def test_a_damaged_output_is_not_sent_and_holds_up_no_other(
    bench: Bench, pacs: Pacs, damage: Callable[[Path], None], syntaxes: tuple[str, ...]
) -> None:
    to = at(pacs, transfer_syntaxes=syntaxes)
    job_id = bench.build(to)
    damage(bench.spool.resolve(delivery_of(bench, job_id, "SEG").path))
    other = bench.build(to)
    for _ in range(3):
        bench.deliver_all(to)
        bench.clock.advance(600)
    assert sorted(arrived(pacs)) == ["SC", "SC", "SEG", "SR", "SR"]
    assert progress(bench.ledger, other) is Progress.DELIVERED
    assert bench.by_role(job_id) | {"SR2D": "", "PR": "", "DOC": ""} == {
        "SEG": "DAMAGED", "SR": "DELIVERED", "SC": "DELIVERED", "SR2D": "", "PR": "", "DOC": "",
    }  # fmt: skip
    # A worker is to build it again.
    assert job_state(bench, job_id) is JobState.RECEIVED
    assert bench.ledger.jobs.waiting("pipeline", 10, bench.clock()) == [job_id]
    assert bench.ledger.reports.summary().deliveries_waiting == {"pacs": 1}


def test_a_spool_that_is_away_damages_nothing(bench: Bench, pacs: Pacs) -> None:
    job_id = bench.build(at(pacs))
    spool = bench.folder / "spool"
    spool.rename(bench.folder / "away")
    bench.deliver_all(at(pacs))
    assert bench.states(job_id) == [DeliveryState.WAITING] * 3
    assert "No such file" in (delivery_of(bench, job_id, "SEG").reason or "")
    (bench.folder / "away").rename(spool)
    bench.clock.advance(600)
    bench.deliver_all(at(pacs))
    assert arrived(pacs) == ["SEG", "SR", "SC"]


# Answers


def test_one_answer_of_failure_is_not_the_last_word(bench: Bench, pacs: Pacs) -> None:
    pacs.answer = lambda offer: 0xC000 if offer.sop_class_uid == CLASSES["SR"] else 0
    job_id = bench.build(at(pacs))
    bench.deliver_all(at(pacs))
    assert arrived(pacs) == ["SEG", "SC"]
    pacs.answer = lambda _: 0
    bench.clock.advance(20)
    bench.deliver_all(at(pacs))
    assert arrived(pacs) == ["SEG", "SC", "SR"]
    assert progress(bench.ledger, job_id) is Progress.DELIVERED


def test_after_a_few_answers_of_failure_it_is_refused_until_a_person_asks(
    bench: Bench, pacs: Pacs
) -> None:
    asked = []

    def decline(_offer: object) -> int:
        asked.append(bench.clock())
        return 0xC000

    to = at(pacs, outputs=("SR",), next_best=False)
    pacs.answer = decline
    job_id = bench.build(to)
    for _ in range(2 * DECLINED_TRIES):
        bench.deliver_all(to)
        bench.clock.advance(600)
    assert len(asked) == DECLINED_TRIES
    assert progress(bench.ledger, job_id) is Progress.INCOMPLETE
    assert bench.ledger.repairs.redeliver([job_id], "me") == 1
    bench.deliver_all(to)
    assert len(asked) == DECLINED_TRIES + 1
    assert progress(bench.ledger, job_id) is Progress.WAITING
    pacs.answer = lambda _: 0
    bench.clock.advance(600)
    bench.deliver_all(to)
    assert progress(bench.ledger, job_id) is Progress.DELIVERED


@pytest.mark.parametrize("status", [0xB000, 0xB00A, 0x0001, 0x0107, 0x0116])
def test_a_warning_is_a_delivery_and_is_kept(
    bench: Bench, pacs: Pacs, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    pacs.answer = lambda _: status
    to = at(pacs, outputs=("SR",), next_best=False)
    job_id = bench.build(to)
    bench.deliver_all(to)
    assert progress(bench.ledger, job_id) is Progress.DELIVERED
    (kept,) = [e.detail for e in bench.ledger.reports.events(job_id) if e.event == "delivered"]
    assert kept.startswith(f"status {status:#06x}")
    (said,) = [r for r in caplog.records if r.getMessage() == "was stored with a warning"]
    assert said.__dict__["status"] == f"{status:#06x}"


# Associations


def test_an_output_that_breaks_the_association_keeps_no_other_from_arriving(
    bench: Bench,
) -> None:
    stored = []

    def store(event: evt.Event) -> int:
        if event.request.AffectedSOPClassUID == SegmentationStorage:
            event.assoc.abort()
        else:
            stored.append(event.request.AffectedSOPClassUID)
        return 0

    ae = AE(ae_title="PACS")
    for sop_class in CLASSES.values():
        ae.add_supported_context(sop_class)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    try:
        to = Destination(name="pacs", aet="PACS", host="127.0.0.1", port=server.server_address[1])
        job_id = bench.build(to)
        bench.loop(to).deliver_due()
    finally:
        ae.shutdown()
    assert stored == [CLASSES["SR"], CLASSES["SC"]]
    assert bench.by_role(job_id)["SEG"] == "WAITING"
    assert "aborted the association" in (delivery_of(bench, job_id, "SEG").reason or "")


def test_a_slow_destination_gets_the_rest_of_a_batch_in_the_next(bench: Bench, pacs: Pacs) -> None:
    bench.build(at(pacs))
    claimed = bench.ledger.deliveries.claim("pacs", "sender", 300, 10)
    batch = bench.sending(at(pacs)).send(claimed, within_s=0)
    fates = [batch.outcomes[delivery.id].fate for delivery in claimed]
    assert fates == [Fate.DELIVERED, Fate.AGAIN, Fate.AGAIN]
    assert arrived(pacs) == ["SEG"]


def test_a_sender_that_was_taken_for_dead_sends_no_further_output(
    bench: Bench, pacs: Pacs, caplog: pytest.LogCaptureFixture
) -> None:
    owner = heart(bench.ledger, "slow")
    others: list[Delivery] = []

    def be_robbed(_offer: object) -> int:
        """What happens while the first output is on its way: this process sleeps."""
        if not others:
            bench.clock.advance(LEASE_S + 1)
            bench.ledger.deliveries.free_expired()
            others.extend(bench.ledger.deliveries.claim("pacs", "other", LEASE_S, 10))
            owner.beat()
        return 0

    pacs.answer = be_robbed
    job_id = bench.build(at(pacs))
    DeliveryLoop(at(pacs), bench.sending(at(pacs)), bench.ledger, owner).deliver_due()
    assert [delivery.role for delivery in others] == ["SEG", "SR", "SC"]
    assert arrived(pacs) == ["SEG"]
    assert "lost the lease" in caplog.messages
    held = [d for d in bench.ledger.deliveries.of_job(job_id) if d.owner]
    assert {delivery.owner for delivery in held} == {"other"}


def test_nothing_is_said_to_be_sent_to_a_destination_that_is_not_there(
    bench: Bench, pacs: Pacs, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dicom_node")
    job_id = bench.build(at(pacs))
    pacs.stop()
    assert not bench.loop(at(pacs)).deliver_due()
    assert "sent" not in caplog.messages
    assert "(connection refused)" in (delivery_of(bench, job_id, "SR").reason or "")
    pacs.start()
    bench.clock.advance(600)
    bench.deliver_all(at(pacs))
    (sent,) = [record for record in caplog.records if record.getMessage() == "sent"]
    assert (sent.__dict__["outputs"], sent.__dict__["stored"]) == (3, 3)


# The ledger


def test_what_was_sent_while_the_ledger_went_away_is_recorded_and_not_sent_again(
    bench: Bench, pacs: Pacs, tmp_path: Path
) -> None:
    job_id = bench.build(at(pacs))
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}?timeout=0.1"
    with (
        closing(Ledger.open(url, bench.clock)) as impatient,
        closing(sqlite3.connect(tmp_path / "ledger.sqlite", check_same_thread=False)) as other,
    ):

        def lock(_offer: object) -> int:
            if not other.in_transaction:
                other.execute("BEGIN IMMEDIATE")
            return 0

        pacs.answer = lock
        loop = bench.loop(at(pacs), impatient)
        with pytest.raises(LedgerUnavailable):
            loop.deliver_due()
        other.rollback()
        pacs.answer = lambda _: 0
        assert not loop.deliver_due()
    assert arrived(pacs) == ["SEG", "SR", "SC"]
    assert progress(bench.ledger, job_id) is Progress.DELIVERED
