"""What an association may bring: all that the standard has, and each is answered for itself."""

import copy
import logging
from collections.abc import Iterator, Sequence
from importlib.util import find_spec

import pytest
from pydicom import Dataset
from pydicom.uid import (
    MPEG2MPML,
    UID,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEGExtended12Bit,
    VideoPhotographicImageStorage,
    generate_uid,
)
from pynetdicom import AE

from dicom_node.demo.phantom import Kind as PhantomKind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import INVALID_SOP_INSTANCE, OUT_OF_RESOURCES, SUCCESS
from dicom_node.ledger import JobState
from dicom_node.network.dimse import storage_classes
from dicom_node.queueing import Kind
from tests.dicom_node import wire
from tests.dicom_node.listening import PIPELINE, Start
from tests.dicom_node.wire import connections
from tests.phantoms import draw
from tests.sr_writer import examples
from tests.sr_writer.examples import ROLES
from tests.sr_writer.reading import read

pytestmark = pytest.mark.slow


def another(dataset: Dataset, **attributes: object) -> Dataset:
    """A copy that no node has seen."""
    fresh = copy.deepcopy(dataset)
    fresh.SOPInstanceUID = fresh.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    for keyword, value in attributes.items():
        setattr(fresh, keyword, value)
    fresh.file_meta.MediaStorageSOPClassUID = fresh.SOPClassUID
    return fresh


def proposals() -> Iterator[list[UID]]:
    classes = sorted(storage_classes())
    for start in range(0, len(classes), 128):
        yield classes[start : start + 128]


def test_every_storage_class_of_the_standard_is_accepted(running: Start) -> None:
    port = running().listener.port
    assert "1.2.840.10008.5.1.4.1.1.6" in storage_classes()  # Ultrasound, retired
    assert len(storage_classes()) > 180
    for classes in proposals():
        ae = AE()
        for sop_class in classes:
            ae.add_requested_context(sop_class)
        association = ae.associate("127.0.0.1", port)
        accepted = {context.abstract_syntax for context in association.accepted_contexts}
        association.release()
        assert accepted == set(classes)


@pytest.mark.parametrize(
    "sop_class", [CTImageStorage, "1.2.840.10008.5.1.4.1.1.6", "1.2.840.10008.5.1.4.1.1.104.1"]
)
def test_what_is_not_analysed_is_kept_and_skipped_with_its_reason_and_costs_no_worker(
    running: Start, radiograph: Dataset, sop_class: str
) -> None:
    node = running()
    other = another(radiograph, SOPClassUID=sop_class)
    assert node.send(other, radiograph) == [SUCCESS, SUCCESS]
    (job,) = node.ledger.jobs.of_instance(other.SOPInstanceUID)
    assert (job.state, job.sop_class_uid) == (JobState.SKIPPED, sop_class)
    assert job.reason is not None
    assert job.reason.startswith("SOP Class is not CR, DX or Secondary Capture (SOP Class ")
    assert node.spool.read(job.path)
    assert [entry.event for entry in node.ledger.reports.events(job.id)][
        -1
    ] == "passed over as it came"
    assert node.queues.depth(Kind.JOB, PIPELINE) == 1
    assert node.send(other) == [SUCCESS]


def accepted(port: int, sop_class: str, syntaxes: Sequence[str]) -> str | None:
    ae = AE()
    ae.add_requested_context(sop_class, list(syntaxes))
    association = ae.associate("127.0.0.1", port)
    contexts = association.accepted_contexts
    association.release()
    return str(contexts[0].transfer_syntax[0]) if contexts else None


