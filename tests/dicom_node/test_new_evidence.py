"""What the worker makes of an instance that comes again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.uid import RLELossless, generate_uid
from sqlalchemy import update

from dicom_node.config import Reports
from dicom_node.config.profiles import STANDARD, Profile
from dicom_node.demo.results import Percentages, count_segmentation
from dicom_node.intake.rejection import read_rejection
from dicom_node.ledger import REJECTION_NOTE, JobState, LeaseLost, Progress, Route
from dicom_node.ledger.tables.schema import jobs
from dicom_node.worker import process, spool_output
from inference.engines import Engine, ProbabilityMaps
from sr_writer.equipment import Equipment
from tests.conformance.validators import dciodvfy
from tests.dicom_node.bench import LEASE_S, PACS, Bench
from tests.dicom_node.ledger.records import progress
from tests.dicom_node.radiographs import changed, file_bytes, other_pixels, radiograph, unreadable
from tests.dicom_node.rejecting import predecessors, referenced, title

pytestmark = pytest.mark.slow

ONLY_SR = Profile(("SEG", "SR"), next_best=False)


# What failed or was skipped


def test_the_report_of_an_image_sent_again_takes_the_place_of_the_failures(bench: Bench) -> None:
    job_id = bench.accept(unreadable())
    assert bench.work(job_id, STANDARD).state is JobState.FAILED
    notice = bench.deliver()["SR"]
    assert bench.accept(file_bytes(radiograph())) == job_id
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    results = bench.deliver()
    assert set(results) == {"SEG", "SR", "SC"}
    assert predecessors(results["SR"]) == {notice.SOPInstanceUID}
    assert results["SR"].SOPInstanceUID != notice.SOPInstanceUID
    assert results["SR"].ContentTime > notice.ContentTime or (
        results["SR"].ContentDate > notice.ContentDate
    )
    job = bench.ledger.jobs.get(job_id)
    assert job is not None
    assert (job.state, job.reason) == (JobState.BUILT, None)


def test_a_report_of_failure_that_has_not_left_never_does(bench: Bench) -> None:
    job_id = bench.accept(unreadable())
    bench.work(job_id, STANDARD)
    bench.accept(file_bytes(radiograph()))
    bench.work(job_id, STANDARD)
    results = bench.deliver()
    assert set(results) == {"SEG", "SR", "SC"}
    assert predecessors(results["SR"]) == set()


def test_a_corrected_label_makes_of_what_was_skipped_a_result(bench: Bench) -> None:
    lateral = radiograph(ViewPosition="LL")
    job_id = bench.accept(file_bytes(lateral))
    assert bench.work(job_id, STANDARD).state is JobState.SKIPPED
    lateral.ViewPosition = "PA"
    bench.accept(file_bytes(lateral))
    assert bench.work(job_id, STANDARD).state is JobState.BUILT


def test_an_image_that_fails_again_for_the_same_reason_is_not_reported_again(
    bench: Bench,
) -> None:
    """An archive that routes a study whenever a report joins it would never come to rest."""
    half = changed(radiograph(), PixelData=radiograph().PixelData[:1000])
    job_id = bench.accept(file_bytes(half))
    bench.work(job_id, STANDARD)
    assert set(bench.deliver()) == {"SR"}
    bench.accept(file_bytes(half))
    assert bench.work(job_id, STANDARD).state is JobState.FAILED
    assert bench.deliver() == {}
    bench.accept(file_bytes(changed(half, StudyDescription="rewritten by an archive")))
    assert bench.work(job_id, STANDARD).state is JobState.FAILED
    assert bench.deliver() == {}


def test_what_was_reported_as_not_analysed_is_reported_once(bench: Bench) -> None:
    reports = Reports(not_analysed=True)
    lateral = radiograph(ViewPosition="LL")
    job_id = bench.accept(file_bytes(lateral))
    bench.work(job_id, STANDARD, reports=reports)
    assert set(bench.deliver()) == {"SR"}
    bench.accept(file_bytes(changed(lateral, StudyDescription="rewritten by an archive")))
    assert bench.work(job_id, STANDARD, reports=reports).state is JobState.SKIPPED
    assert bench.deliver() == {}


# What had its results


def test_a_change_that_matters_to_nothing_is_noted_and_changes_nothing(bench: Bench) -> None:
    image = radiograph()
    job_id = bench.accept(file_bytes(image))
    bench.work(job_id, STANDARD)
    bench.deliver()
    image.StudyDescription = "CHEST, described better"
    image.PatientName = f"{image.PatientName}^^"
    assert bench.accept(file_bytes(image)) == job_id
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    image.compress(RLELossless, generate_instance_uid=False)
    bench.accept(file_bytes(image))
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    assert bench.deliver() == {}
    noted = [
        e for e in bench.ledger.reports.events(job_id) if e.event == "nothing that matters changed"
    ]
    assert len(noted) == 2


def test_other_pixels_make_a_new_issue_that_takes_the_place_of_the_old(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    bench.work(job_id, STANDARD)
    first = bench.deliver()
    bench.accept(file_bytes(other_pixels()))
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    second = bench.deliver()
    assert set(second) == {"SEG", "SR", "SC", REJECTION_NOTE}
    assert {second[role].SOPInstanceUID for role in first}.isdisjoint(
        one.SOPInstanceUID for one in first.values()
    )
    assert predecessors(second["SR"]) == {first["SR"].SOPInstanceUID}
    note = second[REJECTION_NOTE]
    assert title(note) == "Rejected for Quality Reasons"
    # The report has its successor; masks and picture have no such way.
    assert referenced(note, "CurrentRequestedProcedureEvidenceSequence") == {
        first["SEG"].SOPInstanceUID,
        first["SC"].SOPInstanceUID,
    }
    assert progress(bench.ledger, job_id) is Progress.DELIVERED
    assert any("pixels" in change.what for change in bench.ledger.reports.summary().changes)


def test_results_in_a_wrong_study_are_taken_back_there_and_made_in_the_right_one(
    bench: Bench, tmp_path: Path
) -> None:
    wrong = radiograph()
    job_id = bench.accept(file_bytes(wrong))
    bench.work(job_id, STANDARD)
    first = bench.deliver()
    right = changed(
        wrong,
        PatientID="THE-RIGHT-ONE",
        PatientName="Right^Patient",
        StudyInstanceUID=generate_uid(),
        SeriesInstanceUID=generate_uid(),
    )
    bench.accept(file_bytes(right))
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    second = bench.deliver()
    note = second.pop(REJECTION_NOTE)
    for role, result in second.items():
        assert (result.PatientID, result.StudyInstanceUID) == (
            "THE-RIGHT-ONE",
            right.StudyInstanceUID,
        ), role
    assert (note.PatientID, note.StudyInstanceUID) == (wrong.PatientID, wrong.StudyInstanceUID)
    assert title(note) == "Incorrect Modality Worklist Entry"
    assert referenced(note, "CurrentRequestedProcedureEvidenceSequence") == {
        one.SOPInstanceUID for one in first.values()
    }
    said = read_rejection(note)
    assert said is not None
    assert set(said.sop_instance_uids) == {one.SOPInstanceUID for one in first.values()}
    # Other programs read what we write.
    for number, dataset in enumerate((note, second["SR"])):
        dataset.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
        assert dciodvfy(tmp_path / f"{number}.dcm") == []


def test_each_destination_is_told_of_what_it_has(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    bench.work(job_id, STANDARD, ONLY_SR)
    first = bench.deliver("other1")
    bench.accept(file_bytes(other_pixels()))
    bench.work(job_id, STANDARD, ONLY_SR)
    # Nothing of the first issue had left for the first destination, and none of it does.
    assert set(bench.deliver()) == {"SEG", "SR", "SC"}
    second = bench.deliver("other1")
    note = second[REJECTION_NOTE]
    evidence = referenced(note, "CurrentRequestedProcedureEvidenceSequence")
    assert evidence == {first["SEG"].SOPInstanceUID}


def test_what_is_just_leaving_is_waited_for(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    bench.work(job_id, ONLY_SR)
    (sending,) = bench.ledger.deliveries.claim(PACS, "sender", LEASE_S, 1)
    bench.accept(file_bytes(other_pixels()))
    waiting = bench.work(job_id, ONLY_SR)
    assert (waiting.state, waiting.reason) == (
        JobState.RECEIVED,
        "1 earlier results are just being sent",
    )
    bench.ledger.deliveries.delivered(sending.id, "sender", 0x0000)
    bench.clock.ahead += timedelta(hours=1)
    assert bench.work(job_id, ONLY_SR).state is JobState.BUILT
    # What had arrived by then is taken back, and nothing else.
    results = bench.deliver()
    note = results[REJECTION_NOTE]
    evidence = referenced(note, "CurrentRequestedProcedureEvidenceSequence")
    assert evidence == {sending.sop_instance_uid}
    assert predecessors(results["SR"]) == set()


class Interrupted:
    """The real networks; while they look at the first image, `meanwhile` happens."""

    def __init__(self, engine: Engine, meanwhile: Callable[[], object]) -> None:
        self.size, self.models = engine.size, engine.models
        self._engine = engine
        self._meanwhile: Callable[[], object] | None = meanwhile

    def segment(self, images: NDArray[np.float32]) -> ProbabilityMaps:
        if self._meanwhile is not None:
            self._meanwhile()
            self._meanwhile = None
        return self._engine.segment(images)


def test_an_analysis_of_bytes_that_are_replaced_meanwhile_leaves_nothing(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    other = file_bytes(other_pixels())
    engine = Interrupted(bench.engine, lambda: bench.accept(other))
    assert bench.work(job_id, STANDARD, engine=engine).state is JobState.RECEIVED
    assert bench.ledger.deliveries.of_job(job_id) == []
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    alone = process(other, bench.engine, Equipment(), datetime.now(UTC)).analysis
    assert alone is not None
    found = alone.findings
    expected = Percentages(
        found.left.infected_percent, found.right.infected_percent, found.infected_percent
    )
    seg = next(sent for sent in bench.ledger.deliveries.of_job(job_id) if sent.role == "SEG")
    assert count_segmentation(bench.spool.resolve(seg.path)).agree(expected)


def test_results_that_have_left_when_their_bytes_are_replaced_are_taken_back(
    bench: Bench,
) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    claimed = bench.ledger.jobs.claim(job_id, bench.pipeline, "other worker", LEASE_S)
    assert claimed is not None
    outputs = process(file_bytes(radiograph()), bench.engine, Equipment(), claimed.received_at)
    built = [spool_output(bench.spool, output) for output in outputs.write(["SEG", "SR"])]
    route = Route(PACS, STANDARD.outputs)
    bench.ledger.handover.handed_over(job_id, "other worker", built, [route])
    first = bench.deliver()
    bench.accept(file_bytes(other_pixels()))
    with pytest.raises(LeaseLost):
        bench.ledger.handover.built(job_id, "other worker", [], [route])
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    second = bench.deliver()
    assert predecessors(second["SR"]) == {first["SR"].SOPInstanceUID}
    evidence = referenced(second[REJECTION_NOTE], "CurrentRequestedProcedureEvidenceSequence")
    assert evidence == {first["SEG"].SOPInstanceUID}


def test_a_destination_that_knows_no_rejection_notes_gets_none(bench: Bench) -> None:
    plain = Profile(STANDARD.outputs, rejection_notes=False)
    job_id = bench.accept(file_bytes(radiograph()))
    bench.work(job_id, plain)
    bench.deliver()
    bench.accept(file_bytes(other_pixels()))
    bench.work(job_id, plain)
    assert set(bench.deliver()) == {"SEG", "SR", "SC"}


def test_results_stay_where_a_damaged_copy_follows(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    bench.work(job_id, STANDARD)
    first = bench.deliver()
    bench.accept(unreadable())
    assert bench.work(job_id, STANDARD).state is JobState.FAILED
    assert set(bench.deliver()) == {"SR"}
    # The whole image again: its report is the last word, once more.
    bench.accept(file_bytes(radiograph()))
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    last = bench.deliver()
    assert first["SR"].SOPInstanceUID in predecessors(last["SR"])
    assert len(predecessors(last["SR"])) == 2


def test_a_label_corrected_to_lateral_takes_the_results_back(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    bench.work(job_id, STANDARD)
    first = bench.deliver()
    bench.accept(file_bytes(changed(radiograph(), ViewPosition="LL")))
    assert bench.work(job_id, STANDARD).state is JobState.SKIPPED
    note = bench.deliver()[REJECTION_NOTE]
    evidence = referenced(note, "CurrentRequestedProcedureEvidenceSequence")
    assert evidence == {one.SOPInstanceUID for one in first.values()}


def test_a_retry_of_a_new_issue_builds_the_same_bytes(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    bench.work(job_id, STANDARD)
    bench.deliver()
    bench.accept(file_bytes(other_pixels()))
    bench.work(job_id, STANDARD)
    before = {d.id: d.sha256 for d in bench.ledger.deliveries.of_job(job_id)}
    with bench.ledger._database.write() as connection:
        connection.execute(update(jobs).values(state=JobState.RECEIVED))
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    assert {d.id: d.sha256 for d in bench.ledger.deliveries.of_job(job_id)} == before
    files = [path.name for path in (bench.folder / "spool" / "outputs").rglob("*.dcm")]
    # Six outputs, a new issue of the three that are sent (all had been taken), and one note.
    assert len(files) == 10
