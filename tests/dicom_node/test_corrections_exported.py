"""What readers drew and accepted, as files to learn from and to evaluate by: no patient in both."""

import shutil
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from dicom_node.config.profiles import STANDARD
from dicom_node.demo.phantom import Kind as DrawnKind
from dicom_node.ledger import Kept, Verdict
from dicom_node.ops.asked.pairs import TRAIN, VAL, export, split_of
from dicom_node.patients import Patients
from inference.datasets.cases import read_cases
from inference.datasets.examples import load_examples
from inference.findings import Task
from tests.dicom_node.bench import Bench
from tests.dicom_node.correcting import analysed, of, stored
from tests.dicom_node.radiographs import file_bytes, radiograph
from tests.dicom_node.rejecting import rejection_note
from tests.readers import as_slicer
from tests.strokes import infection_on, lungs_on

pytestmark = pytest.mark.slow


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
