"""What a pipeline says that is only tried: which images it has before it, and what is compared."""

from datetime import timedelta

from dicom_node.ledger import FindingsRecord, Kept, Ledger, Said, Tried
from dicom_node.ledger.shadow.shadows import LOST_AFTER_S, MOST_TRIES
from tests.dicom_node.ledger.records import (
    PIPELINE,
    START,
    Clock,
    claimed,
    corrected,
    deliver,
    output,
    skip,
    to,
)

SHADOW = "lite-2"
SENT = FindingsRecord("negative", "", 0.0, 0.0, 0.0)
OTHERWISE = Said("positive", 10.0, 20.0, 15.0)
DAY_S = 24 * 3600.0


def found(ledger: Ledger, number: int) -> int:
    """An image that was analysed, with its results on their way."""
    job = claimed(ledger, number=number)
    ledger.handover.built(job.id, "w1", [output("SR", number)], to("PACS"), SENT)
    return job.id


def pending(ledger: Ledger, leading: str = PIPELINE, shadow: str = SHADOW) -> list[int]:
    return ledger.shadows.pending(leading, shadow, START - timedelta(days=1), 10)


def compared(
    ledger: Ledger, leading: str = PIPELINE, shadow: str = SHADOW
) -> list[tuple[int, str, str]]:
    pairs = ledger.shadows.compared(leading, shadow, START - timedelta(days=1))
    return [(one.job_id, one.leading.decision, one.shadow.decision) for one in pairs]


def tried(ledger: Ledger) -> Tried:
    return ledger.shadows.tried(PIPELINE, SHADOW, START - timedelta(days=1))


def test_what_was_analysed_is_to_be_tried_the_newest_first(ledger: Ledger, clock: Clock) -> None:
    first = found(ledger, 1)
    clock.advance(1)
    second = found(ledger, 2)
    skip(ledger, claimed(ledger, number=3))
    waiting = claimed(ledger, number=4)
    assert pending(ledger) == [second, first]
    assert ledger.shadows.is_due(PIPELINE)
    skip(ledger, waiting)
    assert not ledger.shadows.is_due(PIPELINE)
    assert ledger.shadows.pending(PIPELINE, SHADOW, clock.now, 10) == [second]
    assert pending(ledger, leading="another") == []


def test_what_is_kept_is_compared_and_not_tried_again(ledger: Ledger) -> None:
    job_id = found(ledger, 1)
    assert ledger.shadows.begin(job_id, SHADOW)
    ledger.shadows.keep(job_id, SHADOW, OTHERWISE, b"picture")
    assert pending(ledger) == []
    assert not ledger.shadows.begin(job_id, SHADOW)
    (one,) = ledger.shadows.compared(PIPELINE, SHADOW, START - timedelta(days=1))
    assert one.leading == Said("negative", 0.0, 0.0, 0.0)
    assert one.shadow == OTHERWISE
    assert one.has_picture
    assert ledger.shadows.picture(job_id) == b"picture"
    assert ledger.shadows.picture(job_id + 1) is None


def test_one_that_kills_whoever_tries_it_is_given_up(ledger: Ledger, clock: Clock) -> None:
    job_id = found(ledger, 1)
    for _ in range(MOST_TRIES):
        assert pending(ledger) == [job_id]
        assert ledger.shadows.begin(job_id, SHADOW)
        # Another process, or this one started again too soon: it may still be at work.
        assert not ledger.shadows.begin(job_id, SHADOW)
        assert pending(ledger) == []
        clock.advance(LOST_AFTER_S + 1)
    assert pending(ledger) == []
    assert not ledger.shadows.begin(job_id, SHADOW)
    assert tried(ledger) == Tried(waiting=0, failed=1)


def test_what_failed_is_counted_and_not_compared(ledger: Ledger) -> None:
    job_id = found(ledger, 1)
    found(ledger, 2)
    assert ledger.shadows.begin(job_id, SHADOW)
    ledger.shadows.failed(job_id, SHADOW, "the file is gone")
    assert compared(ledger) == []
    assert tried(ledger) == Tried(waiting=1, failed=1)


def test_after_the_two_changed_places_each_keeps_what_it_said(ledger: Ledger) -> None:
    job_id = found(ledger, 1)
    assert ledger.shadows.begin(job_id, SHADOW)
    ledger.shadows.keep(job_id, SHADOW, OTHERWISE, None)
    assert compared(ledger) == [(job_id, "negative", "positive")]
    assert compared(ledger, SHADOW, PIPELINE) == [(job_id, "positive", "negative")]


def test_other_bytes_of_the_image_are_tried_anew(ledger: Ledger) -> None:
    job_id = found(ledger, 1)
    deliver(ledger)
    assert ledger.shadows.begin(job_id, SHADOW)
    ledger.shadows.keep(job_id, SHADOW, OTHERWISE, None)
    assert ledger.jobs.accept(corrected(), PIPELINE).is_reopened
    assert ledger.jobs.claim(job_id, PIPELINE, "w1", 60.0) is not None
    ledger.handover.built(job_id, "w1", [output("SR", 9)], to("PACS"), SENT)
    assert compared(ledger) == []
    assert pending(ledger) == [job_id]
    assert ledger.shadows.begin(job_id, SHADOW)


def test_what_is_purged_is_gone_here_too(ledger: Ledger, clock: Clock) -> None:
    job_id = found(ledger, 1)
    assert ledger.shadows.begin(job_id, SHADOW)
    ledger.shadows.keep(job_id, SHADOW, OTHERWISE, b"picture")
    deliver(ledger)
    clock.advance(40 * DAY_S)
    kept = Kept(clock.now, clock.now)
    ledger.pruning.forget(kept, ledger.pruning.look(kept, 0, limit=2).job_ids, lambda _: None)
    assert ledger.jobs.get(job_id) is None
    assert ledger.shadows.picture(job_id) is None
    # Whoever was at work on it meanwhile finds nothing to keep it in.
    ledger.shadows.keep(job_id, SHADOW, OTHERWISE, None)
    assert compared(ledger) == []
