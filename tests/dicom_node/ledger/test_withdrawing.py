"""What a person stops, and what not: on SQLite and PostgreSQL."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from dicom_node.ledger import DeliveryState, JobState, Ledger, Selection, Withdrawn
from tests.dicom_node.ledger.records import (
    PIPELINE,
    Clock,
    built,
    claimed,
    deliver,
    happened,
    instance,
    job_of,
    state,
)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with closing(Ledger.open(ledger_url, Clock())) as opened:
        yield opened


def states(ledger: Ledger, job_id: int) -> list[DeliveryState]:
    return [one.state for one in ledger.deliveries.of_job(job_id)]


def test_what_waits_for_a_worker_ends_skipped_with_who_and_why(ledger: Ledger) -> None:
    job_id = ledger.jobs.accept(instance(1), PIPELINE).job_id
    assert ledger.withdrawing.stoppable([job_id]) == [job_id]
    assert ledger.withdrawing.withdraw([job_id], "ada", "sent by mistake") == Withdrawn(jobs=1)
    assert state(ledger, job_id) is JobState.SKIPPED
    assert job_of(ledger, job_id).reason == "withdrawn by ada: sent by mistake"
    assert happened(ledger, job_id)[-1] == "withdrawn before it left"
    assert ledger.reports.events(job_id)[-1].owner == "ada"
    # No worker gets it, and who wants it back has it analysed.
    assert ledger.jobs.claim(job_id, PIPELINE, "w1", 60) is None
    assert ledger.requeue.repeat([job_id], PIPELINE, "ada") == [job_id]
    assert state(ledger, job_id) is JobState.RECEIVED


def test_what_has_not_left_is_stopped_and_what_has_stays(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="ABC")
    deliver(ledger, limit=1)
    (held,) = ledger.deliveries.claim("PACS", "s1", 60, 1)
    assert ledger.withdrawing.withdraw([job_id], "ada", "") == Withdrawn(deliveries=1, leaving=1)
    assert states(ledger, job_id) == [DeliveryState.DELIVERED, DeliveryState.WAITING,
                                      DeliveryState.WITHDRAWN]  # fmt: skip
    ledger.deliveries.delivered(held.id, "s1", 0x0000)
    assert state(ledger, job_id) is JobState.BUILT
    assert ledger.withdrawing.stoppable([job_id]) == []


def test_what_was_refused_is_taken_off_the_list_and_can_be_sent_again(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="A")
    (one,) = ledger.deliveries.claim("PACS", "s1", 60, 10)
    ledger.deliveries.refused(one.id, "s1", 0xC000, "PACS: no")
    ledger.withdrawing.withdraw([job_id], "ada", "seen to")
    assert states(ledger, job_id) == [DeliveryState.WITHDRAWN]
    again = Selection(job_ids=[job_id], states=["WITHDRAWN"])
    assert ledger.repairs.redeliver([job_id], "ada", again) == 1
    assert states(ledger, job_id) == [DeliveryState.WAITING]


def test_what_a_worker_is_at_work_on_is_left_to_it(ledger: Ledger) -> None:
    job = claimed(ledger)
    assert ledger.withdrawing.stoppable([job.id]) == []
    assert ledger.withdrawing.withdraw([job.id], "ada", "") == Withdrawn()
    assert state(ledger, job.id) is JobState.ANALYZING
