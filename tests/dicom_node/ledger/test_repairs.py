"""What is opened again: damaged outputs, and deliveries that a person asks for."""

from dataclasses import replace

import pytest

from dicom_node.errors import UNKNOWN_TRIES
from dicom_node.ledger import Delivery, DeliveryState, Job, JobState, LeaseLost, Ledger, Progress
from tests.dicom_node.ledger.records import (
    LEASE_S,
    PIPELINE,
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

REASON = "SEG 1.2.3: outputs/cd/SEG.1.dcm is damaged in the spool (its SHA-256 differs)"


def take(ledger: Ledger, destination: str = "PACS") -> list[Delivery]:
    return ledger.deliveries.claim(destination, "s1", LEASE_S, 10)


def states(ledger: Ledger, job_id: int) -> dict[str, str]:
    return {d.role: d.state.value for d in ledger.deliveries.of_job(job_id)}


def again(ledger: Ledger, job_id: int) -> Job:
    job = ledger.jobs.claim(job_id, PIPELINE, "w1", LEASE_S)
    assert job is not None
    return job


def one_damaged(ledger: Ledger) -> int:
    """A job of SEG and SR: the SEG is damaged, the SR has arrived."""
    job_id = claimed(ledger).id
    ledger.handover.built(job_id, "w1", [output("SEG"), output("SR")], to("PACS"))
    seg, sr = take(ledger)
    assert ledger.repairs.damaged(seg.id, "s1", REASON) is DeliveryState.DAMAGED
    ledger.deliveries.delivered(sr.id, "s1", 0x0000)
    return job_id


def test_a_damaged_output_opens_its_job_again(ledger: Ledger, clock: Clock) -> None:
    job_id = one_damaged(ledger)
    job = ledger.jobs.get(job_id)
    assert job is not None
    assert (job.state, job.reason, job.attempts) == (JobState.RECEIVED, REASON, 0)
    assert states(ledger, job_id) == {"SEG": "DAMAGED", "SR": "DELIVERED"}
    assert ledger.jobs.waiting(PIPELINE, 10, clock.now) == [job_id]
    # Nobody sends it until it is built again.
    clock.advance(3600)
    assert take(ledger) == []
    assert ledger.deliveries.next_due("PACS") is None
    assert ledger.reports.summary().deliveries_waiting == {"PACS": 1}


def test_what_is_built_again_leaves_and_what_has_arrived_does_not(ledger: Ledger) -> None:
    job_id = one_damaged(ledger)
    again(ledger, job_id)
    ledger.handover.built(job_id, "w1", [output("SEG"), output("SR")], to("PACS"))
    (seg,) = take(ledger)
    assert seg.role == "SEG"
    ledger.deliveries.delivered(seg.id, "s1", 0x0000)
    assert progress(ledger, job_id) is Progress.DELIVERED
    assert happened(ledger, job_id).count("built again") == 1


def test_it_leaves_as_soon_as_it_is_handed_over(ledger: Ledger) -> None:
    job_id = one_damaged(ledger)
    again(ledger, job_id)
    ledger.handover.handed_over(job_id, "w1", [output("SEG")], to("PACS"))
    assert [d.role for d in take(ledger)] == ["SEG"]


def test_bytes_that_are_built_anew_are_those_that_are_sent(ledger: Ledger) -> None:
    job_id = one_damaged(ledger)
    again(ledger, job_id)
    anew = replace(output("SEG"), path="outputs/ef/SEG.1.dcm", sha256="ef" * 32, size_bytes=101)
    ledger.handover.built(job_id, "w1", [anew, output("SR")], to("PACS"))
    (seg,) = take(ledger)
    assert (seg.path, seg.sha256) == (anew.path, anew.sha256)
    assert seg.sop_instance_uid == output("SEG").sop_instance_uid


def test_two_destinations_that_find_it_damaged_have_it_built_once(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", "RESEARCH", roles="A")
    (first,), (second,) = take(ledger), take(ledger, "RESEARCH")
    ledger.repairs.damaged(first.id, "s1", REASON)
    again(ledger, job_id)
    ledger.handover.handed_over(job_id, "w1", [output("A")], to("PACS", "RESEARCH", roles="A"))
    # It read the file before that was written again.
    ledger.repairs.damaged(second.id, "s1", REASON)
    assert state(ledger, job_id) is JobState.ANALYZING
    ledger.handover.built(job_id, "w1", [], to("PACS", "RESEARCH", roles="A"))
    assert state(ledger, job_id) is JobState.BUILT
    assert len(take(ledger)) == len(take(ledger, "RESEARCH")) == 1


def test_what_cannot_be_built_again_is_dead_and_the_job_says_why(ledger: Ledger) -> None:
    job_id = one_damaged(ledger)
    again(ledger, job_id)
    ledger.handover.failed(job_id, "w1", "the received file is lost; send the image again")
    assert states(ledger, job_id) == {"SEG": "DEAD", "SR": "DELIVERED"}
    job = ledger.jobs.get(job_id)
    assert job is not None
    assert (job.state, job.reason) == (
        JobState.FAILED,
        "the received file is lost; send the image again",
    )
    (seg, _) = ledger.deliveries.of_job(job_id)
    assert seg.reason == f"its file is damaged and could not be built again: {job.reason}"
    assert take(ledger) == []


def test_what_was_lost_leaves_once_the_image_has_come_again(ledger: Ledger) -> None:
    job_id = one_damaged(ledger)
    again(ledger, job_id)
    ledger.handover.failed(job_id, "w1", "the received file is lost; send the image again")
    assert ledger.jobs.accept(instance(), PIPELINE).is_reopened
    again(ledger, job_id)
    ledger.handover.built(job_id, "w1", [output("SEG"), output("SR")], to("PACS"))
    assert [d.role for d in take(ledger)] == ["SEG"]


def test_results_that_were_lost_do_not_stand_when_other_bytes_come(ledger: Ledger) -> None:
    job_id = one_damaged(ledger)
    again(ledger, job_id)
    ledger.handover.failed(job_id, "w1", "the received file is lost; send the image again")
    ledger.jobs.accept(instance(sha256="ff" * 32), PIPELINE)
    assert [one.standing for one in ledger.issues.earlier(job_id, ()).sources] == [False]


def test_what_is_damaged_dies_with_the_workers_that_were_to_build_it(ledger: Ledger) -> None:
    job_id = one_damaged(ledger)
    for _ in range(UNKNOWN_TRIES + 1):
        assert ledger.jobs.claim(job_id, PIPELINE, "dead", LEASE_S) is not None
        ledger.jobs.free_of(["dead"])
    assert state(ledger, job_id) is JobState.FAILED
    assert states(ledger, job_id)["SEG"] == "DEAD"


def test_what_is_damaged_again_and_again_is_given_up(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="A")
    for _ in range(UNKNOWN_TRIES):
        (taken,) = take(ledger)
        assert ledger.repairs.damaged(taken.id, "s1", REASON) is DeliveryState.DAMAGED
        again(ledger, job_id)
        ledger.handover.built(job_id, "w1", [output("A")], to("PACS", roles="A"))
    (taken,) = take(ledger)
    assert ledger.repairs.damaged(taken.id, "s1", REASON) is DeliveryState.DEAD
    assert (state(ledger, job_id), progress(ledger, job_id)) == (
        JobState.BUILT,
        Progress.INCOMPLETE,
    )
    (lost,) = ledger.reports.summary().refusals
    assert (lost.reason, lost.is_lost) == (
        f"{REASON}; building it again 3 times did not help",
        True,
    )
    # A person may know that the disk has been changed.
    assert ledger.repairs.redeliver([job_id], "me") == 1
    (taken,) = take(ledger)
    assert ledger.repairs.damaged(taken.id, "s1", REASON) is DeliveryState.DAMAGED


def test_a_sender_that_lost_the_delivery_damages_nothing(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="A")
    (taken,) = take(ledger)
    ledger.deliveries.delivered(taken.id, "s1", 0x0000)
    with pytest.raises(LeaseLost):
        ledger.repairs.damaged(taken.id, "s1", REASON)
    assert progress(ledger, job_id) is Progress.DELIVERED


@pytest.mark.parametrize("end", ["failed", "skipped"])
def test_a_notice_that_is_damaged_is_written_again(ledger: Ledger, end: str) -> None:
    job = claimed(ledger)
    ends = getattr(ledger.handover, end)
    ends(job.id, "w1", "the reason", built=[output("SR")], routes=to("PACS"))
    (notice,) = take(ledger)
    ledger.repairs.damaged(notice.id, "s1", REASON)
    again(ledger, job.id)
    ends(job.id, "w1", "the reason", built=[output("SR")], routes=to("PACS"))
    assert state(ledger, job.id) is JobState[end.upper()]
    assert [d.role for d in take(ledger)] == ["SR"]


# On request


def refuse_all(ledger: Ledger) -> None:
    for delivery in take(ledger):
        ledger.deliveries.refused(delivery.id, "s1", 0xC000, "PACS: answered 0xc000")


def test_what_was_refused_is_sent_again_on_request(ledger: Ledger, clock: Clock) -> None:
    job_id = built(ledger, "PACS", roles="AB")
    other = built(ledger, "PACS", roles="A", number=2)
    refuse_all(ledger)
    refused = [progress(ledger, one) for one in (job_id, other)]
    assert refused == [Progress.INCOMPLETE, Progress.INCOMPLETE]
    clock.advance(60)
    assert ledger.repairs.redeliver([job_id], "me") == 2
    asked = [progress(ledger, one) for one in (job_id, other)]
    assert asked == [Progress.WAITING, Progress.INCOMPLETE]
    assert happened(ledger, job_id)[-1] == "to be delivered again, as a person asked"
    batch = take(ledger)
    assert [(d.job_id, d.role, d.attempts) for d in batch] == [(job_id, "A", 1), (job_id, "B", 1)]
    for delivery in batch:
        ledger.deliveries.delivered(delivery.id, "s1", 0x0000)
    assert progress(ledger, job_id) is Progress.DELIVERED


def test_what_has_arrived_or_waits_is_not_sent_again_on_request(ledger: Ledger) -> None:
    arrived = built(ledger, "PACS", roles="A")
    (delivery,) = take(ledger)
    ledger.deliveries.delivered(delivery.id, "s1", 0x0000)
    waiting = built(ledger, "PACS", roles="A", number=2)
    assert ledger.repairs.redeliver([arrived, waiting], "me") == 0
    assert ledger.repairs.redeliver([], "me") == 0
    unchanged = [progress(ledger, one) for one in (arrived, waiting)]
    assert unchanged == [Progress.DELIVERED, Progress.WAITING]


@pytest.mark.parametrize("end", ["failed", "skipped"])
def test_a_refused_notice_sent_again_makes_no_result_of_the_job(ledger: Ledger, end: str) -> None:
    job = claimed(ledger)
    getattr(ledger.handover, end)(
        job.id, "w1", "the reason", built=[output("SR")], routes=to("PACS")
    )
    refuse_all(ledger)
    assert ledger.repairs.redeliver([job.id], "me") == 1
    (notice,) = take(ledger)
    ledger.deliveries.delivered(notice.id, "s1", 0x0000)
    assert state(ledger, job.id) is JobState[end.upper()]


def test_being_declined_is_counted_since_a_person_last_asked(ledger: Ledger, clock: Clock) -> None:
    job_id = built(ledger, "PACS", roles="A")
    for count in range(3):
        (delivery,) = take(ledger)
        assert ledger.deliveries.times_declined(delivery.id) == count
        ledger.deliveries.retry(
            delivery.id, "s1", 0xC000, "answered 0xc000", clock.now, declined=True
        )
    refuse_all(ledger)
    ledger.repairs.redeliver([job_id], "me")
    (delivery,) = take(ledger)
    assert ledger.deliveries.times_declined(delivery.id) == 0


def test_a_warning_is_kept_beside_the_delivery(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="A")
    (delivery,) = take(ledger)
    ledger.deliveries.delivered(delivery.id, "s1", 0xB000, "Coercion of Data Elements")
    assert ledger.reports.events(job_id)[-1].detail == "status 0xb000: Coercion of Data Elements"
