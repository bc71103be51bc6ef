"""Rejection notes: what is stopped, and what may still come in its place."""

import pytest

from dicom_node.ledger import JobState, LeaseLost, Ledger, Progress
from tests.dicom_node.ledger.records import (
    PIPELINE,
    built,
    claimed,
    corrected,
    deliver,
    happened,
    instance,
    job_of,
    note,
    output,
    progress,
    state,
    to,
)


def test_a_rejected_image_is_not_analysed_whatever_its_state(ledger: Ledger) -> None:
    waits = ledger.jobs.accept(instance(1), PIPELINE).job_id
    analysed = claimed(ledger, number=2)
    sent = built(ledger, "PACS", roles="AB", number=3)
    rejecting = note(ledger)
    uids = [f"1.2.3.{number}" for number in (1, 2, 3, 4)]
    rejected, leaving = ledger.rejections.rejected(rejecting, "w1", uids, "113001", "rejected: why")
    assert (rejected, leaving) == ([waits, analysed.id, sent], 0)
    for job_id in rejected:
        job = job_of(ledger, job_id)
        assert (job.state, job.reason) == (JobState.SKIPPED, "rejected: why")
    assert deliver(ledger) == []
    with pytest.raises(LeaseLost):
        ledger.handover.built(analysed.id, "w1", [output("A")], to("PACS"))


def test_a_rejected_image_is_analysed_again_only_for_other_bytes(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="A")
    ledger.rejections.rejected(note(ledger), "w1", ["1.2.3.1"], "113001", "rejected: why")
    assert not ledger.jobs.accept(instance(), PIPELINE).is_reopened
    # Nor by another pipeline.
    assert ledger.jobs.accept(instance(), "fpn-2").state is JobState.SKIPPED
    assert ledger.jobs.accept(corrected(), PIPELINE).is_reopened
    assert state(ledger, job_id) is JobState.RECEIVED


def test_what_is_unsafe_for_the_patient_no_other_bytes_bring_back(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="A")
    ledger.rejections.rejected(note(ledger), "w1", ["1.2.3.1"], "113037", "rejected: why")
    assert not ledger.jobs.accept(corrected(), PIPELINE).is_reopened
    assert state(ledger, job_id) is JobState.SKIPPED


def test_an_image_rejected_before_it_came_is_skipped_when_it_does(ledger: Ledger) -> None:
    assert ledger.rejections.rejected(
        note(ledger), "w1", ["1.2.3.1"], "113001", "rejected: why"
    ) == ([], 0)
    acceptance = ledger.jobs.accept(instance(), PIPELINE)
    assert (acceptance.is_new, acceptance.state) == (True, JobState.SKIPPED)
    assert happened(ledger, acceptance.job_id) == ["received", "rejected"]


def test_what_has_left_before_its_time_was_up_stays(ledger: Ledger) -> None:
    delivered = built(ledger, "PACS", roles="A", number=1)
    deliver(ledger)
    waits = built(ledger, "PACS", roles="A", number=2)
    uids = ["1.2.3.1", "1.2.3.2"]
    rejected, _ = ledger.rejections.rejected(
        note(ledger), "w1", uids, "113039", "rejected: expired"
    )
    assert rejected == [waits]
    assert progress(ledger, delivered) is Progress.DELIVERED


def test_a_note_that_is_obeyed_again_leaves_what_has_come_since(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="A")
    rejecting = note(ledger)
    ledger.rejections.rejected(rejecting, "w1", ["1.2.3.1"], "113001", "rejected: why")
    ledger.jobs.accept(corrected(), PIPELINE)
    assert ledger.rejections.rejected(rejecting, "w1", ["1.2.3.1"], "113001", "rejected: why") == (
        [],
        0,
    )
    assert state(ledger, job_id) is JobState.RECEIVED