def test_only_what_this_installation_decodes_is_accepted_of_what_is_analysed(
    running: Start,
) -> None:
    port = running().listener.port
    dx = DigitalXRayImageStorageForPresentation
    both = [JPEGExtended12Bit, ExplicitVRLittleEndian]
    has_decoder = find_spec("libjpeg") is not None
    assert accepted(port, dx, both) == both[0 if has_decoder else 1]
    assert accepted(port, dx, both[:1]) == (both[0] if has_decoder else None)
    assert accepted(port, CTImageStorage, both) == JPEGExtended12Bit
    assert accepted(port, VideoPhotographicImageStorage, [MPEG2MPML]) == MPEG2MPML


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"1.2." + b"3" * 61, "has 65 characters, 64 are allowed"),
        (b"1.2." + b"3" * 400, "has 404 characters, 64 are allowed"),
        (b"1.2.abc", "is no UID: '1.2.abc'"),
        (b"1.2.\xe4", "is no UID: '1.2.?'"),
        (b"1.2\\3.4", "is no UID: "),
        (b"1..2", "is no UID: '1..2'"),
        (b"", "is empty"),
        (b"\0\0", "is empty"),
    ],
)
def test_a_bad_uid_costs_its_one_instance(
    running: Start, radiograph: Dataset, said: bytes, why: str
) -> None:
    node = running()
    good = another(radiograph)
    with connections(node.listener.port, 1) as (one,):
        assert one.associate(radiograph.SOPClassUID).type == wire.ACCEPTED
        answer = one.store(radiograph, said)
        assert wire.status_of(answer) == INVALID_SOP_INSTANCE
        assert answer[0x0902].decode().startswith(f"SOP Instance UID {why}")
        stored = one.store(good, good.SOPInstanceUID.encode())
        assert wire.status_of(stored) == SUCCESS
        assert one.release().type == wire.RELEASED
    assert node.ledger.jobs.of_instance(good.SOPInstanceUID)
    assert sum(node.ledger.reports.summary().counts.values()) == 1
    assert len(list((node.spool_folder / "quarantine").rglob("*.txt"))) == 1


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, where the test sets it
def test_a_uid_with_leading_zeros_is_taken(running: Start, radiograph: Dataset) -> None:
    node = running()
    with connections(node.listener.port, 1) as (one,):
        one.associate(radiograph.SOPClassUID)
        dataset = another(radiograph)
        dataset.SOPInstanceUID = "1.2.826.0.1.007.01"
        assert wire.status_of(one.store(dataset, b"1.2.826.0.1.007.01")) == SUCCESS


def test_an_instance_beyond_the_limit_is_refused_and_the_next_is_taken(
    running: Start, radiograph: Dataset
) -> None:
    node = running(max_instance_mb=1)
    large = as_dicom(draw(PhantomKind.HEALTHY, rows=1024, columns=1024, seed=1))
    assert len(large.PixelData) == 2 * 1024 * 1024
    assert node.send(large, radiograph) == [OUT_OF_RESOURCES, SUCCESS]
    assert node.ledger.jobs.of_instance(large.SOPInstanceUID) == []


# --- our own results, routed back ---


def test_our_own_results_are_answered_success_and_dropped_and_logged_once(
    running: Start, caplog: pytest.LogCaptureFixture, radiograph: Dataset
) -> None:
    caplog.set_level(logging.INFO)
    node = running()
    outputs = examples.write(examples.findings(), examples.header(), ROLES)
    results = [read(output) for output in outputs.values()]
    assert len(results) == len(ROLES)
    assert {result.SOPClassUID for result in results} <= storage_classes()
    assert node.send(*results) == [SUCCESS] * len(ROLES)
    assert node.send(*results) == [SUCCESS] * len(ROLES)
    assert sum(node.ledger.reports.summary().counts.values()) == 0
    assert list((node.spool_folder / "received").rglob("*.dcm")) == []
    said = [one for one in caplog.records if "our own result came back" in one.getMessage()]
    assert len(said) == 1
    assert "CXR node project" in said[0].getMessage()
    assert node.send(radiograph) == [SUCCESS]
    assert node.ledger.jobs.of_instance(radiograph.SOPInstanceUID)
