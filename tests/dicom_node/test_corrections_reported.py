"""The report of what a reader has drawn: whose it is, what it replaces, and what takes it back."""

from pathlib import Path

import pytest
from pydicom import Dataset

from dicom_node.config import parse
from dicom_node.config.profiles import STANDARD, read_profile
from dicom_node.ledger import REJECTION_NOTE, JobState, Route
from dicom_node.worker.corrections import Corrections, Taken
from sr_writer.equipment import Equipment
from sr_writer.kinds import KINDS
from tests.conformance.validators import dciodvfy, dsrdump
from tests.dicom_node.bench import Bench
from tests.dicom_node.correcting import (
    KEPT,
    ONLY_SR,
    REPORTED,
    analysed,
    masks_of,
    names,
    numbers,
    of,
    report_of,
    stored,
    texts,
)
from tests.dicom_node.radiographs import changed, file_bytes, radiograph
from tests.dicom_node.rejecting import predecessors, referenced, rejection_note
from tests.readers import Stroke, as_ohif, as_slicer, drawn
from tests.strokes import SIDES, infection_on, lungs_on

pytestmark = pytest.mark.slow


def test_a_report_says_the_readers_figures_and_who_observed(bench: Bench, tmp_path: Path) -> None:
    image = radiograph()
    _, results = analysed(bench, image)
    seg = as_slicer(image, lungs_on(image), infection_on(image), predecessor=results["SEG"])
    reports = report_of(bench, seg)
    assert list(reports) == ["SR"]
    report = reports["SR"]
    assert (report.StudyInstanceUID, report.PatientID) == (image.StudyInstanceUID, image.PatientID)
    assert report.SOPInstanceUID != results["SR"].SOPInstanceUID
    assert report.SeriesInstanceUID != results["SR"].SeriesInstanceUID
    assert sorted(numbers(report, "INFPERC")) == [10.0, 18.33, 25.0]
    assert numbers(report, "111012") == []
    observers = {
        child.ConceptNameCodeSequence[0].CodeValue: child for child in report.ContentSequence
    }
    assert observers["121005"].ConceptCodeSequence[0].CodeValue == "121006"
    assert "121012" not in observers
    assert predecessors(report) == {results["SR"].SOPInstanceUID}
    evidence = referenced(report, "CurrentRequestedProcedureEvidenceSequence")
    assert evidence == {image.SOPInstanceUID, seg.SOPInstanceUID}
    file = tmp_path / "report.dcm"
    report.save_as(file, enforce_file_format=True)
    assert dciodvfy(file) == []
    assert dsrdump(file) == []
    assert "reader" in report.SeriesDescription


def test_what_ohif_stores_without_a_name_is_reported_too(bench: Bench, tmp_path: Path) -> None:
    """All infection was erased, so the SEG has none: that is the reader's negative."""
    image = radiograph()
    _, results = analysed(bench, image)
    lungs, _ = masks_of(results["SEG"])
    image.save_as(tmp_path / "image.dcm", enforce_file_format=True)
    labels = {f"{side.capitalize()} lung": lungs[side] for side in SIDES}
    seg = as_ohif(tmp_path / "image.dcm", labels, tmp_path, results["SEG"])
    report = report_of(bench, seg)["SR"]
    assert set(numbers(report, "INFPERC")) == {0.0}
    assert "No COVID-19 infection seen" in texts(report)
    assert names(report) == ["Reader^Unnamed"]


def test_lungs_alone_are_kept_and_not_reported(bench: Bench) -> None:
    image = radiograph()
    analysed(bench, image)
    strokes = [Stroke(f"{side} lung", mask) for side, mask in lungs_on(image).items()]
    job = stored(bench, drawn(image, strokes), REPORTED)
    assert (job.state, bench.deliver()) == (JobState.SKIPPED, {})
    assert (job.reason or "").endswith("it does not say what is infected")
    (kept,) = of(bench, image)
    assert not kept.is_judged
    assert kept.counted.dice_lung_left is not None


def test_a_further_report_names_the_readers_before_it_as_well(bench: Bench) -> None:
    image = radiograph()
    _, results = analysed(bench, image)
    lungs, infection = lungs_on(image), infection_on(image)
    first = report_of(bench, as_slicer(image, lungs, infection))["SR"]
    second = report_of(bench, as_slicer(image, lungs, infection, at="20261130"))["SR"]
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert predecessors(second) == {results["SR"].SOPInstanceUID, first.SOPInstanceUID}


def test_other_bytes_of_it_make_a_report_that_takes_the_place_of_the_former(bench: Bench) -> None:
    image = radiograph()
    _, results = analysed(bench, image)
    seg = as_slicer(image, lungs_on(image), infection_on(image))
    first = report_of(bench, seg)["SR"]
    second = report_of(bench, changed(seg, ContentCreatorName="Corrected^Name"))["SR"]
    assert second.SOPInstanceUID != first.SOPInstanceUID
    assert predecessors(second) == {results["SR"].SOPInstanceUID, first.SOPInstanceUID}
    assert names(second) == ["Corrected^Name"]


