"""Deliveries: batches, attempts, refusals, and what leaves before the job is built."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from dicom_node.ledger import (
    DeliveryState,
    JobState,
    LeaseLost,
    Ledger,
)
from tests.dicom_node.ledger.records import (
    LEASE_S,
    PIPELINE,
    START,
    Clock,
    built,
    claimed,
    instance,
    output,
    state,
    to,
)

# Deliveries


def test_the_outputs_of_one_study_are_taken_together_in_order(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="SRX")
    batch = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    assert [(d.role, d.attempts, d.owner) for d in batch] == [
        ("S", 1, "s1"),
        ("R", 1, "s1"),
        ("X", 1, "s1"),
    ]
    assert {d.job_id for d in batch} == {job_id}
    assert ledger.claim_deliveries("PACS", "s2", LEASE_S, 10) == []
    assert ledger.claim_deliveries("OTHER", "s2", LEASE_S, 10) == []


def test_the_study_that_waited_longest_goes_first(ledger: Ledger, clock: Clock) -> None:
    for number, study in enumerate(["1.1", "1.2", "1.1"], 1):
        job_id = ledger.accept(instance(number, study_instance_uid=study), PIPELINE).job_id
        ledger.claim_job(job_id, PIPELINE, "w1", LEASE_S)
        ledger.built(job_id, "w1", [output("SEG", number)], to("PACS"))
        clock.advance(1)
    first = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    assert [d.study_instance_uid for d in first] == ["1.1", "1.1"]
    second = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    assert [d.study_instance_uid for d in second] == ["1.2"]


def test_a_batch_is_no_longer_than_asked(ledger: Ledger) -> None:
    built(ledger, "PACS", roles="ABC")
    assert [d.role for d in ledger.claim_deliveries("PACS", "s1", LEASE_S, 2)] == ["A", "B"]
    assert [d.role for d in ledger.claim_deliveries("PACS", "s1", LEASE_S, 2)] == ["C"]


def test_a_job_is_delivered_with_its_last_delivery(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", "RESEARCH", roles="A")
    (to_pacs,) = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    ledger.delivered(to_pacs.id, "s1", 0x0000)
    assert state(ledger, job_id) is JobState.BUILT
    (to_research,) = ledger.claim_deliveries("RESEARCH", "s1", LEASE_S, 10)
    ledger.delivered(to_research.id, "s1", 0xB000)
    assert state(ledger, job_id) is JobState.DELIVERED
    assert [d.dimse_status for d in ledger.deliveries(job_id)] == [0x0000, 0xB000]
    assert ledger.events(job_id)[-2].detail == "status 0xb000"


def test_a_failed_attempt_is_due_again_later(ledger: Ledger, clock: Clock) -> None:
    built(ledger, "PACS", roles="A")
    (delivery,) = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    later = clock.now + timedelta(seconds=8)
    ledger.retry(delivery.id, "s1", None, "no connection", later)
    assert ledger.next_due("PACS") == later
    assert ledger.claim_deliveries("PACS", "s1", LEASE_S, 10) == []
    clock.advance(8)
    (again,) = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    assert (again.id, again.attempts, again.reason) == (delivery.id, 2, "no connection")
    assert ledger.next_due("PACS") is None


def test_a_refusal_fails_the_job_once_nothing_waits_any_more(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="AB")
    first, second = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    ledger.refused(first.id, "s1", 0xA900, "PACS: will not take it")
    assert state(ledger, job_id) is JobState.BUILT
    ledger.delivered(second.id, "s1", 0x0000)
    job = ledger.job(job_id)
    assert job is not None
    assert (job.state, job.reason) == (JobState.FAILED, "PACS: will not take it")
    assert [d.state for d in ledger.deliveries(job_id)] == [
        DeliveryState.REFUSED,
        DeliveryState.DELIVERED,
    ]


@pytest.mark.parametrize(
    "report",
    [
        lambda ledger, delivery: ledger.delivered(delivery, "s1", 0),
        lambda ledger, delivery: ledger.retry(delivery, "s1", None, "r", START),
        lambda ledger, delivery: ledger.refused(delivery, "s1", None, "r"),
    ],
    ids=["delivered", "retry", "refused"],
)
def test_a_sender_that_lost_its_delivery_can_report_nothing(
    ledger: Ledger, clock: Clock, report: Callable[[Ledger, int], None]
) -> None:
    built(ledger, "PACS", roles="A")
    (delivery,) = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    clock.advance(LEASE_S + 1)
    assert ledger.free_expired_deliveries() == [delivery.id]
    with pytest.raises(LeaseLost):
        report(ledger, delivery.id)
    assert ledger.next_due("PACS") == clock.now


def test_the_deliveries_of_a_dead_sender_are_due_at_once(ledger: Ledger) -> None:
    built(ledger, "PACS", "RESEARCH", roles="A")
    (dead,) = ledger.claim_deliveries("PACS", "dead", LEASE_S, 10)
    ledger.claim_deliveries("RESEARCH", "alive", LEASE_S, 10)
    assert ledger.free_deliveries_of([]) == []
    assert ledger.free_deliveries_of(["dead"]) == [dead.id]
    (again,) = ledger.claim_deliveries("PACS", "s2", LEASE_S, 10)
    assert (again.id, again.attempts) == (dead.id, 2)


def test_after_an_outage_everything_of_that_destination_is_due(
    ledger: Ledger, clock: Clock
) -> None:
    built(ledger, "PACS", "RESEARCH", roles="AB")
    for destination in ("PACS", "RESEARCH"):
        for delivery in ledger.claim_deliveries(destination, "s1", LEASE_S, 10):
            ledger.retry(delivery.id, "s1", None, "away", clock.now + timedelta(hours=1))
    assert ledger.make_due("PACS") == 2
    assert len(ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)) == 2
    assert ledger.claim_deliveries("RESEARCH", "s1", LEASE_S, 10) == []


# What leaves before the job is built


def test_what_is_handed_over_leaves_while_the_worker_goes_on(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handed_over(job.id, "w1", [output("SEG"), output("SR")], to("PACS"))
    assert state(ledger, job.id) is JobState.ANALYZING
    for delivery in ledger.claim_deliveries("PACS", "s1", LEASE_S, 10):
        ledger.delivered(delivery.id, "s1", 0x0000)
    assert state(ledger, job.id) is JobState.ANALYZING
    ledger.built(job.id, "w1", [output("SC")], to("PACS", roles=["SC"]))
    assert state(ledger, job.id) is JobState.BUILT
    (last,) = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    ledger.delivered(last.id, "s1", 0x0000)
    assert state(ledger, job.id) is JobState.DELIVERED


def test_a_job_whose_every_output_has_arrived_ends_when_it_is_built(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handed_over(job.id, "w1", [output("SR")], to("PACS"))
    (delivery,) = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    ledger.delivered(delivery.id, "s1", 0x0000)
    ledger.built(job.id, "w1", [], to("PACS"))
    assert state(ledger, job.id) is JobState.DELIVERED


def test_a_second_try_hands_nothing_over_twice(ledger: Ledger) -> None:
    job = claimed(ledger, "dead")
    first = ledger.handed_over(job.id, "dead", [output("SEG"), output("SR")], to("PACS"))
    (seg, _) = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    ledger.delivered(seg.id, "s1", 0x0000)
    ledger.free_leases_of(["dead"])
    assert ledger.claim_job(job.id, PIPELINE, "w1", LEASE_S) is not None
    again = ledger.handed_over(job.id, "w1", [output("SEG"), output("SR")], to("PACS"))
    assert again == first
    ledger.built(job.id, "w1", [output("SC")], to("PACS", roles=["SC"]))
    assert [(d.role, d.state) for d in ledger.deliveries(job.id)] == [
        ("SEG", DeliveryState.DELIVERED),
        ("SR", DeliveryState.WAITING),
        ("SC", DeliveryState.WAITING),
    ]


@pytest.mark.parametrize("end", ["failed", "skipped"])
def test_what_a_job_without_a_result_has_to_say_changes_nothing_of_it(
    ledger: Ledger, end: str
) -> None:
    jobs = [claimed(ledger, number=number) for number in (1, 2)]
    for job, number in zip(jobs, (1, 2), strict=True):
        built, routes = [output("SR", number)], to("PACS")
        getattr(ledger, end)(job.id, "w1", "the reason", built=built, routes=routes)
    first, second = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    ledger.delivered(first.id, "s1", 0x0000)
    ledger.refused(second.id, "s1", 0xA900, "PACS: will not take it")
    for job in jobs:
        ended = ledger.job(job.id)
        assert ended is not None
        assert (ended.state, ended.reason) == (JobState[end.upper()], "the reason")
