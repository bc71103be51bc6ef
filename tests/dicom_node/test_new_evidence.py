"""What the worker makes of an instance that comes again, and of a rejection note."""

import copy
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.uid import KeyObjectSelectionDocumentStorage, RLELossless, generate_uid
from sqlalchemy import update

from dicom_node.cli.node.networks import load_networks
from dicom_node.config import Reports
from dicom_node.config.profiles import STANDARD, Profile
from dicom_node.demo.phantom import Kind
from dicom_node.demo.results import Percentages, count_segmentation
from dicom_node.intake.rejection import TITLES, read_rejection
from dicom_node.ledger import REJECTION_NOTE, JobState, LeaseLost, Progress, Route, Selection
from dicom_node.ledger.tables.schema import jobs
from dicom_node.worker import process, spool_output
from inference.engines import Engine, ProbabilityMaps
from sr_writer.equipment import Equipment
from tests.conformance.test_validators import dciodvfy
from tests.dicom_node.intake.test_listener import file_bytes
from tests.dicom_node.ledger.records import progress
from tests.dicom_node.test_worker import LEASE_S, PACS, Bench, radiograph, unreadable

pytestmark = pytest.mark.slow

ONLY_SR = Profile(("SEG", "SR"), next_best=False)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_networks("", "", "cpu")


@pytest.fixture
def bench(tmp_path: Path, engine: Engine) -> Iterator[Bench]:
    bench = Bench(tmp_path, engine)
    with closing(bench.ledger), closing(bench.queues):
        yield bench


def changed(image: Dataset, **attributes: object) -> Dataset:
    """The same instance with other values."""
    image = copy.deepcopy(image)
    for keyword, value in attributes.items():
        setattr(image, keyword, value)
    return image


def other_pixels() -> Dataset:
    """The same instance with another picture."""
    return changed(radiograph(), PixelData=radiograph(Kind.RIGHT_OPACITY).PixelData)


def deliver(bench: Bench, destination: str = PACS) -> dict[str, Dataset]:
    """What a sender would get there now: role to data set."""
    arrived = {}
    while batch := bench.ledger.deliveries.claim(destination, "sender", LEASE_S, 32):
        for delivery in batch:
            arrived[delivery.role] = dcmread(bench.spool.resolve(delivery.path))
            bench.ledger.deliveries.delivered(delivery.id, "sender", 0x0000)
    return arrived


def referenced(dataset: Dataset, keyword: str) -> set[str]:
    """SOP Instance UIDs of a hierarchical reference."""
    return {
        instance.ReferencedSOPInstanceUID
        for study in dataset.get(keyword, ())
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }


def predecessors(report: Dataset) -> set[str]:
    return referenced(report, "PredecessorDocumentsSequence")


def title(note: Dataset) -> str:
    return TITLES[note.ConceptNameCodeSequence[0].CodeValue]


def rejection_note(code: str, *images: Dataset) -> Dataset:
    """As an archive writes one."""
    note = copy.deepcopy(images[0])
    for keyword in ("PixelData", "Rows", "Columns"):
        del note[keyword]
    note.SOPClassUID = note.file_meta.MediaStorageSOPClassUID = KeyObjectSelectionDocumentStorage
    note.SOPInstanceUID = note.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    note.SeriesInstanceUID = generate_uid()
    note.Modality = "KO"
    name, study, series = Dataset(), Dataset(), Dataset()
    name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = code, "DCM", TITLES[code]
    note.ConceptNameCodeSequence = [name]
    study.StudyInstanceUID = images[0].StudyInstanceUID
    study.ReferencedSeriesSequence = [series]
    series.SeriesInstanceUID = images[0].SeriesInstanceUID
    series.ReferencedSOPSequence = []
    for image in images:
        item = Dataset()
        item.ReferencedSOPClassUID = image.SOPClassUID
        item.ReferencedSOPInstanceUID = image.SOPInstanceUID
        series.ReferencedSOPSequence.append(item)
    note.CurrentRequestedProcedureEvidenceSequence = [study]
    return note


# What failed or was skipped


def test_the_report_of_an_image_sent_again_takes_the_place_of_the_failures(bench: Bench) -> None:
    job_id = bench.accept(unreadable())
    assert bench.work(job_id, STANDARD).state is JobState.FAILED
    notice = deliver(bench)["SR"]
    assert bench.accept(file_bytes(radiograph())) == job_id
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    results = deliver(bench)
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
    results = deliver(bench)
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
    assert set(deliver(bench)) == {"SR"}
    bench.accept(file_bytes(half))
    assert bench.work(job_id, STANDARD).state is JobState.FAILED
    assert deliver(bench) == {}
    bench.accept(file_bytes(changed(half, StudyDescription="rewritten by an archive")))
    assert bench.work(job_id, STANDARD).state is JobState.FAILED
    assert deliver(bench) == {}


