"""What the worker makes of a rejection note: results taken back, images never analysed."""

from pathlib import Path

import pytest

from dicom_node.config.profiles import STANDARD
from dicom_node.intake.rejection import TITLES
from dicom_node.ledger import REJECTION_NOTE, JobState, Progress, Selection
from tests.conformance.validators import dciodvfy
from tests.dicom_node.bench import Bench
from tests.dicom_node.ledger.records import progress
from tests.dicom_node.radiographs import file_bytes, other_pixels, radiograph
from tests.dicom_node.rejecting import predecessors, referenced, rejection_note, title

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("code", ["113001", "113037", "113038"])
def test_results_of_a_rejected_image_are_taken_back_where_they_are(
    bench: Bench, code: str, tmp_path: Path
) -> None:
    image = radiograph()
    job_id = bench.accept(file_bytes(image))
    bench.work(job_id, STANDARD)
    first = bench.deliver()
    rejecting = bench.accept(file_bytes(rejection_note(code, image)))
    assert bench.work(rejecting, STANDARD).state is JobState.BUILT
    job = bench.ledger.jobs.get(job_id)
    assert job is not None
    assert (job.state, job.reason) == (JobState.SKIPPED, f"rejected: {TITLES[code]}")
    note = bench.deliver()[REJECTION_NOTE]
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
    assert bench.deliver() == {}
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
    first = bench.deliver()
    bench.work(bench.accept(file_bytes(rejection_note("113037", image))), STANDARD)
    bench.deliver()
    (candidate,) = bench.ledger.requeue.candidates(Selection(job_ids=[job_id]))
    assert not candidate.is_built
    assert bench.ledger.requeue.repeat([job_id], bench.pipeline, "somebody@host") == [job_id]
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    second = bench.deliver()
    assert set(second) == {"SEG", "SR", "SC"}
    uids = [{one.SOPInstanceUID for one in results.values()} for results in (first, second)]
    assert uids[0].isdisjoint(uids[1])
    assert first["SR"].SOPInstanceUID in predecessors(second["SR"])


def test_what_has_left_of_an_image_whose_time_is_up_stays(bench: Bench) -> None:
    image = radiograph()
    job_id = bench.accept(file_bytes(image))
    bench.work(job_id, STANDARD)
    bench.deliver()
    rejecting = bench.accept(file_bytes(rejection_note("113039", image)))
    assert bench.work(rejecting, STANDARD).state is JobState.SKIPPED
    assert bench.deliver() == {}


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
    bench.deliver()
    bench.accept(file_bytes(other_pixels()))
    bench.work(job_id, STANDARD)
    note = bench.deliver()[REJECTION_NOTE]
    returned = bench.work(bench.accept(file_bytes(note)), STANDARD)
    assert returned.state is JobState.SKIPPED
    job = bench.ledger.jobs.get(job_id)
    assert job is not None
    assert job.state is JobState.BUILT
