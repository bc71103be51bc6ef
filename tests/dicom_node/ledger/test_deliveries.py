"""Deliveries: batches, attempts, refusals, and what leaves before the job is built."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from dicom_node.ledger import (
    DeliveryState,
    JobState,
    LeaseLost,
    Ledger,
    Progress,
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
    progress,
    state,
    to,
)

# Deliveries


def test_the_outputs_of_one_study_are_taken_together_in_order(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="SRX")
    batch = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    assert [(d.role, d.attempts, d.owner) for d in batch] == [
        ("S", 1, "s1"),
        ("R", 1, "s1"),
        ("X", 1, "s1"),
    ]
    assert {d.job_id for d in batch} == {job_id}
    assert ledger.deliveries.claim("PACS", "s2", LEASE_S, 10) == []
    assert ledger.deliveries.claim("OTHER", "s2", LEASE_S, 10) == []


def test_the_study_that_waited_longest_goes_first(ledger: Ledger, clock: Clock) -> None:
    for number, study in enumerate(["1.1", "1.2", "1.1"], 1):
        job_id = ledger.jobs.accept(instance(number, study_instance_uid=study), PIPELINE).job_id
        ledger.jobs.claim(job_id, PIPELINE, "w1", LEASE_S)
        ledger.handover.built(job_id, "w1", [output("SEG", number)], to("PACS"))
        clock.advance(1)
    first = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    assert [d.study_instance_uid for d in first] == ["1.1", "1.1"]
    second = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    assert [d.study_instance_uid for d in second] == ["1.2"]


def test_a_batch_is_no_longer_than_asked(ledger: Ledger) -> None:
    built(ledger, "PACS", roles="ABC")
    assert [d.role for d in ledger.deliveries.claim("PACS", "s1", LEASE_S, 2)] == ["A", "B"]
    assert [d.role for d in ledger.deliveries.claim("PACS", "s1", LEASE_S, 2)] == ["C"]


def test_a_job_is_delivered_with_its_last_delivery(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", "RESEARCH", roles="A")
    (to_pacs,) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    ledger.deliveries.delivered(to_pacs.id, "s1", 0x0000)
    assert state(ledger, job_id) is JobState.BUILT
    assert progress(ledger, job_id) is Progress.WAITING
    (to_research,) = ledger.deliveries.claim("RESEARCH", "s1", LEASE_S, 10)
    ledger.deliveries.delivered(to_research.id, "s1", 0xB000)
    assert progress(ledger, job_id) is Progress.DELIVERED
    assert [d.dimse_status for d in ledger.deliveries.of_job(job_id)] == [0x0000, 0xB000]
    assert ledger.reports.events(job_id)[-1].detail == "status 0xb000"


def test_a_failed_attempt_is_due_again_later(ledger: Ledger, clock: Clock) -> None:
    built(ledger, "PACS", roles="A")
    (delivery,) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    later = clock.now + timedelta(seconds=8)
    ledger.deliveries.retry(delivery.id, "s1", None, "no connection", later)
    assert ledger.deliveries.next_due("PACS") == later
    assert ledger.deliveries.claim("PACS", "s1", LEASE_S, 10) == []
    clock.advance(8)
    (again,) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    assert (again.id, again.attempts, again.reason) == (delivery.id, 2, "no connection")
    assert ledger.deliveries.next_due("PACS") is None


def test_a_refusal_leaves_the_job_built_and_shows_as_a_refusal(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="AB")
    first, second = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    ledger.deliveries.refused(first.id, "s1", 0xA900, "PACS: will not take it")
    assert state(ledger, job_id) is JobState.BUILT
    ledger.deliveries.delivered(second.id, "s1", 0x0000)
    job = ledger.jobs.get(job_id)
    assert job is not None
    assert (job.state, job.reason) == (JobState.BUILT, None)
    assert progress(ledger, job_id) is Progress.INCOMPLETE
    summary = ledger.reports.summary()
    assert summary.failures == ()
    (refusal,) = summary.refusals
    assert (refusal.destination, refusal.reason) == ("PACS", "PACS: will not take it")
    assert [d.state for d in ledger.deliveries.of_job(job_id)] == [
        DeliveryState.REFUSED,
        DeliveryState.DELIVERED,
    ]


@pytest.mark.parametrize(
    "report",
    [
        lambda ledger, delivery: ledger.deliveries.delivered(delivery, "s1", 0),
        lambda ledger, delivery: ledger.deliveries.retry(delivery, "s1", None, "r", START),
        lambda ledger, delivery: ledger.deliveries.refused(delivery, "s1", None, "r"),
    ],
    ids=["delivered", "retry", "refused"],
)
def test_a_sender_that_lost_its_delivery_can_report_nothing(
    ledger: Ledger, clock: Clock, report: Callable[[Ledger, int], None]
) -> None:
    built(ledger, "PACS", roles="A")
    (delivery,) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    clock.advance(LEASE_S + 1)
    assert ledger.deliveries.free_expired() == [delivery.id]
    with pytest.raises(LeaseLost):
        report(ledger, delivery.id)
    assert ledger.deliveries.next_due("PACS") == clock.now


def test_the_deliveries_of_a_dead_sender_are_due_at_once(ledger: Ledger) -> None:
    built(ledger, "PACS", "RESEARCH", roles="A")
    (dead,) = ledger.deliveries.claim("PACS", "dead", LEASE_S, 10)
    ledger.deliveries.claim("RESEARCH", "alive", LEASE_S, 10)
    assert ledger.deliveries.free_of([]) == []
    assert ledger.deliveries.free_of(["dead"]) == [dead.id]
    (again,) = ledger.deliveries.claim("PACS", "s2", LEASE_S, 10)
    assert (again.id, again.attempts) == (dead.id, 2)


def test_after_an_outage_everything_of_that_destination_is_due(
    ledger: Ledger, clock: Clock
) -> None:
    built(ledger, "PACS", "RESEARCH", roles="AB")
    for destination in ("PACS", "RESEARCH"):
        for delivery in ledger.deliveries.claim(destination, "s1", LEASE_S, 10):
            ledger.deliveries.retry(delivery.id, "s1", None, "away", clock.now + timedelta(hours=1))
    assert ledger.deliveries.make_due("PACS") == 2
    assert len(ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)) == 2
    assert ledger.deliveries.claim("RESEARCH", "s1", LEASE_S, 10) == []


# What leaves before the job is built


def test_what_is_handed_over_leaves_while_the_worker_goes_on(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handover.handed_over(job.id, "w1", [output("SEG"), output("SR")], to("PACS"))
    assert state(ledger, job.id) is JobState.ANALYZING
    for delivery in ledger.deliveries.claim("PACS", "s1", LEASE_S, 10):
        ledger.deliveries.delivered(delivery.id, "s1", 0x0000)
    assert state(ledger, job.id) is JobState.ANALYZING
    ledger.handover.built(job.id, "w1", [output("SC")], to("PACS", roles=["SC"]))
    assert state(ledger, job.id) is JobState.BUILT
    (last,) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    ledger.deliveries.delivered(last.id, "s1", 0x0000)
    assert progress(ledger, job.id) is Progress.DELIVERED


def test_a_job_whose_every_output_has_arrived_is_delivered_when_it_is_built(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handover.handed_over(job.id, "w1", [output("SR")], to("PACS"))
    (delivery,) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    ledger.deliveries.delivered(delivery.id, "s1", 0x0000)
    ledger.handover.built(job.id, "w1", [], to("PACS"))
    assert progress(ledger, job.id) is Progress.DELIVERED


def test_a_second_try_hands_nothing_over_twice(ledger: Ledger) -> None:
    job = claimed(ledger, "dead")
    first = ledger.handover.handed_over(job.id, "dead", [output("SEG"), output("SR")], to("PACS"))
    (seg, _) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    ledger.deliveries.delivered(seg.id, "s1", 0x0000)
    ledger.jobs.free_of(["dead"])
    assert ledger.jobs.claim(job.id, PIPELINE, "w1", LEASE_S) is not None
    again = ledger.handover.handed_over(job.id, "w1", [output("SEG"), output("SR")], to("PACS"))
    assert again == first
    ledger.handover.built(job.id, "w1", [output("SC")], to("PACS", roles=["SC"]))
    assert [(d.role, d.state) for d in ledger.deliveries.of_job(job.id)] == [
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
        getattr(ledger.handover, end)(job.id, "w1", "the reason", built=built, routes=routes)
    first, second = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    ledger.deliveries.delivered(first.id, "s1", 0x0000)
    ledger.deliveries.refused(second.id, "s1", 0xA900, "PACS: will not take it")
    for job in jobs:
        ended = ledger.jobs.get(job.id)
        assert ended is not None
        assert (ended.state, ended.reason) == (JobState[end.upper()], "the reason")
