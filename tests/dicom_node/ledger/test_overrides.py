"""What was refused and is wanted all the same: which bytes, by whom, and what it says of others."""

from datetime import timedelta

import pytest

from dicom_node.ledger import Filter, FindingsRecord, JobState, Ledger
from tests.dicom_node.ledger.records import (
    OTHER,
    PIPELINE,
    Clock,
    built,
    claimed,
    corrected,
    happened,
    instance,
    job_of,
    output,
    state,
    to,
)

REFUSAL = "not the chest (Body Part Examined HIP)"


def refuse(ledger: Ledger, reason: str = REFUSAL, number: int = 1) -> int:
    job = claimed(ledger, number=number)
    ledger.handover.skipped(job.id, "w1", reason)
    return job.id


def test_it_waits_for_a_worker_who_is_told_what_is_passed_over(
    ledger: Ledger, clock: Clock
) -> None:
    job_id = refuse(ledger)
    assert ledger.requeue.can_override(job_id)
    assert ledger.requeue.override(job_id, PIPELINE, "otto", "it is the chest")
    assert state(ledger, job_id) is JobState.RECEIVED
    taken = ledger.jobs.claim(job_id, PIPELINE, "w1", 60)
    assert taken is not None
    assert taken.overridden == job_of(ledger, job_id).overridden == REFUSAL
    asked = ledger.requeue.override_of(job_id)
    assert asked is not None
    assert (asked.by, asked.why, asked.at) == ("otto", "it is the chest", clock.now)
    assert "to be analysed although it was refused, as a person asked" in happened(ledger, job_id)


@pytest.mark.parametrize(
    "reason",
    [
        "SOP Class is not CR, DX or Secondary Capture (SOP Class CT Image Storage)",
        "Modality is neither CR nor DX (Modality US)",
        "more than one frame (Number of Frames 2)",
        "too large to analyse (60000 x 60000 pixels, the limit is 100 megapixels)",
        "rejected: Quality Reasons",
        "withdrawn by ada on the page",
    ],
)
def test_what_is_no_matter_of_an_erring_header_is_not_passed_over(
    ledger: Ledger, reason: str
) -> None:
    job_id = refuse(ledger, reason)
    assert not ledger.requeue.can_override(job_id)
    assert not ledger.requeue.override(job_id, PIPELINE, "otto", "please")
    assert state(ledger, job_id) is JobState.SKIPPED


def test_what_is_built_or_waits_needs_no_such_thing(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS")
    assert not ledger.requeue.override(job_id, PIPELINE, "otto", "please")
    assert not ledger.requeue.override(4711, PIPELINE, "otto", "please")
    assert ledger.requeue.override_of(job_id) is None


def test_it_is_of_these_bytes_and_of_no_others(ledger: Ledger) -> None:
    job_id = refuse(ledger)
    ledger.requeue.override(job_id, PIPELINE, "otto", "it is the chest")
    assert ledger.jobs.claim(job_id, PIPELINE, "w1", 60)
    ledger.handover.built(job_id, "w1", [output("A")], to("PACS", roles="A"))
    ledger.jobs.accept(corrected(), PIPELINE)
    job = job_of(ledger, job_id)
    assert (job.sha256, job.overridden) == (OTHER, "")
    assert ledger.requeue.override_of(job_id) is None
    (before,) = ledger.issues.earlier(job_id, ()).sources
    assert before.overridden == REFUSAL
    # They bring nothing new: it is about those again that a person asked for.
    claimed_again = ledger.jobs.claim(job_id, PIPELINE, "w1", 60)
    assert claimed_again is not None
    ledger.issues.unchanged(claimed_again, "w1", "the same pixels")
    assert job_of(ledger, job_id).overridden == REFUSAL


def test_an_image_that_todays_pipeline_has_another_job_of_is_left(ledger: Ledger) -> None:
    job_id = refuse(ledger)
    ledger.jobs.accept(instance(), "another")
    assert not ledger.requeue.override(job_id, "another", "otto", "please")
    assert state(ledger, job_id) is JobState.SKIPPED


def test_it_says_nothing_of_its_device(ledger: Ledger, clock: Clock) -> None:
    found = FindingsRecord("undetermined", "", None, None, None, ("not_eligible",), 0.4, 0.2, 1.8)
    usual = FindingsRecord("negative", "", 0.0, 0.0, 0.0, (), 0.6, 0.2, 1.5)
    job_id = refuse(ledger)
    ledger.requeue.override(job_id, PIPELINE, "otto", "it is the chest")
    assert ledger.jobs.claim(job_id, PIPELINE, "w1", 60)
    ledger.handover.built(job_id, "w1", [], [], found)
    ledger.handover.built(claimed(ledger, number=2).id, "w1", [], [], usual)
    ((_, now),) = ledger.quality.by_device(
        clock.now - timedelta(days=30), clock.now - timedelta(days=7)
    ).values()
    assert (now.received, now.analysed, now.cautioned) == (2, 1, 0)
    assert now.looks["brightness"].mean == pytest.approx(0.6)
    assert now.looks["sharpness"].count == 1


def test_results_are_searched_by_destination_and_reason(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", "OLD")
    for one in ledger.deliveries.claim("PACS", "s1", 60, 10):
        ledger.deliveries.refused(one.id, "s1", 0xC000, "PACS: Disk 100% full")
    ids = ledger.lookups.ids
    assert ids(Filter(states=["REFUSED"], destinations=["PACS"], reason="disk 100%"), 9) == [job_id]
    assert ids(Filter(states=["REFUSED"], destinations=["OLD"]), 9) == []
    assert ids(Filter(states=["WAITING"], destinations=["OLD"]), 9) == [job_id]
    counts = ledger.lookups.tally(Filter(destinations=["OLD"], reason="disk"))
    assert (counts["REFUSED"], counts["BUILT"]) == (0, 1)
    counts = ledger.lookups.tally(Filter(reason="DISK"))
    assert (counts["REFUSED"], counts["WAITING"]) == (1, 0)
    named = Filter(states=["REFUSED"], study_instance_uids=["1.2.9"], destinations=["OLD"])
    assert ids(named, 9) == []
    assert ledger.lookups.tally(Filter(destinations=["PACS"]))["REFUSED"] == 1