# What had its results


def test_a_change_that_matters_to_nothing_is_noted_and_changes_nothing(bench: Bench) -> None:
    image = radiograph()
    job_id = bench.accept(file_bytes(image))
    bench.work(job_id, STANDARD)
    deliver(bench)
    image.StudyDescription = "CHEST, described better"
    image.PatientName = f"{image.PatientName}^^"
    assert bench.accept(file_bytes(image)) == job_id
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    image.compress(RLELossless, generate_instance_uid=False)
    bench.accept(file_bytes(image))
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    assert deliver(bench) == {}
    noted = [
        e for e in bench.ledger.reports.events(job_id) if e.event == "nothing that matters changed"
    ]
    assert len(noted) == 2


def test_other_pixels_make_a_new_issue_that_takes_the_place_of_the_old(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    bench.work(job_id, STANDARD)
    first = deliver(bench)
    bench.accept(file_bytes(other_pixels()))
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    second = deliver(bench)
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
    first = deliver(bench)
    right = changed(
        wrong,
        PatientID="THE-RIGHT-ONE",
        PatientName="Right^Patient",
        StudyInstanceUID=generate_uid(),
        SeriesInstanceUID=generate_uid(),
    )
    bench.accept(file_bytes(right))
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    second = deliver(bench)
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
    first = deliver(bench, "other1")
    bench.accept(file_bytes(other_pixels()))
    bench.work(job_id, STANDARD, ONLY_SR)
    # Nothing of the first issue had left for the first destination, and none of it does.
    assert set(deliver(bench)) == {"SEG", "SR", "SC"}
    second = deliver(bench, "other1")
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
    results = deliver(bench)
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
    first = deliver(bench)
    bench.accept(file_bytes(other_pixels()))
    with pytest.raises(LeaseLost):
        bench.ledger.handover.built(job_id, "other worker", [], [route])
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    second = deliver(bench)
    assert predecessors(second["SR"]) == {first["SR"].SOPInstanceUID}
    evidence = referenced(second[REJECTION_NOTE], "CurrentRequestedProcedureEvidenceSequence")
    assert evidence == {first["SEG"].SOPInstanceUID}


def test_a_destination_that_knows_no_rejection_notes_gets_none(bench: Bench) -> None:
    plain = Profile(STANDARD.outputs, rejection_notes=False)
    job_id = bench.accept(file_bytes(radiograph()))
    bench.work(job_id, plain)
    deliver(bench)
    bench.accept(file_bytes(other_pixels()))
    bench.work(job_id, plain)
    assert set(deliver(bench)) == {"SEG", "SR", "SC"}


def test_results_stay_where_a_damaged_copy_follows(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    bench.work(job_id, STANDARD)
    first = deliver(bench)
    bench.accept(unreadable())
    assert bench.work(job_id, STANDARD).state is JobState.FAILED
    assert set(deliver(bench)) == {"SR"}
    # The whole image again: its report is the last word, once more.
    bench.accept(file_bytes(radiograph()))
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    last = deliver(bench)
    assert first["SR"].SOPInstanceUID in predecessors(last["SR"])
    assert len(predecessors(last["SR"])) == 2


def test_a_label_corrected_to_lateral_takes_the_results_back(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    bench.work(job_id, STANDARD)
    first = deliver(bench)
    bench.accept(file_bytes(changed(radiograph(), ViewPosition="LL")))
    assert bench.work(job_id, STANDARD).state is JobState.SKIPPED
    note = deliver(bench)[REJECTION_NOTE]
    evidence = referenced(note, "CurrentRequestedProcedureEvidenceSequence")
    assert evidence == {one.SOPInstanceUID for one in first.values()}


def test_a_retry_of_a_new_issue_builds_the_same_bytes(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    bench.work(job_id, STANDARD)
    deliver(bench)
    bench.accept(file_bytes(other_pixels()))
    bench.work(job_id, STANDARD)
    before = {d.id: d.sha256 for d in bench.ledger.deliveries.of_job(job_id)}
    with bench.ledger._database.write() as connection:
        connection.execute(update(jobs).values(state=JobState.RECEIVED))
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    assert {d.id: d.sha256 for d in bench.ledger.deliveries.of_job(job_id)} == before
    files = [path.name for path in (bench.folder / "spool" / "outputs").rglob("*.dcm")]
    # Two issues of six outputs, and one note.
    assert len(files) == 13


# Rejection notes


@pytest.mark.parametrize("code", ["113001", "113037", "113038"])
def test_results_of_a_rejected_image_are_taken_back_where_they_are(
    bench: Bench, code: str, tmp_path: Path
) -> None:
    image = radiograph()
    job_id = bench.accept(file_bytes(image))
    bench.work(job_id, STANDARD)
    first = deliver(bench)
    rejecting = bench.accept(file_bytes(rejection_note(code, image)))
    assert bench.work(rejecting, STANDARD).state is JobState.BUILT
    job = bench.ledger.jobs.get(job_id)
    assert job is not None
    assert (job.state, job.reason) == (JobState.SKIPPED, f"rejected: {TITLES[code]}")
    note = deliver(bench)[REJECTION_NOTE]
    assert title(note) == TITLES[code]
    assert (note.StudyInstanceUID, note.PatientID) == (image.StudyInstanceUID, image.PatientID)
    evidence = referenced(note, "CurrentRequestedProcedureEvidenceSequence")
    assert evidence == {one.SOPInstanceUID for one in first.values()}
    note.save_as(tmp_path / "note.dcm", enforce_file_format=True)
    assert dciodvfy(tmp_path / "note.dcm") == []
    assert progress(bench.ledger, rejecting) is Progress.DELIVERED


def test_a_rejected_image_that_waits_is_never_analysed(bench: Bench) -> None:
    image = radiograph()
    job_id = bench.accept(file_bytes(image))
    rejecting = bench.accept(file_bytes(rejection_note("113001", image)))
    note_job = bench.work(rejecting, STANDARD)
    assert note_job.state is JobState.SKIPPED
    assert note_job.reason == "a rejection note (1 of 1 instances it names were received)"
    assert bench.work(job_id, STANDARD).state is JobState.SKIPPED
    assert deliver(bench) == {}
    # The same bytes again stay rejected; others are analysed.
    assert bench.accept(file_bytes(image)) == job_id
    assert bench.work(job_id, STANDARD).state is JobState.SKIPPED
    bench.accept(file_bytes(other_pixels()))
    assert bench.work(job_id, STANDARD).state is JobState.BUILT


def test_a_person_brings_a_rejected_image_back_as_a_new_issue(bench: Bench) -> None:
    """What the note took back stays taken back: the same instances cannot come again."""
    image = radiograph()
    job_id = bench.accept(file_bytes(image))
    bench.work(job_id, STANDARD)
    first = deliver(bench)
    bench.work(bench.accept(file_bytes(rejection_note("113037", image))), STANDARD)
    deliver(bench)
    (candidate,) = bench.ledger.requeue.candidates(Selection(job_ids=[job_id]))
    assert not candidate.is_built
    assert bench.ledger.requeue.repeat([job_id], bench.pipeline, "somebody@host") == [job_id]
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    second = deliver(bench)
    assert set(second) == {"SEG", "SR", "SC"}
    uids = [{one.SOPInstanceUID for one in results.values()} for results in (first, second)]
    assert uids[0].isdisjoint(uids[1])
    assert first["SR"].SOPInstanceUID in predecessors(second["SR"])


def test_what_has_left_of_an_image_whose_time_is_up_stays(bench: Bench) -> None:
    image = radiograph()
    job_id = bench.accept(file_bytes(image))
    bench.work(job_id, STANDARD)
    deliver(bench)
    rejecting = bench.accept(file_bytes(rejection_note("113039", image)))
    assert bench.work(rejecting, STANDARD).state is JobState.SKIPPED
    assert deliver(bench) == {}


def test_a_key_object_of_another_title_is_no_rejection(bench: Bench) -> None:
    image = radiograph()
    job_id = bench.accept(file_bytes(image))
    note = rejection_note("113001", image)
    note.ConceptNameCodeSequence[0].CodeValue = "113000"
    rejecting = bench.accept(file_bytes(note))
    assert bench.work(rejecting, STANDARD).state is JobState.SKIPPED
    assert bench.work(job_id, STANDARD).state is JobState.BUILT


def test_our_own_rejection_note_sent_back_rejects_nothing(bench: Bench) -> None:
    image = radiograph()
    job_id = bench.accept(file_bytes(image))
    bench.work(job_id, STANDARD)
    deliver(bench)
    bench.accept(file_bytes(other_pixels()))
    bench.work(job_id, STANDARD)
    note = deliver(bench)[REJECTION_NOTE]
    returned = bench.work(bench.accept(file_bytes(note)), STANDARD)
    assert returned.state is JobState.SKIPPED
    job = bench.ledger.jobs.get(job_id)
    assert job is not None
    assert job.state is JobState.BUILT


def test_what_was_reported_as_not_analysed_is_reported_once(bench: Bench) -> None:
    reports = Reports(not_analysed=True)
    lateral = radiograph(ViewPosition="LL")
    job_id = bench.accept(file_bytes(lateral))
    bench.work(job_id, STANDARD, reports=reports)
    assert set(deliver(bench)) == {"SR"}
    bench.accept(file_bytes(changed(lateral, StudyDescription="rewritten by an archive")))
    assert bench.work(job_id, STANDARD, reports=reports).state is JobState.SKIPPED
    assert deliver(bench) == {}
