"""What the worker makes of a Segmentation that a reader has drawn: counted, kept, reported."""

import shutil
import stat
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from dicom_node.config import CorrectionsSection
from dicom_node.config.profiles import STANDARD
from dicom_node.demo.phantom import Kind as DrawnKind
from dicom_node.ledger import JobState, Kept, Verdict
from dicom_node.ops.asked.pairs import TRAIN, VAL, export, split_of
from dicom_node.ops.asked.readers import reader_lines
from dicom_node.patients import Patients
from dicom_node.skipping import DRAWN, code_of
from inference.datasets.cases import read_cases
from inference.datasets.examples import load_examples
from inference.findings import Task
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


def test_what_is_exported_is_what_networks_learn_from(bench: Bench, tmp_path: Path) -> None:
    image = radiograph()
    analysed(bench, image)
    lungs, infection = lungs_on(image), infection_on(image)
    stored(bench, as_slicer(image, lungs, infection, at="20261130"))
    stored(bench, as_slicer(image, infection, infection, at="20261129"))
    folder = tmp_path / "pairs"
    for _ in range(2):
        (pair,) = export(bench.ledger, bench.spool, folder)
        assert pair.fault == ""
    (case,) = read_cases(folder / pair.split)
    assert case.name == image.SOPInstanceUID
    learnt = [case.mask(task) for task in (Task.LUNG, Task.INFECTION)]
    for mask, drawn_there in zip(learnt, (lungs, infection), strict=True):
        assert mask is not None
        assert np.array_equal(mask, drawn_there["left"] | drawn_there["right"])
    assert len(load_examples([case], Task.INFECTION, 64)) == 1
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*.dcm")}
    assert modes == {0o600}


def test_what_readers_accept_is_exported_with_the_node_s_own_masks(
    bench: Bench, tmp_path: Path
) -> None:
    kinds = (DrawnKind.LEFT_OPACITY, DrawnKind.RIGHT_OPACITY, DrawnKind.HEALTHY)
    accepted, excluded, silent = map(radiograph, kinds)
    jobs = [analysed(bench, image, STANDARD)[0] for image in (accepted, excluded, silent)]
    for job_id, verdict in zip(jobs, (Verdict.ACCEPT, Verdict.EXCLUDE), strict=False):
        bench.ledger.assessments.keep(job_id, "ann", verdict)
    stored(bench, as_slicer(excluded, lungs_on(excluded), infection_on(excluded)))
    assert list(export(bench.ledger, bench.spool, tmp_path / "drawn")) == []
    (pair,) = export(bench.ledger, bench.spool, tmp_path / "all", accepted=True)
    assert (pair.image.id, pair.fault) == (jobs[0], "")
    (case,) = read_cases(tmp_path / "all" / pair.split)
    lungs, infected = case.mask(Task.LUNG), case.mask(Task.INFECTION)
    found = bench.ledger.findings.of_job(jobs[0])
    assert lungs is not None
    assert infected is not None
    assert found is not None
    assert 100 * infected.sum() / lungs.sum() == pytest.approx(found.percent_both, abs=0.01)
    # What a person has drawn on it counts more.
    stored(bench, as_slicer(accepted, lungs_on(accepted), infection_on(accepted)))
    (pair,) = export(bench.ledger, bench.spool, tmp_path / "both", accepted=True)
    (case,) = read_cases(tmp_path / "both" / pair.split)
    by_hand, lungs = lungs_on(accepted), case.mask(Task.LUNG)
    assert lungs is not None
    assert np.array_equal(lungs, by_hand["left"] | by_hand["right"])


def test_no_patient_is_both_learnt_from_and_evaluated_by(bench: Bench, tmp_path: Path) -> None:
    # A key with which the second is one of those to evaluate by.
    (bench.folder / "spool" / "key").write_bytes(bytes(32))
    expected = {}
    for patient, split in (("P0", TRAIN), ("P1", VAL), ("P2", TRAIN)):
        # With and without who issued the ID, as the clinic and a ward's device send it.
        for kind, issuer in ((DrawnKind.LEFT_OPACITY, "CLINIC"), (DrawnKind.HEALTHY, None)):
            image = radiograph(kind, PatientID=patient, IssuerOfPatientID=issuer)
            analysed(bench, image)
            stored(bench, as_slicer(image, lungs_on(image), infection_on(image)))
            expected[image.SOPInstanceUID] = split
    for name in ("first", "again"):
        pairs = export(bench.ledger, bench.spool, tmp_path / name)
        assert {pair.image.sop_instance_uid: pair.split for pair in pairs} == expected
    learnt = read_cases(tmp_path / "first" / TRAIN)
    assert {case.name for case in learnt} == {uid for uid, s in expected.items() if s == TRAIN}


