"""What the worker makes of a Segmentation that a reader has drawn: counted, kept, reported."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from dicom_node.config import CorrectionsSection
from dicom_node.config.profiles import STANDARD
from dicom_node.ledger import JobState, Kept
from dicom_node.ops.asked.readers import reader_lines
from dicom_node.skipping import DRAWN, code_of
from tests.dicom_node.bench import Bench
from tests.dicom_node.correcting import KEPT, ONLY_SR, REPORTED, analysed, masks_of, of, stored
from tests.dicom_node.radiographs import changed, file_bytes, radiograph
from tests.dicom_node.rejecting import rejection_note
from tests.readers import AUTOMATIC, Stroke, as_slicer, drawn
from tests.strokes import infection_on, lungs_on

pytestmark = pytest.mark.slow

DAY_S = 24 * 3600.0


def test_what_a_reader_drew_is_kept_with_author_time_and_figures(bench: Bench) -> None:
    image = radiograph()
    image_job, results = analysed(bench, image)
    lungs, infection = lungs_on(image), infection_on(image)
    job = stored(bench, as_slicer(image, lungs, infection, predecessor=results["SEG"]))
    assert job.state is JobState.SKIPPED
    assert job.reason == f"{DRAWN} of job {image_job}, kept"
    assert code_of(job.reason) == "readers_segmentation"
    assert bench.deliver() == {}
    (kept,) = of(bench, image)
    assert (kept.job_id, kept.image_job_id) == (job.id, image_job)
    assert (kept.author, kept.drawn_at) == ("Rontgen^Anna", "2026-11-28T09:15:00")
    assert (kept.algorithm, kept.predecessor) == ("SEMIAUTOMATIC", results["SEG"].SOPInstanceUID)
    counted = kept.counted
    assert (counted.percent_left, counted.percent_right) == (25.0, 10.0)
    assert counted.percent_both == pytest.approx(100 * (2500 + 800) / 18000)
    found = bench.ledger.findings.of_job(image_job)
    assert found is not None
    assert (counted.node_left, counted.node_both) == (found.percent_left, found.percent_both)


def test_the_node_agrees_with_a_reader_who_changed_nothing(bench: Bench) -> None:
    image = radiograph()
    _, results = analysed(bench, image)
    stored(bench, as_slicer(image, *masks_of(results["SEG"])))
    (kept,) = of(bench, image)
    counted = kept.counted
    assert (counted.dice_lung_left, counted.dice_lung_right, counted.dice_infection) == (1, 1, 1)
    assert counted.percent_both == counted.node_both


def test_dice_says_how_far_they_agree(bench: Bench) -> None:
    image = radiograph()
    _, results = analysed(bench, image)
    lungs, infection = masks_of(results["SEG"])
    half = {side: mask.copy() for side, mask in infection.items()}
    rows = np.flatnonzero(half["left"].any(axis=1))
    half["left"][rows[len(rows) // 2 :]] = False
    stored(bench, as_slicer(image, lungs, half))
    (kept,) = of(bench, image)
    both = [infection["left"] | infection["right"], half["left"] | half["right"]]
    expected = 2 * (both[0] & both[1]).sum() / sum(mask.sum() for mask in both)
    assert kept.counted.dice_infection == pytest.approx(expected)
    assert 0.4 < expected < 0.95


def test_of_several_the_latest_drawn_counts_whenever_it_came(bench: Bench) -> None:
    image = radiograph()
    analysed(bench, image)
    lungs, infection = lungs_on(image), infection_on(image)
    later = as_slicer(image, lungs, infection, at="20261130", author="Later^Reader")
    earlier = as_slicer(image, lungs, infection, at="20261129", author="Earlier^Reader")
    stored(bench, later)
    stored(bench, earlier)
    assert [one.author for one in of(bench, image)] == ["Later^Reader", "Earlier^Reader"]
    (counts,) = bench.ledger.corrections.latest()
    assert counts.author == "Later^Reader"


def test_the_same_again_is_the_same_and_other_bytes_take_its_place(bench: Bench) -> None:
    image = radiograph()
    analysed(bench, image)
    seg = as_slicer(image, lungs_on(image), infection_on(image))
    first = stored(bench, seg)
    assert bench.accept(file_bytes(seg)) == first.id
    assert bench.work(first.id, corrections=KEPT).state is JobState.SKIPPED
    assert len(of(bench, image)) == 1
    again = stored(bench, changed(seg, ContentCreatorName="Corrected^Name"))
    assert again.id == first.id
    (kept,) = of(bench, image)
    assert kept.author == "Corrected^Name"


def test_what_another_pipeline_has_kept_is_not_kept_twice(bench: Bench) -> None:
    image = radiograph()
    analysed(bench, image)
    seg = as_slicer(image, lungs_on(image), infection_on(image))
    first = stored(bench, seg, REPORTED)
    bench.deliver()
    header = seg.SOPInstanceUID
    other = bench.accept(file_bytes(seg), pipeline="the pipeline before")
    assert other != first.id
    bench.ledger.jobs.adopt(bench.pipeline)
    assert bench.ledger.corrections.of_segmentation(header) is not None
    again = bench.work(other, ONLY_SR, corrections=REPORTED)
    assert again.state is not JobState.BUILT
    assert bench.deliver() == {}


# What is no correction, or none yet.


def test_what_no_reader_drew_is_passed_over(bench: Bench) -> None:
    image = radiograph()
    analysed(bench, image)
    strokes = [Stroke(f"{side} lung", mask, by=AUTOMATIC) for side, mask in lungs_on(image).items()]
    job = stored(bench, drawn(image, strokes))
    assert job.state is JobState.SKIPPED
    assert code_of(job.reason or "") == "other_segmentation"
    assert of(bench, image) == []


def test_one_of_an_image_that_is_not_here_can_be_had_later(bench: Bench) -> None:
    image = radiograph()
    seg = as_slicer(image, lungs_on(image), infection_on(image))
    job = stored(bench, seg)
    assert job.state is JobState.SKIPPED
    assert image.SOPInstanceUID in (job.reason or "")
    assert f"cxr-node requeue --job {job.id}" in (job.reason or "")
    analysed(bench, image)
    assert bench.ledger.requeue.repeat([job.id], bench.pipeline, "somebody@host") == [job.id]
    bench.work(job.id, corrections=KEPT)
    assert len(of(bench, image)) == 1


def test_one_that_comes_before_its_radiograph_is_analysed_waits(bench: Bench) -> None:
    image = radiograph()
    image_job = bench.accept(file_bytes(image))
    held = bench.ledger.jobs.claim(image_job, bench.pipeline, "other", 60)
    assert held is not None
    job = stored(bench, as_slicer(image, lungs_on(image), infection_on(image)))
    assert job.state is JobState.RECEIVED
    assert "is not analysed yet" in (job.reason or "")


def test_of_a_rejected_radiograph_nothing_is_kept(bench: Bench) -> None:
    image = radiograph()
    analysed(bench, image)
    bench.work(bench.accept(file_bytes(rejection_note("113001", image))), STANDARD)
    job = stored(bench, as_slicer(image, lungs_on(image), infection_on(image)))
    assert (job.state, of(bench, image)) == (JobState.SKIPPED, [])
    assert "was rejected" in (job.reason or "")


def test_without_the_setting_a_segmentation_is_nothing_to_the_node(bench: Bench) -> None:
    image = radiograph()
    analysed(bench, image)
    seg = as_slicer(image, lungs_on(image), infection_on(image))
    job = stored(bench, seg, CorrectionsSection())
    assert (job.state, of(bench, image)) == (JobState.SKIPPED, [])
    assert "SOP Class" in (job.reason or "")


@pytest.mark.parametrize(
    ("altered", "said"),
    [
        ({"PatientOrientation": ["R", "F"]}, "Patient Orientation"),
        ({"Rows": 381}, "rows and columns"),
    ],
    ids=["turned", "cropped"],
)
def test_what_cannot_be_counted_fails_with_what_to_do(
    bench: Bench, altered: Mapping[str, Any], said: str
) -> None:
    image = radiograph()
    analysed(bench, image)
    seg = changed(as_slicer(image, lungs_on(image), infection_on(image)), **altered)
    job = stored(bench, seg, REPORTED)
    assert job.state is JobState.FAILED
    assert f"segmentation {seg.SOPInstanceUID}: " in (job.reason or "")
    assert said in (job.reason or "")
    # A report that the analysis failed would be of the reader's study, and false.
    assert bench.deliver() == {}
    failure = bench.ledger.reports.failure(job.id)
    assert failure is not None
    assert failure.error == "UnusableCorrection"


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"PatientID": "SOMEBODY"}, "by Patient ID:"),
        ({"IssuerOfPatientID": "ELSEWHERE"}, "by Issuer of Patient ID:"),
        ({"PatientBirthDate": "19010203"}, "by birth date or sex:"),
        ({"PatientID": "SOMEBODY", "PatientSex": "O"}, "by Patient ID and birth date or sex:"),
    ],
    ids=["ID", "issuer", "birth date", "ID and sex"],
)
def test_what_is_of_another_patient_is_no_truth(
    bench: Bench, other: dict[str, str], named: str, caplog: pytest.LogCaptureFixture
) -> None:
    image = changed(radiograph(), IssuerOfPatientID="HOSPITAL")
    analysed(bench, image)
    seg = changed(as_slicer(image, lungs_on(image), infection_on(image)), **other)
    job = stored(bench, seg)
    assert job.state is JobState.FAILED
    assert named in (job.reason or "")
    assert f"cxr-node requeue --job {job.id}" in (job.reason or "")
    assert of(bench, image) == []
    assert job.reason in [getattr(one, "reason", "") for one in caplog.records]
    # Nobody's name or ID is in the log.
    assert "SOMEBODY" not in caplog.text


def test_what_does_not_say_whose_it_is_is_the_radiographs(bench: Bench) -> None:
    image = changed(radiograph(), IssuerOfPatientID="HOSPITAL")
    analysed(bench, image)
    silent = {"PatientBirthDate": "", "PatientSex": "", "IssuerOfPatientID": ""}
    stored(bench, changed(as_slicer(image, lungs_on(image), infection_on(image)), **silent))
    assert len(of(bench, image)) == 1


def test_once_the_radiograph_is_corrected_too_it_is_taken(bench: Bench) -> None:
    """A merged patient: the archive gives both the ID that stays."""
    image = radiograph()
    analysed(bench, image)
    merged = changed(image, PatientID="MERGED")
    job = stored(bench, as_slicer(merged, lungs_on(image), infection_on(image)))
    assert job.state is JobState.FAILED
    analysed(bench, merged)
    bench.ledger.requeue.repeat([job.id], bench.pipeline, "somebody@host")
    assert bench.work(job.id, ONLY_SR, corrections=KEPT).state is JobState.SKIPPED
    assert len(of(bench, image)) == 1


def test_lungs_called_by_the_images_sides_are_noticed(bench: Bench) -> None:
    image = radiograph()
    _, results = analysed(bench, image)
    lungs, _ = masks_of(results["SEG"])
    other = {"left": "right", "right": "left"}
    strokes = [Stroke(f"{other[side]} lung", mask) for side, mask in lungs.items()]
    job = stored(bench, drawn(image, strokes))
    assert job.state is JobState.FAILED
    assert "left and right are the patient's" in (job.reason or "")


def test_two_radiographs_in_one_segmentation_are_refused(bench: Bench) -> None:
    image = radiograph()
    analysed(bench, image)
    other = changed(image, SOPInstanceUID=generate_uid())
    other.file_meta.MediaStorageSOPInstanceUID = other.SOPInstanceUID
    analysed(bench, other)
    seg = as_slicer(image, lungs_on(image), infection_on(image))
    (series,) = seg.ReferencedSeriesSequence
    second = Dataset()
    second.ReferencedSOPClassUID = other.SOPClassUID
    second.ReferencedSOPInstanceUID = other.SOPInstanceUID
    series.ReferencedInstanceSequence.append(second)
    job = stored(bench, seg)
    assert job.state is JobState.FAILED
    assert "2 radiographs" in (job.reason or "")


# What is made of it.


def test_it_goes_with_its_radiograph_when_its_time_is_over(bench: Bench) -> None:
    """Not as what was skipped does: it is the only copy there is of what a person did."""
    image = radiograph()
    image_job, _ = analysed(bench, image)
    bench.clock.advance(40 * DAY_S)
    job = stored(bench, as_slicer(image, lungs_on(image), infection_on(image)))
    soon = Kept(bench.ledger.now() - timedelta(days=30), bench.ledger.now() + timedelta(days=1))
    assert set(bench.ledger.pruning.look(soon).job_ids) == set()
    bench.clock.advance(31 * DAY_S)
    later = Kept(bench.ledger.now() - timedelta(days=30), None)
    assert set(bench.ledger.pruning.look(later).job_ids) == {image_job, job.id}
    assert bench.ledger.pruning.forget(later, [image_job, job.id], bench.spool.remove) == 2
    assert bench.ledger.corrections.latest() == []


def test_people_see_the_reader_beside_the_node(bench: Bench) -> None:
    image = radiograph()
    image_job, results = analysed(bench, image)
    lungs, infection = masks_of(results["SEG"])
    job = stored(bench, as_slicer(image, lungs, {**infection, "left": infection["left"] & False}))
    story = bench.ledger.corrections.of_job(image_job)
    of_image = bench.ledger.jobs.get(image_job)
    assert of_image is not None
    said = list(reader_lines(story, of_image))
    assert said[0] == f"  Anna Rontgen, 2026-11-28T09:15:00, SEMIAUTOMATIC (job {job.id})"
    assert said[1].startswith("    reader  left 0.0 %")
    assert said[2].startswith("    node    left ")
    assert "left lung 1.00, right lung 1.00, infection 0." in said[3]
    own = list(reader_lines(bench.ledger.corrections.of_job(job.id), job))
    assert f"drawn on job {image_job}" in own[0]
