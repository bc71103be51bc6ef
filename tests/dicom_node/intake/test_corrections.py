"""Segmentations at the listener: readers' are taken where they are asked for, our own never are."""

import hashlib

import pytest
from pydicom import Dataset
from pydicom.uid import ImplicitVRLittleEndian, JPEG2000Lossless, RLELossless
from pynetdicom import AE
from pynetdicom.sop_class import SegmentationStorage

from dicom_node.config import Config, CorrectionsSection, parse
from dicom_node.errors import SUCCESS, ConfigError
from dicom_node.ledger import BuiltOutput, InstanceKind, JobState, Search
from dicom_node.queueing import Kind
from tests.dicom_node.ledger.records import instance
from tests.dicom_node.listening import OURS, PIPELINE, Running, Start
from tests.dicom_node.radiographs import changed, file_bytes, radiograph
from tests.readers import AUTOMATIC, Stroke, as_slicer, drawn
from tests.strokes import infection_on, lungs_on

pytestmark = pytest.mark.slow

TAKEN = CorrectionsSection(accept=True)


@pytest.fixture(scope="module")
def image() -> Dataset:
    return radiograph()


@pytest.fixture(scope="module")
def seg(image: Dataset) -> Dataset:
    return as_slicer(image, lungs_on(image), infection_on(image))


def named_ours(seg: Dataset) -> Dataset:
    return changed(seg, Manufacturer=OURS.manufacturer, ManufacturerModelName=OURS.model_name)


def jobs(node: Running, seg: Dataset) -> list[JobState]:
    return [one.state for one in node.ledger.jobs.of_instance(seg.SOPInstanceUID)]


def test_success_means_spooled_committed_and_published(running: Start, seg: Dataset) -> None:
    node = running(corrections=TAKEN)
    assert node.send(seg, calling_aet="VIEWER") == [SUCCESS]
    (job,) = node.ledger.jobs.of_instance(seg.SOPInstanceUID)
    assert (job.state, job.calling_aet) == (JobState.RECEIVED, "VIEWER")
    assert hashlib.sha256(node.spool.read(job.path)).hexdigest() == job.sha256
    assert node.queues.depth(Kind.JOB, PIPELINE) == 1
    (kept,) = node.ledger.instances.find(Search(sop_instance_uids=[seg.SOPInstanceUID]))
    assert kept.stored.kind is InstanceKind.SEGMENTATION


def test_a_duplicate_is_the_same_job(running: Start, seg: Dataset) -> None:
    node = running(corrections=TAKEN)
    assert node.send(seg, seg) == [SUCCESS, SUCCESS]
    assert jobs(node, seg) == [JobState.RECEIVED]
    assert node.queues.depth(Kind.JOB, PIPELINE) == 1


def test_without_the_setting_it_is_passed_over(running: Start, seg: Dataset) -> None:
    node = running()
    assert node.send(seg) == [SUCCESS]
    assert jobs(node, seg) == [JobState.SKIPPED]
    assert node.queues.depth(Kind.JOB, PIPELINE) == 0


def test_our_own_is_dropped_as_ever(running: Start, image: Dataset) -> None:
    strokes = [Stroke(f"{side} lung", mask, by=AUTOMATIC) for side, mask in lungs_on(image).items()]
    own = named_ours(drawn(image, strokes))
    node = running(corrections=TAKEN)
    assert node.send(own) == [SUCCESS]
    assert jobs(node, own) == []
    assert not list((node.spool_folder / "received").rglob("*.dcm"))


def test_a_readers_that_still_bears_our_name_is_taken(running: Start, seg: Dataset) -> None:
    node = running(corrections=TAKEN)
    assert node.send(named_ours(seg)) == [SUCCESS]
    assert jobs(node, seg) == [JobState.RECEIVED]


def test_a_uid_of_our_own_is_ours_whatever_else_it_says(running: Start, seg: Dataset) -> None:
    node = running(corrections=TAKEN)
    built_here(node, seg)
    assert node.send(seg) == [SUCCESS]
    assert jobs(node, seg) == []


def built_here(node: Running, seg: Dataset) -> None:
    """As if the node had made it."""
    job_id = node.ledger.jobs.accept(instance(), PIPELINE).job_id
    assert node.ledger.jobs.claim(job_id, PIPELINE, "w", 60) is not None
    stored = node.spool.store_output(seg.SOPInstanceUID, file_bytes(seg))
    built = BuiltOutput(
        "SEG", seg.SOPClassUID, seg.SOPInstanceUID, seg.SeriesInstanceUID, "1.2.840.10008.1.2.1",
        stored.path, stored.sha256, stored.size_bytes,
    )  # fmt: skip
    node.ledger.handover.built(job_id, "w", [built], [])


@pytest.mark.parametrize(
    ("corrections", "compressed"), [(TAKEN, False), (CorrectionsSection(), True)], ids=["on", "off"]
)
def test_only_what_can_be_read_is_offered(
    running: Start, corrections: CorrectionsSection, compressed: bool
) -> None:
    node = running(corrections=corrections)
    for syntax in (ImplicitVRLittleEndian, RLELossless, JPEG2000Lossless):
        ae = AE("VIEWER")
        ae.add_requested_context(SegmentationStorage, syntax)
        association = ae.associate("127.0.0.1", node.listener.port, ae_title="CXRNODE")
        accepted = association.is_established and bool(association.accepted_contexts)
        if association.is_established:
            association.release()
        assert accepted is (compressed or syntax == ImplicitVRLittleEndian)


def test_reports_need_what_they_are_of() -> None:
    node = {"state": "/s", "no_destination": True}
    with pytest.raises(ConfigError, match=r"\[corrections\] report is of no use without accept"):
        parse({"node": node, "corrections": {"report": True}})
    config: Config = parse({"node": node, "corrections": {"accept": True, "report": True}})
    assert (config.corrections.accept, config.corrections.report) == (True, True)
