"""What readers click, in the ledger: which counts, and what is gone with new results."""

from datetime import timedelta

import pytest

from dicom_node.errors import NodeError
from dicom_node.ledger import FindingsRecord, Ledger, Said, Verdict
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

FOUND = FindingsRecord("negative", "", 0.0, 0.0, 0.0, ("SPACING",))


def found(ledger: Ledger, number: int = 1) -> int:
    job = claimed(ledger, number=number)
    ledger.handover.built(job.id, "w1", [output("SR", number)], to("PACS"), FOUND)
    return job.id


def test_of_each_reader_the_last_click_counts_and_every_one_is_kept(
    ledger: Ledger, clock: Clock
) -> None:
    job_id = found(ledger)
    for reader, verdict in (
        ("ann", Verdict.ACCEPT),
        ("bob", Verdict.UNSURE),
        ("ann", Verdict.REJECT),
    ):
        clock.advance(1)
        ledger.assessments.keep(job_id, reader, verdict, "hostile\0\ud800 note")
    kept = ledger.assessments.of_job(job_id)
    assert [(one.reader, one.verdict.value) for one in kept] == [
        ("ann", "accept"), ("bob", "unsure"), ("ann", "reject"),
    ]  # fmt: skip
    assert kept[0].note == "hostile?? note"
    (image,) = ledger.assessments.since(START - timedelta(days=1), 10)
    assert [(one.reader, one.verdict.value) for one in image.said] == [
        ("bob", "unsure"), ("ann", "reject"),
    ]  # fmt: skip
    assert (image.job_id, image.decision, image.cautions, image.differs) == (
        job_id, "negative", ("SPACING",), False,
    )  # fmt: skip


def test_what_was_not_analysed_cannot_be_judged(ledger: Ledger) -> None:
    job = claimed(ledger)
    with pytest.raises(NodeError, match="no results"):
        ledger.assessments.keep(job.id, "ann", Verdict.ACCEPT)
    skip(ledger, job)
    with pytest.raises(NodeError, match="no results"):
        ledger.assessments.keep(job.id, "ann", Verdict.ACCEPT)
    with pytest.raises(NodeError, match="no results"):
        ledger.assessments.keep(99, "ann", Verdict.ACCEPT)
    assert ledger.assessments.since(START - timedelta(days=1), 10) == []


def test_results_of_other_bytes_are_judged_anew(ledger: Ledger) -> None:
    job_id = found(ledger)
    ledger.assessments.keep(job_id, "ann", Verdict.ACCEPT)
    assert ledger.assessments.accepted() == [job_id]
    deliver(ledger)
    assert ledger.jobs.accept(corrected(), PIPELINE).is_reopened
    assert ledger.jobs.claim(job_id, PIPELINE, "w1", 60.0) is not None
    ledger.handover.built(job_id, "w1", [output("SR", 9)], to("PACS"), FOUND)
    assert ledger.assessments.of_job(job_id) == []
    assert ledger.assessments.accepted() == []


def test_one_who_rejects_outweighs_those_who_accept(ledger: Ledger) -> None:
    liked, doubted, disputed, excluded = (found(ledger, number) for number in (1, 2, 3, 4))
    for job_id, verdicts in {
        liked: (Verdict.ACCEPT, Verdict.UNSURE),
        doubted: (Verdict.UNSURE,),
        disputed: (Verdict.ACCEPT, Verdict.REJECT),
        excluded: (Verdict.ACCEPT, Verdict.EXCLUDE),
    }.items():
        for reader, verdict in zip(("ann", "bob"), verdicts, strict=False):
            ledger.assessments.keep(job_id, reader, verdict)
    assert ledger.assessments.accepted() == [liked]
    assert ledger.assessments.excluded() == {excluded}


def test_where_a_pipeline_that_is_tried_decides_otherwise_is_known(ledger: Ledger) -> None:
    same, other = found(ledger, 1), found(ledger, 2)
    for job_id, decision in ((same, "negative"), (other, "positive")):
        assert ledger.shadows.begin(job_id, "lite-2")
        ledger.shadows.keep(job_id, "lite-2", Said(decision), None)
    images = ledger.assessments.since(START - timedelta(days=1), 10)
    assert {one.job_id: one.differs for one in images} == {same: False, other: True}
    assert ledger.assessments.since(START + timedelta(days=1), 10) == []
    assert len(ledger.assessments.since(START - timedelta(days=1), 1)) == 1
