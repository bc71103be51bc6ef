"""Jobs: accepted, claimed, ended, republished, kept to their pipeline."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from dicom_node.ledger import (
    Acceptance,
    DeliveryState,
    Entry,
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
    happened,
    instance,
    output,
    progress,
    state,
    to,
)

# Accepting


def test_an_accepted_instance_is_a_job_that_waits(ledger: Ledger) -> None:
    acceptance = ledger.jobs.accept(instance(), PIPELINE)
    assert acceptance == Acceptance(acceptance.job_id, True, JobState.RECEIVED, False)
    job = ledger.jobs.get(acceptance.job_id)
    assert job is not None
    assert (job.state, job.attempts, job.received_at) == (JobState.RECEIVED, 0, START)
    assert (job.sop_instance_uid, job.path, job.sha256) == (
        "1.2.3.1",
        instance().path,
        instance().sha256,
    )
    assert ledger.reports.events(job.id) == [
        Entry(START, "received", "RECEIVED", job.id, None, None, detail="")
    ]


def test_the_same_instance_again_is_the_same_job(ledger: Ledger) -> None:
    first = ledger.jobs.accept(instance(), PIPELINE)
    again = ledger.jobs.accept(instance(), PIPELINE)
    assert again == Acceptance(first.job_id, False, JobState.RECEIVED, other_bytes=False)
    assert happened(ledger, first.job_id) == ["received", "duplicate received"]


def test_another_pipeline_is_another_job_of_the_same_instance(ledger: Ledger) -> None:
    first = ledger.jobs.accept(instance(), PIPELINE)
    second = ledger.jobs.accept(instance(), "fpn-2")
    assert second.is_new
    assert [job.id for job in ledger.jobs.of_instance("1.2.3.1")] == [first.job_id, second.job_id]
    assert ledger.jobs.of_instance("1.2.3.4") == []
    assert ledger.jobs.get(999) is None


def test_what_no_worker_has_to_look_at_is_passed_over_with_its_reason(ledger: Ledger) -> None:
    job_id = ledger.jobs.accept(instance(), PIPELINE).job_id
    ledger.jobs.passed_over(job_id, "an ECG")
    job = ledger.jobs.get(job_id)
    assert job is not None
    assert (job.state, job.reason, job.attempts) == (JobState.SKIPPED, "an ECG", 0)
    assert happened(ledger, job_id) == ["received", "passed over as it came"]
    assert ledger.jobs.count_waiting() == {}


def test_what_a_worker_has_already_taken_is_not_passed_over(ledger: Ledger) -> None:
    job = claimed(ledger, "w1")
    ledger.jobs.passed_over(job.id, "an ECG")
    assert state(ledger, job.id) == JobState.ANALYZING


# The life of a job


def test_a_claim_is_for_one_worker_only(ledger: Ledger, clock: Clock) -> None:
    job = claimed(ledger, "w1")
    assert (job.state, job.attempts, job.owner) == (JobState.ANALYZING, 1, "w1")
    assert job.lease_until == clock.now + timedelta(seconds=LEASE_S)
    assert ledger.jobs.claim(job.id, PIPELINE, "w2", LEASE_S) is None
    assert ledger.jobs.claim(999, PIPELINE, "w2", LEASE_S) is None


def test_a_claim_whose_answer_was_lost_can_be_repeated(ledger: Ledger) -> None:
    job = claimed(ledger, "w1")
    again = ledger.jobs.claim(job.id, PIPELINE, "w1", LEASE_S)
    assert again == job
    assert happened(ledger, job.id) == ["received", "claimed"]


def test_a_release_that_is_no_try_counts_none(ledger: Ledger, clock: Clock) -> None:
    job = claimed(ledger, "w1")
    ledger.jobs.released(job.id, "w1", "the disk is full", clock.now, is_try=False)
    released = ledger.jobs.get(job.id)
    assert released is not None
    assert (released.state, released.attempts) == (JobState.RECEIVED, 0)


def test_outputs_wait_for_every_destination(ledger: Ledger) -> None:
    job = claimed(ledger)
    output_ids = ledger.handover.built(
        job.id, "w1", [output("SEG"), output("SR")], to("PACS", "RESEARCH")
    )
    assert state(ledger, job.id) is JobState.BUILT
    waiting = ledger.deliveries.of_job(job.id)
    assert [(d.output_id, d.role, d.destination) for d in waiting] == [
        (output_ids[0], "SEG", "PACS"),
        (output_ids[0], "SEG", "RESEARCH"),
        (output_ids[1], "SR", "PACS"),
        (output_ids[1], "SR", "RESEARCH"),
    ]
    assert {d.state for d in waiting} == {DeliveryState.WAITING}
    assert {d.study_instance_uid for d in waiting} == {"1.2.9"}


def test_without_a_destination_a_built_job_is_kept_and_never_called_delivered(
    ledger: Ledger,
) -> None:
    job_id = built(ledger)
    built(ledger, "PACS", number=2)
    assert state(ledger, job_id) is JobState.BUILT
    assert happened(ledger, job_id) == ["received", "claimed", "built"]
    assert progress(ledger, job_id) is Progress.KEPT
    counts = ledger.reports.summary().progress
    assert (counts[Progress.KEPT], counts[Progress.WAITING]) == (1, 1)


def test_a_skipped_job_keeps_its_reason(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handover.skipped(job.id, "w1", "a lateral view")
    ended = ledger.jobs.get(job.id)
    assert ended is not None
    assert (ended.state, ended.reason, ended.owner) == (JobState.SKIPPED, "a lateral view", None)


def test_a_failed_job_keeps_its_reason_and_its_traceback(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handover.failed(job.id, "w1", "undecodable", "Traceback ...")
    assert state(ledger, job.id) is JobState.FAILED
    last = ledger.reports.events(job.id)[-1]
    assert (last.event, last.owner, last.detail) == ("failed", "w1", "undecodable\nTraceback ...")


def test_a_reason_that_quotes_hostile_bytes_is_kept_readable(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handover.failed(job.id, "w1", "header says \0\udcff 胸")
    ended = ledger.jobs.get(job.id)
    assert ended is not None
    assert ended.reason == "header says ?? 胸"


def test_a_released_job_is_claimable_again_only_when_due(ledger: Ledger, clock: Clock) -> None:
    job = claimed(ledger)
    ledger.jobs.released(job.id, "w1", "disk full", clock.now + timedelta(seconds=30))
    assert state(ledger, job.id) is JobState.RECEIVED
    assert ledger.jobs.claim(job.id, PIPELINE, "w2", LEASE_S) is None
    clock.advance(30)
    again = ledger.jobs.claim(job.id, PIPELINE, "w2", LEASE_S)
    assert again is not None
    assert (again.attempts, again.deaths, again.reason) == (2, 0, "disk full")


@pytest.mark.parametrize(
    "report",
    [
        lambda ledger, job: ledger.handover.handed_over(job, "w1", [output("SEG")], to("PACS")),
        lambda ledger, job: ledger.handover.built(job, "w1", [output("SEG")], to("PACS")),
        lambda ledger, job: ledger.handover.skipped(job, "w1", "r"),
        lambda ledger, job: ledger.handover.failed(job, "w1", "r"),
        lambda ledger, job: ledger.jobs.released(job, "w1", "r", START),
    ],
    ids=["handed over", "built", "skipped", "failed", "released"],
)
def test_whoever_lost_the_lease_can_report_nothing(
    ledger: Ledger, clock: Clock, report: Callable[[Ledger, int], None]
) -> None:
    job = claimed(ledger, "w1")
    clock.advance(LEASE_S + 1)
    ledger.jobs.free_expired()
    ledger.jobs.claim(job.id, PIPELINE, "w2", LEASE_S)
    with pytest.raises(LeaseLost, match="no longer held by w1"):
        report(ledger, job.id)
    assert state(ledger, job.id) is JobState.ANALYZING
    assert ledger.deliveries.of_job(job.id) == []


def test_a_slow_worker_whose_job_nobody_took_may_still_report(ledger: Ledger, clock: Clock) -> None:
    job = claimed(ledger)
    clock.advance(LEASE_S + 1)
    ledger.handover.skipped(job.id, "w1", "a lateral view")
    assert state(ledger, job.id) is JobState.SKIPPED


# What recovery republishes


def test_what_was_published_lately_is_not_published_again(ledger: Ledger, clock: Clock) -> None:
    first = ledger.jobs.accept(instance(1), PIPELINE).job_id
    clock.advance(100)
    second = ledger.jobs.accept(instance(2), PIPELINE).job_id
    assert ledger.jobs.waiting(PIPELINE, 10, clock.now - timedelta(seconds=50)) == [first]
    ledger.jobs.mark_published([first])
    assert ledger.jobs.waiting(PIPELINE, 10, clock.now - timedelta(seconds=50)) == []
    clock.advance(100)
    assert ledger.jobs.waiting(PIPELINE, 10, clock.now - timedelta(seconds=50)) == [first, second]
    assert ledger.jobs.waiting(PIPELINE, 1, clock.now - timedelta(seconds=50)) == [first]
    assert happened(ledger, first) == ["received", "republished"]


def test_what_came_back_is_published_at_once(ledger: Ledger, clock: Clock) -> None:
    released, freed = claimed(ledger, "w1", 1), claimed(ledger, "dead", 2)
    ledger.jobs.released(released.id, "w1", "disk full", clock.now)
    ledger.jobs.free_of(["dead"])
    assert ledger.jobs.waiting(PIPELINE, 10, clock.now - timedelta(days=1)) == [
        released.id,
        freed.id,
    ]


def test_only_jobs_that_are_due_count_as_waiting(ledger: Ledger, clock: Clock) -> None:
    job = claimed(ledger, number=1)
    ledger.jobs.accept(instance(2), PIPELINE)
    ledger.jobs.released(job.id, "w1", "disk full", clock.now + timedelta(seconds=30))
    assert ledger.jobs.count_waiting() == {PIPELINE: 1}
    clock.advance(30)
    assert ledger.jobs.count_waiting() == {PIPELINE: 2}


# Pipelines


def test_a_worker_is_only_given_jobs_of_the_pipeline_it_has(ledger: Ledger) -> None:
    job_id = ledger.jobs.accept(instance(1), PIPELINE).job_id
    assert ledger.jobs.claim(job_id, "another", "w1", LEASE_S) is None
    assert ledger.jobs.claim(job_id, PIPELINE, "w2", LEASE_S) is not None


def test_what_waits_is_counted_by_pipeline(ledger: Ledger) -> None:
    for number in range(3):
        ledger.jobs.accept(instance(number), PIPELINE if number else "another")
    assert ledger.jobs.count_waiting() == {PIPELINE: 2, "another": 1}


def test_a_pipeline_takes_over_what_waits_for_another_but_not_the_same_image_twice(
    ledger: Ledger,
) -> None:
    waiting = ledger.jobs.accept(instance(1), "old").job_id
    twice = ledger.jobs.accept(instance(2), "old").job_id
    ledger.jobs.accept(instance(2), PIPELINE)
    held = ledger.jobs.accept(instance(3), "old").job_id
    assert ledger.jobs.claim(held, "old", "w1", LEASE_S) is not None
    assert ledger.jobs.adopt(PIPELINE) == [waiting]
    pipelines = {job_id: _pipeline(ledger, job_id) for job_id in (waiting, twice, held)}
    assert pipelines == {waiting: PIPELINE, twice: "old", held: "old"}
    assert ledger.reports.events(waiting)[-1].event == "taken over by another pipeline"
    states = [_state(ledger, job_id) for job_id in (waiting, twice, held)]
    assert states == [JobState.RECEIVED, JobState.SKIPPED, JobState.ANALYZING]
    assert ledger.jobs.claim(waiting, PIPELINE, "w2", LEASE_S) is not None


def test_an_image_that_waits_for_two_pipelines_of_before_is_taken_over_once(
    ledger: Ledger,
) -> None:
    older = ledger.jobs.accept(instance(1), "older").job_id
    old = ledger.jobs.accept(instance(1), "old").job_id
    assert ledger.jobs.adopt(PIPELINE) == [old]
    assert _state(ledger, older) is JobState.SKIPPED


def _state(ledger: Ledger, job_id: int) -> JobState:
    job = ledger.jobs.get(job_id)
    assert job is not None
    return job.state


def _pipeline(ledger: Ledger, job_id: int) -> str:
    job = ledger.jobs.get(job_id)
    assert job is not None
    return job.pipeline
