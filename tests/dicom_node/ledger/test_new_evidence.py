"""An instance that comes again, and the issues of its results."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from dicom_node.ledger import (
    REJECTION_NOTE,
    Acceptance,
    DeliveryState,
    Job,
    JobState,
    LeaseLost,
    Ledger,
    Progress,
)
from tests.dicom_node.ledger.records import (
    LEASE_S,
    OTHER,
    PIPELINE,
    Clock,
    built,
    claimed,
    corrected,
    deliver,
    fail,
    instance,
    job_of,
    output,
    progress,
    skip,
    state,
    to,
)


def again(ledger: Ledger, job_id: int) -> Job:
    """Claimed once more."""
    job = ledger.jobs.claim(job_id, PIPELINE, "w1", LEASE_S)
    assert job is not None
    return job


def states(ledger: Ledger, job_id: int) -> list[str]:
    return [f"{d.role} {d.state}" for d in ledger.deliveries.of_job(job_id)]


# Coming again


@pytest.mark.parametrize("end", [fail, skip])
def test_other_bytes_open_what_failed_or_was_skipped(
    ledger: Ledger, clock: Clock, end: Callable[[Ledger, Job], None]
) -> None:
    job = claimed(ledger)
    end(ledger, job)
    clock.advance(60)
    acceptance = ledger.jobs.accept(corrected(), PIPELINE)
    assert acceptance == Acceptance(job.id, False, JobState.RECEIVED, True, is_reopened=True)
    now = job_of(ledger, job.id)
    assert (now.sha256, now.path, now.study_instance_uid) == (OTHER, "received/ff/x.dcm", "1.2.8")
    assert (now.attempts, now.deaths, now.reason, now.issue) == (0, 0, None, 0)
    assert now.received_at == clock.now
    last = ledger.reports.events(job.id)[-1]
    assert last.event == "reopened"
    assert "ab" * 32 in last.detail
    assert OTHER in last.detail


def test_the_same_bytes_open_what_failed_and_not_what_was_skipped(ledger: Ledger) -> None:
    failed, skipped = claimed(ledger, number=1), claimed(ledger, number=2)
    fail(ledger, failed)
    skip(ledger, skipped)
    assert ledger.jobs.accept(instance(1), PIPELINE).is_reopened
    assert not ledger.jobs.accept(instance(2), PIPELINE).is_reopened
    assert (state(ledger, failed.id), state(ledger, skipped.id)) == (
        JobState.RECEIVED,
        JobState.SKIPPED,
    )
    assert job_of(ledger, failed.id).received_at == failed.received_at


def test_the_same_bytes_do_not_analyse_again_what_a_destination_refused(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="A")
    (delivery,) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 1)
    ledger.deliveries.refused(delivery.id, "s1", 0xC000, "no")
    assert progress(ledger, job_id) is Progress.INCOMPLETE
    assert not ledger.jobs.accept(instance(), PIPELINE).is_reopened


def test_of_bytes_that_come_while_the_job_waits_the_newest_are_analysed(ledger: Ledger) -> None:
    job_id = ledger.jobs.accept(instance(), PIPELINE).job_id
    assert ledger.jobs.accept(corrected(), PIPELINE).is_reopened
    assert ledger.jobs.accept(corrected("ee" * 32), PIPELINE).is_reopened
    job = again(ledger, job_id)
    assert (job.sha256, job.issue) == ("ee" * 32, 0)
    assert ledger.issues.earlier(job_id, ()).sources == ()


def test_bytes_that_come_while_others_are_analysed_take_the_job_away(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handover.handed_over(job.id, "w1", [output("SEG")], to("PACS"))
    assert ledger.jobs.accept(corrected(), PIPELINE).is_reopened
    with pytest.raises(LeaseLost):
        ledger.handover.built(job.id, "w1", [output("SR")], to("PACS"))
    now = again(ledger, job.id)
    # Something of the first bytes may be out: these results need names of their own.
    assert (now.sha256, now.issue) == (OTHER, 1)


def test_two_copies_that_arrive_at_once_leave_one_job_about_one_of_them(ledger: Ledger) -> None:
    copies = [corrected(f"{number:02x}" * 32) for number in range(1, 9)]
    with ThreadPoolExecutor(4) as pool:
        accepted = list(pool.map(lambda copy: ledger.jobs.accept(copy, PIPELINE), copies))
    assert len({one.job_id for one in accepted}) == 1
    assert sum(one.is_new for one in accepted) == 1
    assert all(one.is_new or one.is_reopened for one in accepted)
    job = job_of(ledger, accepted[0].job_id)
    assert (job.sha256, job.path) in {(copy.sha256, copy.path) for copy in copies}
    assert job.state is JobState.RECEIVED


# Issues


def reissued(ledger: Ledger) -> Job:
    """A job whose results were delivered, claimed for other bytes."""
    job_id = built(ledger, "PACS", roles="AB")
    deliver(ledger)
    assert progress(ledger, job_id) is Progress.DELIVERED
    assert ledger.jobs.accept(corrected(), PIPELINE).is_reopened
    return again(ledger, job_id)


def test_a_new_issue_knows_what_was_made_of_what_and_where_it_is(ledger: Ledger) -> None:
    job = reissued(ledger)
    earlier = ledger.issues.earlier(job.id, ())
    (before,) = earlier.sources
    assert (before.issue, before.standing, before.sha256) == (0, True, "ab" * 32)
    assert [(one.destination, one.role, one.study_instance_uid) for one in earlier.arrived] == [
        ("PACS", "A", "1.2.9"),
        ("PACS", "B", "1.2.9"),
    ]
    assert not earlier.may_leave


def test_what_has_not_left_of_an_earlier_issue_never_does(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", "AWAY", roles="AB")
    deliver(ledger, "PACS", 1)
    ledger.jobs.accept(corrected(), PIPELINE)
    job = again(ledger, job_id)
    assert ledger.issues.superseded(job, "w1", (), "other pixels") == 0
    ledger.handover.built(job.id, "w1", [output("A", 7)], to("PACS", roles="A"))
    assert deliver(ledger, "AWAY") == []
    assert deliver(ledger, "PACS") == ["A"]
    assert progress(ledger, job_id) is Progress.DELIVERED
    (change,) = ledger.reports.summary().changes
    assert "other pixels" in change.what


def test_what_is_just_being_sent_is_waited_for(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="AB")
    (sending,) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 1)
    ledger.jobs.accept(corrected(), PIPELINE)
    job = again(ledger, job_id)
    assert ledger.issues.superseded(job, "w1", (), "other pixels") == 1
    ledger.deliveries.delivered(sending.id, "s1", 0x0000)
    assert ledger.issues.superseded(job, "w1", (), "other pixels") == 0
    assert states(ledger, job_id) == ["A DELIVERED", "B WITHDRAWN"]


def test_what_may_have_got_there_with_a_sender_that_vanished_is_taken_back(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="AB")
    first, _ = ledger.deliveries.claim("PACS", "dead", LEASE_S, 2)
    ledger.deliveries.free_of(["dead"])
    ledger.jobs.accept(corrected(), PIPELINE)
    job = again(ledger, job_id)
    assert ledger.issues.superseded(job, "w1", (), "other pixels") == 0
    assert first.id in {one.delivery_id for one in ledger.issues.earlier(job_id, ()).arrived}


def test_where_nothing_that_matters_changed_the_results_stand(ledger: Ledger) -> None:
    job = reissued(ledger)
    ledger.issues.unchanged(job, "w1", "the same pixels")
    now = job_of(ledger, job.id)
    assert (now.state, now.sha256, now.issue) == (JobState.BUILT, "ab" * 32, 0)
    assert now.study_instance_uid == "1.2.9"
    # Neither of the two is anything new from now on.
    assert not ledger.jobs.accept(corrected(), PIPELINE).is_reopened
    assert not ledger.jobs.accept(instance(), PIPELINE).is_reopened
    # What differs from both is, and is compared with what stands.
    assert ledger.jobs.accept(corrected("ee" * 32), PIPELINE).is_reopened
    before = ledger.issues.earlier(job.id, ()).sources[-1]
    assert (before.sha256, before.standing) == ("ab" * 32, True)


def test_deliveries_go_on_while_it_is_looked_whether_anything_matters(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="AB")
    ledger.jobs.accept(corrected(), PIPELINE)
    job = again(ledger, job_id)
    deliver(ledger)
    ledger.issues.unchanged(job, "w1", "the same pixels")
    assert progress(ledger, job_id) is Progress.DELIVERED


def test_only_who_holds_the_job_may_call_it_unchanged(ledger: Ledger) -> None:
    job = reissued(ledger)
    with pytest.raises(LeaseLost):
        ledger.issues.unchanged(job, "w2", "the same pixels")


def noted(ledger: Ledger) -> tuple[int, str]:
    """A job whose two earlier outputs a rejection note is to take back; the note's UID."""
    job, rejection = reissued(ledger), output(REJECTION_NOTE)
    ids = [one.delivery_id for one in ledger.issues.earlier(job.id, ()).arrived]
    ledger.issues.to_be_retracted(job.id, ids, rejection.sop_instance_uid)
    routes = to("PACS", roles=[REJECTION_NOTE])
    ledger.handover.handed_over(job.id, "w1", [rejection], routes)
    return job.id, rejection.sop_instance_uid


