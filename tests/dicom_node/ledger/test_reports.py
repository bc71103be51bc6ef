"""The health of the whole: what `status` is told."""

from datetime import timedelta
from traceback import format_exception

from dicom_node.errors import Undecodable
from dicom_node.ledger import JobState, Ledger, Progress, Refusal, Skipped
from dicom_node.ops.remedies import refusal_remedy, remedy
from tests.dicom_node.ledger.records import (
    LEASE_S,
    PIPELINE,
    START,
    Clock,
    built,
    claimed,
    instance,
    output,
    to,
)


def test_the_summary_shows_the_node_at_a_glance(ledger: Ledger, clock: Clock) -> None:
    assert ledger.reports.summary().oldest_waiting_age_s is None
    built(ledger, "PACS", "RESEARCH", roles="AB", number=1)
    skipped, failed = claimed(ledger, number=2), claimed(ledger, number=3)
    ledger.handover.skipped(skipped.id, "w1", "a lateral view")
    clock.advance(1)
    ledger.handover.failed(failed.id, "w1", "undecodable")
    ledger.jobs.accept(instance(4), PIPELINE)
    clock.advance(30)
    ledger.jobs.accept(instance(5), PIPELINE)
    summary = ledger.reports.summary()
    assert summary.counts == {
        JobState.RECEIVED: 2,
        JobState.ANALYZING: 0,
        JobState.BUILT: 1,
        JobState.SKIPPED: 1,
        JobState.FAILED: 1,
    }
    assert summary.oldest_waiting_age_s == 30
    assert summary.deliveries_waiting == {"PACS": 2, "RESEARCH": 2}
    assert summary.oldest_delivery_age_s == {"PACS": 31, "RESEARCH": 31}
    assert [(f.sop_instance_uid, f.at, f.reason) for f in summary.failures] == [
        ("1.2.3.3", START + timedelta(seconds=1), "undecodable")
    ]
    assert summary.skipped == (Skipped("a lateral view", 1, START),)


def test_skipped_instances_are_counted_by_reason_and_never_bury_a_failure(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.handover.failed(claimed(ledger, number=1).id, "w1", "undecodable")
    for number in range(2, 30):
        clock.advance(1)
        reason = "a lateral view" if number % 4 else "no chest"
        ledger.handover.skipped(claimed(ledger, number=number).id, "w1", reason)
    summary = ledger.reports.summary()
    assert [(skip.reason, skip.count) for skip in summary.skipped] == [
        ("a lateral view", 21), ("no chest", 7),
    ]  # fmt: skip
    assert summary.skipped[1].last_at == START + timedelta(seconds=27)
    assert [failure.reason for failure in summary.failures] == ["undecodable"]


def test_what_people_say_is_counted_together_whichever_jobs_it_is_about(
    ledger: Ledger, clock: Clock
) -> None:
    for number in range(1, 13):
        clock.advance(1)
        verdict = "accept" if number % 2 else "reject"
        said = f"a reader's verdict ({verdict}, of the results of job {number}, kept)"
        ledger.handover.skipped(claimed(ledger, number=number).id, "w1", said)
    for number, view in enumerate(("RL", "LL"), start=20):
        clock.advance(1)
        refused = f"not a frontal view (View Position {view})"
        ledger.handover.skipped(claimed(ledger, number=number).id, "w1", refused)
    skipped = ledger.reports.summary().skipped
    assert [(one.reason, one.count) for one in skipped] == [
        ("a reader's verdict", 12),
        ("not a frontal view (View Position LL)", 1),
        ("not a frontal view (View Position RL)", 1),
    ]
    assert skipped[0].last_at == START + timedelta(seconds=12)


def test_a_failure_says_what_ended_it(ledger: Ledger) -> None:
    def fail(number: int, error: Exception) -> None:
        try:
            raise error
        except Exception as exc:
            trace = "".join(format_exception(exc))
        ledger.handover.failed(claimed(ledger, number=number).id, "w1", str(error), trace)

    fail(1, Undecodable("1.2.3: cut short\nWarning: and more"))
    fail(2, KeyError("x"))
    unexpected, undecodable = ledger.reports.summary().failures
    assert (unexpected.event, unexpected.error) == ("failed", "KeyError")
    assert (undecodable.event, undecodable.error) == ("failed", "Undecodable")
    assert "report it" in remedy(unexpected)
    assert "send it again" in remedy(undecodable)


def test_a_refusal_says_what_to_do_and_is_no_failure(ledger: Ledger) -> None:
    built(ledger, "PACS", "RESEARCH", roles="AB", number=3)
    for delivery in ledger.deliveries.claim("PACS", "s1", LEASE_S, 10):
        ledger.deliveries.refused(delivery.id, "s1", 0x0110, "processing failure")
    summary = ledger.reports.summary()
    assert (summary.counts[JobState.BUILT], summary.failures) == (1, ())
    (refusal,) = summary.refusals
    assert refusal == Refusal(1, "1.2.3.3", "PACS", START, "processing failure", 2, is_lost=False)
    assert "requeue --job 1 --state REFUSED" in refusal_remedy(refusal)


def test_what_was_built_is_counted_by_how_far_it_has_got(ledger: Ledger) -> None:
    delivered, refused, waiting, forgotten, kept = (
        built(ledger, *to, roles="AB", number=number)
        for number, to in enumerate([["A"], ["B"], ["A", "C"], ["D"], []])
    )
    for name in "AB":
        while batch := ledger.deliveries.claim(name, "s1", LEASE_S, 10):
            for delivery in batch:
                if delivery.job_id == refused:
                    ledger.deliveries.refused(delivery.id, "s1", 0x0110, "no")
                else:
                    ledger.deliveries.delivered(delivery.id, "s1", 0x0000)
    ledger.destinations.forget("D", "me@host")
    # What failed is not among them, though what it has to say waits.
    failed = claimed(ledger, number=9)
    ledger.handover.failed(failed.id, "w1", "r", "", [output("SR", 9)], to("C"))
    assert ledger.deliveries.progress([delivered, refused, waiting, forgotten, kept]) == {
        delivered: Progress.DELIVERED,
        refused: Progress.INCOMPLETE,
        waiting: Progress.WAITING,
        forgotten: Progress.WITHDRAWN,
        kept: Progress.KEPT,
    }
    # Nothing was asked to be verified, and no destination is silent.
    nobody = {Progress.SENT: 0, Progress.UNVERIFIED: 0, Progress.HELD: 0}
    assert ledger.reports.summary().progress == dict.fromkeys(Progress, 1) | nobody