def test_a_fifth_of_the_patients_is_kept_to_evaluate_by(bench: Bench) -> None:
    patients = Patients.of(bench.spool)
    splits = [split_of(patients.hash(f"P{number}")) for number in range(2000)]
    assert 340 < splits.count(VAL) < 460


def test_what_counts_no_longer_is_removed_by_the_next_export(bench: Bench, tmp_path: Path) -> None:
    kinds = (DrawnKind.LEFT_OPACITY, DrawnKind.RIGHT_OPACITY, DrawnKind.HEALTHY)
    images = [*map(radiograph, kinds), radiograph(DrawnKind.BILATERAL_OPACITIES)]
    _, rejected, purged, kept = images
    jobs = [analysed(bench, image, STANDARD)[0] for image in images]
    for job_id in jobs:
        bench.ledger.assessments.keep(job_id, "ann", Verdict.ACCEPT)

    def exported() -> set[str]:
        list(export(bench.ledger, bench.spool, tmp_path, accepted=True))
        return {path.parent.name for path in tmp_path.rglob("radiograph.dcm")}

    assert exported() == {image.SOPInstanceUID for image in images}
    bench.ledger.assessments.keep(jobs[0], "bob", Verdict.EXCLUDE)
    bench.work(bench.accept(file_bytes(rejection_note("113001", rejected))), STANDARD)
    stays = [path for path in tmp_path.rglob("*") if path.name == kept.SOPInstanceUID]
    # What somebody has put there is theirs.
    (stays[0].parent / "from elsewhere").mkdir()
    (other := tmp_path / (VAL if stays[0].parent.name == TRAIN else TRAIN)).mkdir(exist_ok=True)
    shutil.copytree(stays[0], other / kept.SOPInstanceUID)
    # The ledger of a node that has forgotten it.
    long_ago = bench.ledger.now() + timedelta(days=1)
    assert bench.ledger.pruning.forget(Kept(long_ago, None), [jobs[2]], bench.spool.remove) == 1
    assert exported() == {purged.SOPInstanceUID, kept.SOPInstanceUID}
    assert (stays[0].parent / "from elsewhere").is_dir()
    assert not (other / kept.SOPInstanceUID).exists()


def test_what_is_said_of_an_image_counts_for_all_that_analysed_it(
    bench: Bench, tmp_path: Path
) -> None:
    """After a switch of networks the same radiograph, sent again, is another job."""
    image = radiograph()
    before = bench.accept(file_bytes(image), pipeline="the pipeline before")
    later, _ = analysed(bench, image, STANDARD)
    assert later != before
    stored(bench, as_slicer(image, lungs_on(image), infection_on(image)))
    (kept,) = of(bench, image)
    bench.ledger.corrections.keep(replace(kept, image_job_id=before))
    bench.ledger.assessments.keep(later, "ann", Verdict.ACCEPT)
    (pair,) = export(bench.ledger, bench.spool, tmp_path, accepted=True)
    (case,) = read_cases(tmp_path / pair.split)
    lungs, by_hand = case.mask(Task.LUNG), lungs_on(image)
    assert lungs is not None
    assert np.array_equal(lungs, by_hand["left"] | by_hand["right"])
    bench.ledger.assessments.keep(later, "ann", Verdict.EXCLUDE)
    assert list(export(bench.ledger, bench.spool, tmp_path, accepted=True)) == []


def test_a_lost_file_is_left_out_and_said(bench: Bench, tmp_path: Path) -> None:
    image = radiograph()
    analysed(bench, image)
    job = stored(bench, as_slicer(image, lungs_on(image), infection_on(image)))
    bench.spool.remove([job.path])
    (pair,) = export(bench.ledger, bench.spool, tmp_path / "pairs")
    assert "missing from the spool" in pair.fault


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