def test_what_a_delivered_rejection_note_takes_back_is_said(ledger: Ledger) -> None:
    job_id, uid = noted(ledger)
    assert {one.retracted_by for one in ledger.issues.earlier(job_id, ()).arrived} == {uid}
    assert states(ledger, job_id)[:2] == ["A DELIVERED", "B DELIVERED"]
    assert deliver(ledger) == [REJECTION_NOTE]
    assert {one.retracted_by for one in ledger.issues.earlier(job_id, ()).arrived} == {uid}
    assert states(ledger, job_id)[:2] == ["A RETRACTED", "B RETRACTED"]
    (change,) = ledger.reports.summary().changes
    assert change.what.startswith(f"2 outputs withdrawn by a rejection note: {uid}")


def test_a_refused_rejection_note_takes_nothing_back_until_it_is_accepted(ledger: Ledger) -> None:
    job_id, uid = noted(ledger)
    (note,) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    ledger.deliveries.refused(note.id, "s1", 0x0122, "PACS does not accept rejection note")
    assert states(ledger, job_id)[:2] == ["A DELIVERED", "B DELIVERED"]
    assert {one.retracted_by for one in ledger.issues.earlier(job_id, ()).arrived} == {uid}
    summary = ledger.reports.summary()
    assert not summary.changes
    assert [one.is_note for one in summary.refusals] == [True]
    ledger.repairs.redeliver([job_id], "me@host")
    deliver(ledger)
    assert states(ledger, job_id)[:2] == ["A RETRACTED", "B RETRACTED"]


def test_a_withdrawn_delivery_is_no_reason_to_fail(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="AB")
    refused, _ = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    ledger.deliveries.refused(refused.id, "s1", 0xC000, "no")
    ledger.deliveries.free_of(["s1"])
    ledger.jobs.accept(corrected(), PIPELINE)
    job = again(ledger, job_id)
    ledger.issues.superseded(job, "w1", (), "other pixels")
    ledger.handover.built(job.id, "w1", [output("A", 7)], to("PACS", roles="A"))
    deliver(ledger)
    assert progress(ledger, job_id) is Progress.DELIVERED
    assert {d.state for d in ledger.deliveries.of_job(job_id)} == {
        DeliveryState.WITHDRAWN,
        DeliveryState.DELIVERED,
    }
