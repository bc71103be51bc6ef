"""What need not be kept: delivered long ago, and nothing else; what comes again is known."""

import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Boolean, literal_column

from dicom_node.ledger import JobState, Kept, Ledger, Purged, Selection
from dicom_node.ledger.tables.moves import Condition
from dicom_node.ledger.work import pruning
from tests.dicom_node.ledger.records import (
    OTHER,
    PIPELINE,
    START,
    Clock,
    built,
    claimed,
    deliver,
    fail,
    happened,
    instance,
    job_of,
    output,
    skip,
    state,
    to,
)

DAY_S = 24 * 3600.0


def kept(clock: Clock) -> Kept:
    return Kept(clock.now, clock.now)


def purge(ledger: Ledger, clock: Clock) -> list[str]:
    """All that ended before now; the files that were removed."""
    removed: list[str] = []

    def remove(paths: Collection[str]) -> None:
        removed.extend(sorted(paths))

    after: int | None = 0
    while after is not None:
        window = ledger.pruning.look(kept(clock), after, limit=2)
        ledger.pruning.forget(kept(clock), window.job_ids, remove)
        after = window.next_after
    return removed


def delivered(ledger: Ledger, number: int = 1) -> int:
    job_id = built(ledger, "PACS", number=number)
    deliver(ledger)
    return job_id


def test_what_was_delivered_goes_with_its_files_once_its_time_is_over(
    ledger: Ledger, clock: Clock
) -> None:
    job_id = delivered(ledger)
    assert purge(ledger, clock) == []
    clock.advance(1)
    assert purge(ledger, clock) == [
        "outputs/cd/A.1.dcm", "outputs/cd/B.1.dcm", "received/ab/1.2.3.1.dcm",
    ]  # fmt: skip
    assert ledger.jobs.get(job_id) is None
    assert happened(ledger, job_id) == []
    assert ledger.deliveries.of_job(job_id) == []
    (left,) = ledger.pruning.purged(["1.2.3.1"])
    assert left == Purged("1.2.3.1", clock.now, "1.2.9", START, START, None)
    assert ledger.pruning.purged([], ["1.2.9"]) == [left]
    assert ledger.pruning.count_purged(START, clock.now) == 1
    assert ledger.pruning.count_purged(clock.now, None) == 0


def test_what_a_person_asked_of_it_goes_along(ledger: Ledger, clock: Clock) -> None:
    job = claimed(ledger)
    ledger.handover.skipped(job.id, "w1", "not the chest (Body Part Examined HIP)")
    assert ledger.requeue.override(job.id, PIPELINE, "otto", "it is the chest")
    again = ledger.jobs.claim(job.id, PIPELINE, "w1", 60)
    assert again is not None
    assert again.overridden == "not the chest (Body Part Examined HIP)"
    ledger.handover.skipped(job.id, "w1", "more than one frame")
    clock.advance(DAY_S)
    purge(ledger, clock)
    assert ledger.jobs.get(job.id) is None
    assert ledger.requeue.override_of(job.id) is None


def test_all_go_however_few_are_looked_at_at_once(ledger: Ledger, clock: Clock) -> None:
    built(ledger, number=1)
    for number in range(2, 7):
        delivered(ledger, number)
    clock.advance(1)
    assert len(purge(ledger, clock)) == 5 * 3


def test_of_each_the_time_is_its_own(ledger: Ledger, clock: Clock) -> None:
    job = claimed(ledger, number=2)
    skip(ledger, job)
    job_id = delivered(ledger, number=1)
    clock.advance(DAY_S)
    for only, gone in ((Kept(None, clock.now), job.id), (Kept(clock.now, None), job_id)):
        assert ledger.pruning.look(only).job_ids == (gone,)
    assert ledger.pruning.look(Kept(None, None)).job_ids == ()


def test_what_is_not_delivered_stays(ledger: Ledger, clock: Clock) -> None:
    built(ledger, "PACS", "DEAD PACS", number=1)
    deliver(ledger)
    built(ledger, number=2)
    refused = built(ledger, "PACS", number=3)
    for delivery in ledger.deliveries.claim("PACS", "s1", 60, 10):
        ledger.deliveries.refused(delivery.id, "s1", 0xA900, "no")
    claimed(ledger, number=4)
    ledger.jobs.accept(instance(5), PIPELINE)
    fail(ledger, claimed(ledger, number=6))
    clock.advance(1000 * DAY_S)
    assert purge(ledger, clock) == []
    assert state(ledger, refused) is JobState.BUILT


