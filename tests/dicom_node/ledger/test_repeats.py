"""What a person lets begin again."""

from datetime import timedelta

from dicom_node.ledger import (
    REFUSED,
    Ledger,
    Selection,
)
from tests.dicom_node.ledger.records import (
    LEASE_S,
    PIPELINE,
    Clock,
    built,
    claimed,
    fail,
    instance,
    note,
    skip,
)


def test_a_person_repeats_what_failed_or_was_skipped(ledger: Ledger, clock: Clock) -> None:
    failed, skipped = claimed(ledger, number=1), claimed(ledger, number=2)
    done = built(ledger, "PACS", number=3)
    fail(ledger, failed)
    clock.advance(60)
    skip(ledger, skipped)
    found = ledger.requeue.candidates(Selection())
    assert [(one.job_id, one.is_built) for one in found] == [
        (failed.id, False),
        (skipped.id, False),
    ]
    assert [one.job_id for one in ledger.requeue.candidates(Selection(states=["FAILED"]))] == [
        failed.id
    ]
    since = Selection(since=clock.now - timedelta(seconds=1))
    assert [one.job_id for one in ledger.requeue.candidates(since)] == [skipped.id]
    named = Selection(sop_instance_uids=["1.2.3.2", "1.2.3.3"])
    assert [one.job_id for one in ledger.requeue.candidates(named)] == [skipped.id]
    of_study = Selection(study_instance_uids=["1.2.9"], job_ids=[failed.id, done])
    assert [one.job_id for one in ledger.requeue.candidates(of_study)] == [failed.id]
    assert ledger.requeue.repeat([failed.id, skipped.id, done], PIPELINE, "root@host") == [
        failed.id,
        skipped.id,
    ]
    last = ledger.reports.events(failed.id)[-1]
    assert (last.event, last.owner) == ("to be analysed again, as a person asked", "root@host")
    assert ledger.jobs.waiting(PIPELINE, 10, clock.now - timedelta(days=1)) == [
        failed.id,
        skipped.id,
    ]


def test_what_a_destination_refused_is_told_from_what_was_not_analysed(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="AB")
    batch = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    for delivery in batch:
        ledger.deliveries.refused(delivery.id, "s1", 0xC000, "no")
    (candidate,) = ledger.requeue.candidates(Selection(states=[REFUSED]))
    assert (candidate.job_id, candidate.is_built) == (job_id, True)


def test_what_is_repeated_after_an_upgrade_is_done_by_the_pipeline_of_today(
    ledger: Ledger,
) -> None:
    old, both = claimed(ledger, number=1), claimed(ledger, number=2)
    fail(ledger, old)
    fail(ledger, both)
    ledger.jobs.accept(instance(2), "fpn-2")
    assert ledger.requeue.repeat([old.id, both.id], "fpn-2", "root@host") == [old.id]
    assert ledger.jobs.claim(old.id, "fpn-2", "w1", LEASE_S) is not None


def test_a_rejected_image_is_repeated_only_by_its_name(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="A")
    ledger.rejections.rejected(note(ledger), "w1", ["1.2.3.1"], "113037", "rejected: why")
    assert job_id not in [
        one.job_id for one in ledger.requeue.candidates(Selection(states=["SKIPPED"]))
    ]
    assert [one.job_id for one in ledger.requeue.candidates(Selection(job_ids=[job_id]))] == [
        job_id
    ]
