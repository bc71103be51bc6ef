"""What got there is sent again where a person asks for it, and what must not come back does not."""

from datetime import timedelta

import pytest

from dicom_node.ledger import DeliveryState, Ledger, Route, Selection
from tests.dicom_node.ledger.records import (
    PIPELINE,
    Clock,
    built,
    claimed,
    corrected,
    deliver,
    output,
    to,
)

DELIVERED, WITHDRAWN = Selection(states=["DELIVERED"]), Selection(states=["WITHDRAWN"])


def states(ledger: Ledger, job_id: int) -> list[DeliveryState]:
    return [delivery.state for delivery in ledger.deliveries.of_job(job_id)]


def meant(ledger: Ledger, selection: Selection) -> list[int]:
    return [one.job_id for one in ledger.requeue.candidates(selection)]


def test_what_an_archive_has_lost_is_sent_again_as_it_was(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", "OTHER")
    deliver(ledger, "PACS")
    deliver(ledger, "OTHER")
    before = {one.sop_instance_uid for one in ledger.deliveries.of_job(job_id)}
    # Not unless it is asked for by its state.
    assert meant(ledger, Selection(job_ids=[job_id])) == []
    lost = Selection(states=["DELIVERED"], destinations=["PACS"])
    assert meant(ledger, lost) == [job_id]
    assert ledger.repairs.redeliver([job_id], "me@host", lost) == 2
    assert ledger.deliveries.next_due("OTHER") is None
    batch = ledger.deliveries.claim("PACS", "s1", 60.0, 10)
    assert {one.sop_instance_uid for one in batch} == before


def test_only_of_the_time_that_is_asked_for(ledger: Ledger, clock: Clock) -> None:
    jobs = []
    for number in range(1, 4):
        jobs.append(built(ledger, "PACS", number=number))
        deliver(ledger)
        clock.advance(3600)
    since, until = clock.now - timedelta(hours=2), clock.now - timedelta(hours=1)
    of_then = Selection(states=["DELIVERED"], since=since, until=until)
    assert meant(ledger, of_then) == [jobs[1]]
    assert ledger.repairs.redeliver(jobs, "me", of_then) == 2
    assert states(ledger, jobs[1]) == [DeliveryState.WAITING] * 2
    assert states(ledger, jobs[2]) == [DeliveryState.DELIVERED] * 2


def test_what_was_withdrawn_with_its_destination_comes_back(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS")
    assert ledger.destinations.forget("PACS", "me") == 2
    assert meant(ledger, Selection(job_ids=[job_id])) == []
    assert meant(ledger, WITHDRAWN) == [job_id]
    assert ledger.repairs.redeliver([job_id], "me", WITHDRAWN) == 2
    assert deliver(ledger) == ["A", "B"]


@pytest.mark.parametrize("is_noted", [True, False])
@pytest.mark.parametrize("selection", [DELIVERED, WITHDRAWN])
def test_what_was_replaced_or_rejected_does_not(
    ledger: Ledger, selection: Selection, is_noted: bool
) -> None:
    """An earlier issue, of which one result has left and is to be taken back: by a note, or by hand
    where the destination takes none.
    """
    job_id = built(ledger, "PACS", roles="AB")
    (first,) = ledger.deliveries.claim("PACS", "s1", 60.0, 1)
    ledger.deliveries.delivered(first.id, "s1", 0x0000)
    ledger.jobs.accept(corrected(), PIPELINE)
    job = ledger.jobs.claim(job_id, PIPELINE, "w1", 60.0)
    assert job is not None
    ledger.issues.superseded(job, "w1", (), "another issue")
    if is_noted:
        ledger.issues.to_be_retracted(job_id, [first.id], "2.25.9")
    ledger.handover.built(job_id, "w1", [output("C", 7)], to("PACS", roles="C"))
    before = states(ledger, job_id)
    assert meant(ledger, selection) == []
    assert ledger.repairs.redeliver([job_id], "me", selection) == 0
    assert states(ledger, job_id) == before
    # Rejected as a whole.
    note = claimed(ledger, "w2", number=99)
    ledger.rejections.rejected(note, "w2", ["1.2.3.1"], "113001", "rejected: quality")
    assert ledger.repairs.redeliver([job_id], "me", selection) == 0


def test_what_was_kept_in_reserve_comes_back_in_reserve(ledger: Ledger) -> None:
    def with_reserve(number: int) -> int:
        job = claimed(ledger, number=number)
        route = Route("PACS", ("SEG", "SR"), {"PR": "SEG"})
        outputs = [output(role, number) for role in ("SEG", "SR", "PR")]
        ledger.handover.built(job.id, "w1", outputs, [route])
        return job.id

    delivered = with_reserve(1)
    deliver(ledger)
    waiting = with_reserve(2)
    replaced = with_reserve(3)
    seg = ledger.deliveries.of_job(replaced)[0]
    ledger.deliveries.claim("PACS", "s1", 60.0, 10)
    ledger.deliveries.refused(seg.id, "s1", None, "PACS does not accept SEG", "PR")
    ledger.deliveries.free_of(["s1"])
    assert ledger.destinations.forget("PACS", "me") == 4
    assert meant(ledger, WITHDRAWN) == [waiting, replaced]
    assert ledger.repairs.redeliver([delivered, waiting, replaced], "me", WITHDRAWN) == 4
    assert states(ledger, waiting) == ["WAITING", "WAITING", "RESERVE"]
    assert states(ledger, replaced) == ["SUBSTITUTED", "WAITING", "WAITING"]
    assert deliver(ledger) == ["SEG", "SR", "SR", "PR"]


@pytest.mark.parametrize("end", ["other bytes", "rejected"])
def test_what_was_to_be_sent_again_and_lies_there_is_taken_back(ledger: Ledger, end: str) -> None:
    job_id = built(ledger, "PACS", roles="AB")
    deliver(ledger, limit=1)
    assert ledger.repairs.redeliver([job_id], "me", DELIVERED) == 1
    (tried,) = ledger.deliveries.claim("PACS", "s1", 60.0, 1)
    ledger.deliveries.retry(tried.id, "s1", None, "no connection", ledger.now())
    if end == "rejected":
        note = claimed(ledger, "w2", number=99)
        ledger.rejections.rejected(note, "w2", ["1.2.3.1"], "113001", "rejected: quality")
    else:
        ledger.jobs.accept(corrected(), PIPELINE)
        job = ledger.jobs.claim(job_id, PIPELINE, "w1", 60.0)
        assert job is not None
        assert ledger.issues.superseded(job, "w1", (), "another issue") == 0
    # What has never left never will; what the archive has is known to be there.
    assert states(ledger, job_id) == [DeliveryState.DELIVERED, DeliveryState.WITHDRAWN]
    (arrived,) = ledger.issues.earlier(job_id, ()).arrived
    assert (arrived.role, arrived.retracted_by) == ("A", None)