def test_what_was_touched_between_look_and_purge_stays(ledger: Ledger, clock: Clock) -> None:
    job_id = delivered(ledger)
    clock.advance(DAY_S)
    before = kept(clock)
    assert ledger.pruning.look(before).job_ids == (job_id,)
    ledger.jobs.accept(instance(1, sha256=OTHER), PIPELINE)
    assert ledger.pruning.forget(before, [job_id], lambda _: pytest.fail("removed")) == 0


def test_a_file_that_another_job_needs_stays(ledger: Ledger, clock: Clock) -> None:
    delivered(ledger)
    clock.advance(1)
    other = ledger.jobs.accept(instance(1), "another pipeline").job_id
    assert purge(ledger, clock) == ["outputs/cd/A.1.dcm", "outputs/cd/B.1.dcm"]
    assert state(ledger, other) is JobState.RECEIVED


def test_files_that_cannot_be_removed_keep_their_rows(ledger: Ledger, clock: Clock) -> None:
    job_id = delivered(ledger)
    clock.advance(1)

    def remove(_paths: Collection[str]) -> None:
        raise OSError("read-only")

    with pytest.raises(OSError, match="read-only"):
        ledger.pruning.forget(kept(clock), [job_id], remove)
    assert state(ledger, job_id) is JobState.BUILT
    assert len(purge(ledger, clock)) == 3


# What comes again


def test_the_same_bytes_again_are_known_and_analysed_only_for_a_person(
    ledger: Ledger, clock: Clock
) -> None:
    delivered(ledger)
    clock.advance(1)
    purge(ledger, clock)
    again = ledger.jobs.accept(instance(1), PIPELINE)
    assert (again.is_new, again.state) == (True, JobState.SKIPPED)
    job = job_of(ledger, again.job_id)
    assert job.reason == (
        "its results were delivered before, and purged on 2026-03-01; to have it analysed again:"
        f" cxr-node requeue --job {job.id}"
    )
    # What would be made of it gets other UIDs than what the destinations have.
    assert job.issue == 1
    clock.advance(1)
    purge(ledger, clock)
    assert ledger.jobs.accept(instance(1), PIPELINE).state is JobState.SKIPPED


def test_other_bytes_are_analysed_as_a_further_issue(ledger: Ledger, clock: Clock) -> None:
    delivered(ledger)
    clock.advance(1)
    purge(ledger, clock)
    again = ledger.jobs.accept(instance(1, sha256=OTHER), PIPELINE)
    assert again.state is JobState.RECEIVED
    assert job_of(ledger, again.job_id).issue == 1


def test_another_pipeline_knows_nothing_of_it(ledger: Ledger, clock: Clock) -> None:
    delivered(ledger)
    clock.advance(1)
    purge(ledger, clock)
    again = ledger.jobs.accept(instance(1), "another pipeline")
    assert (again.state, job_of(ledger, again.job_id).issue) == (JobState.RECEIVED, 0)


def test_what_a_rejection_note_said_outlives_the_image(ledger: Ledger, clock: Clock) -> None:
    note = claimed(ledger, number=99)
    ledger.rejections.rejected(note, "w1", ["1.2.3.1"], "113037", "rejected for patient safety")
    skip(ledger, note)
    clock.advance(DAY_S)
    purge(ledger, clock)
    assert ledger.jobs.get(note.id) is not None
    assert ledger.jobs.accept(instance(1), PIPELINE).state is JobState.SKIPPED


def test_what_a_person_has_sent_again_meanwhile_is_not_purged(
    ledger: Ledger, ledger_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not ledger_url.startswith("postgresql"):
        pytest.skip("SQLite lets nobody else write")
    job = claimed(ledger)
    notice, route = output("SR"), to("PACS")
    ledger.handover.skipped(job.id, "w1", "lateral", built=[notice], routes=route)
    deliver(ledger)
    clock.advance(1)
    due = pruning._due

    def slowly(asked: Kept) -> Condition:
        return due(asked) & literal_column("pg_sleep(2) IS NOT NULL", Boolean)

    monkeypatch.setattr(pruning, "_due", slowly)
    lost = Selection(states=["DELIVERED"])
    with ThreadPoolExecutor(1) as beside:
        purged = beside.submit(ledger.pruning.forget, kept(clock), [job.id], lambda _paths: None)
        time.sleep(1)
        again = ledger.repairs.redeliver([job.id], "me", lost)
    assert (purged.result(), again) in [(1, 0), (0, 1)]