def test_a_destination_has_it_in_its_language_and_class(bench: Bench, tmp_path: Path) -> None:
    image = radiograph()
    german = read_profile({"outputs": ["SEG", "SR"], "sr": "comprehensive", "language": "de"})
    analysed(bench, image, german)
    seg = as_slicer(
        image, lungs_on(image), infection_on(image),
        SpecificCharacterSet="ISO_IR 192", ContentCreatorName="Müller^Jörg",
    )  # fmt: skip
    (report,) = report_of(bench, seg, german).values()
    assert report.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.33"
    assert "Ein Befunder hat die Masken gezeichnet" in texts(report)
    assert names(report) == ["Müller^Jörg"]
    report.save_as(tmp_path / "report.dcm", enforce_file_format=True)
    assert dciodvfy(tmp_path / "report.dcm") == []


def test_a_report_that_is_built_again_is_the_same(bench: Bench) -> None:
    image = radiograph()
    analysed(bench, image)
    seg = as_slicer(image, lungs_on(image), infection_on(image))
    job = stored(bench, seg, REPORTED)
    (delivery,) = bench.ledger.deliveries.of_job(job.id)
    path = bench.spool.resolve(delivery.path)
    content = path.read_bytes()
    # Meanwhile another reader has reported.
    stored(bench, as_slicer(image, lungs_on(image), infection_on(image), at="20261201"), REPORTED)
    (claimed,) = [one for one in bench.ledger.deliveries.claim("pacs", "sender", 60, 8)
                  if one.id == delivery.id]  # fmt: skip
    path.unlink()
    bench.ledger.repairs.damaged(claimed.id, "sender", "it is gone")
    assert bench.work(job.id, ONLY_SR, corrections=REPORTED).state is JobState.BUILT
    assert path.read_bytes() == content


def test_who_takes_no_report_of_either_class_is_said_to_refuse_it(bench: Bench) -> None:
    """There is no page of it that could go instead, and nothing is built over and over for one."""
    image = radiograph()
    analysed(bench, image, STANDARD)
    job = stored(bench, as_slicer(image, lungs_on(image), infection_on(image)), REPORTED, STANDARD)
    for role, instead in (("SR", "SR2D"), ("SR2D", "DOC")):
        (sent,) = [one for one in bench.ledger.deliveries.claim("pacs", "sender", 60, 8)
                   if one.job_id == job.id]  # fmt: skip
        assert sent.role == role
        why = f"{role} is not accepted"
        bench.ledger.deliveries.refused(sent.id, "sender", None, why, instead=instead)
    assert bench.states(job.id) == {"SR": "SUBSTITUTED", "SR2D": "REFUSED"}
    after = bench.ledger.jobs.get(job.id)
    assert after is not None
    assert after.state is JobState.BUILT


def test_who_is_told_in_hl7_is_not_told_of_it(bench: Bench) -> None:
    """There it would be taken for the node's own."""
    told = parse({
        "node": {"state": bench.folder},
        "destination": [
            {"aet": "PACS", "host": "10.0.0.1", "port": 104, "name": "pacs", "preset": "slicer"},
            {"kind": "hl7", "host": "10.0.0.2", "port": 2575, "name": "worklist"},
        ],
    })  # fmt: skip
    corrections = Corrections(
        bench.ledger, bench.spool, REPORTED, Equipment(), KINDS, told.destinations, "w"
    )
    routes = [Route(one.name, one.profile.outputs) for one in told.destinations]
    assert [route.destination for route in corrections.routes(routes, Taken(""))] == ["pacs"]


# What is rejected.


def test_a_rejected_segmentation_counts_no_longer_and_its_report_is_taken_back(
    bench: Bench,
) -> None:
    image = radiograph()
    image_job, _ = analysed(bench, image)
    lungs, infection = lungs_on(image), infection_on(image)
    stored(bench, as_slicer(image, lungs, infection, at="20261127"))
    seg = as_slicer(image, lungs, infection)
    report = report_of(bench, seg)["SR"]
    note = bench.accept(file_bytes(rejection_note("113001", as_image(image, seg))))
    bench.work(note, ONLY_SR, corrections=REPORTED)
    taken = bench.deliver()[REJECTION_NOTE]
    assert referenced(taken, "CurrentRequestedProcedureEvidenceSequence") == {report.SOPInstanceUID}
    assert [one.drawn_at for one in of(bench, image)] == ["2026-11-27T09:15:00"]
    assert bench.ledger.jobs.get(image_job) is not None
    # The same bytes stay rejected.
    again = bench.accept(file_bytes(seg))
    assert bench.work(again, corrections=KEPT).state is JobState.SKIPPED
    assert len(of(bench, image)) == 1


def test_with_a_rejected_radiograph_falls_what_was_drawn_on_it(bench: Bench) -> None:
    image = radiograph()
    _, results = analysed(bench, image)
    report = report_of(bench, as_slicer(image, lungs_on(image), infection_on(image)))["SR"]
    note = bench.accept(file_bytes(rejection_note("113037", image)))
    job = bench.work(note, ONLY_SR, corrections=REPORTED)
    assert job.state is JobState.BUILT
    notes = bench.deliver_all()
    taken = {uid for one in notes
             for uid in referenced(one, "CurrentRequestedProcedureEvidenceSequence")}  # fmt: skip
    assert taken == {report.SOPInstanceUID, *(one.SOPInstanceUID for one in results.values())}
    assert bench.ledger.corrections.latest() == []


def as_image(image: Dataset, seg: Dataset) -> Dataset:
    """What a note of the Segmentation is made from."""
    return changed(image, SOPClassUID=seg.SOPClassUID, SOPInstanceUID=seg.SOPInstanceUID,
                   SeriesInstanceUID=seg.SeriesInstanceUID)  # fmt: skip
