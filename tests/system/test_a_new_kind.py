"""The change test: an eighth kind of output is one file, this one, and reaches a destination.

A Basic Text SR (PS3.3 A.35.1) that says the conclusion in one sentence. Nothing but its record is
handed to the worker and to the profile of the destination; everything else is the node's own.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from highdicom.sr import ContainerContentItem, ContentSequence
from pydicom import Dataset, dcmread
from pydicom.uid import (
    BasicTextSRStorage,
    EncapsulatedPDFStorage,
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
)

from dicom_node.config import Destination, Reports
from dicom_node.config.profiles import read_profile
from dicom_node.delivery.dicom import DicomCarrier
from dicom_node.delivery.loop import DeliveryLoop
from dicom_node.delivery.sending import Sending
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind as Phantom
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import ConfigError, InvalidResult
from dicom_node.ledger import JobState, Ledger, StoredInstance
from dicom_node.queueing import Queues, Received
from dicom_node.spool import Spool
from dicom_node.worker import Worker, process
from inference.engines import Engine
from inference.pipeline import Pipeline, Settings
from sr_writer import codes
from sr_writer.case import Case
from sr_writer.equipment import Equipment
from sr_writer.identity import results_digest
from sr_writer.kinds import KINDS, Kind
from sr_writer.sr.document import evidence, sr_document, text_of
from sr_writer.wording import conclusion
from tests.dicom_node.hearts import heart
from tests.dicom_node.radiographs import file_bytes
from tests.phantoms import draw


def build(case: Case) -> Dataset:
    root = ContainerContentItem(codes.REPORT_TITLE)
    said = text_of(codes.CONCLUSION, conclusion(case.findings, case.words), case.words)
    root.ContentSequence = ContentSequence([said])
    return sr_document(SENTENCE, case.source, case.identity, root, evidence(case.source))


def build_of_another(case: Case) -> Dataset:
    dataset = build(case)
    dataset.ContentSequence[0].TextValue = "Nothing to worry about."
    return dataset


def verify(dataset: Dataset, case: Case) -> Iterator[str]:
    if dataset.ContentSequence[0].TextValue != conclusion(case.findings, case.words):
        yield "it concludes something else"


SENTENCE = Kind(
    role="SENTENCE",
    sop_class_uid=BasicTextSRStorage,
    series_number=700,
    subject="COVID-19 in a sentence",
    file_name="sentence.dcm",
    required=("CompletionFlag", "VerificationFlag", "ContentSequence"),
    build=build,
    verify=verify,
    next_best="DOC",
)
ALL = (*KINDS, SENTENCE)
CREATED = datetime(2026, 11, 25, tzinfo=UTC)
WANTED = {"outputs": ["SC", "SENTENCE"], "transfer_syntaxes": ["deflated", "explicit"]}


class WithSentence(Destination):
    """One that may be sent every kind there is here."""

    known_outputs = ALL


@pytest.fixture(scope="module")
def content() -> bytes:
    return file_bytes(as_dicom(draw(Phantom.LEFT_OPACITY, rows=382, columns=318, seed=8)))


class Node:
    """A worker and a sender over one ledger, with one destination that wants a sentence."""

    def __init__(self, folder: Path, engine: Engine, pacs: Pacs) -> None:
        address = {"aet": pacs.aet, "host": pacs.host, "port": pacs.port}
        self.to = WithSentence.model_validate({"name": "pacs", **address, **WANTED})
        self.pipeline = results_digest(Pipeline(engine.models))
        self.spool = Spool(folder / "spool")
        self.ledger = Ledger.open(f"sqlite:///{folder / 'ledger.sqlite'}")
        self.queues = Queues("filesystem://", folder / "queue", prefetch=1)
        self.worker = Worker(
            engine, Settings(), Equipment(), [self.to], Reports(),
            self.spool, self.ledger, self.queues, heart(self.ledger, "worker"), ALL,
        )  # fmt: skip

    def do(self, content: bytes) -> int:
        """Take a radiograph in, analyse it, send all that comes of it; its job's id."""
        header = dcmread(BytesIO(content), stop_before_pixels=True)
        stored = self.spool.store_received(header.SOPInstanceUID, content)
        uids = (header.SOPClassUID, header.SOPInstanceUID, header.StudyInstanceUID,
                header.SeriesInstanceUID, header.file_meta.TransferSyntaxUID)  # fmt: skip
        instance = StoredInstance(*uids, "MODALITY", stored.path, stored.sha256, stored.size_bytes)
        job_id = self.ledger.jobs.accept(instance, self.pipeline).job_id
        self.worker.handle(Received(job_id, redelivered=False))
        sending = Sending("pacs", DicomCarrier(self.to, "CXRNODE", self.spool), self.spool)
        loop = DeliveryLoop(self.to, sending, self.ledger, heart(self.ledger, "sender"))
        while loop.deliver_due():
            pass
        return job_id

    def states(self, job_id: int) -> dict[str, str]:
        return {each.role: each.state.value for each in self.ledger.deliveries.of_job(job_id)}

    def close(self) -> None:
        self.queues.close()
        self.ledger.close()


def test_an_eighth_kind_reaches_a_destination(
    tmp_path: Path, engine: Engine, content: bytes
) -> None:
    with Pacs(tmp_path / "pacs") as pacs, closing(Node(tmp_path, engine, pacs)) as node:
        job_id = node.do(content)
        job = node.ledger.jobs.get(job_id)
        assert job is not None
        assert job.state is JobState.BUILT
        assert node.states(job_id) == {
            "SC": "DELIVERED", "SENTENCE": "DELIVERED", "DOC": "RESERVE"
        }  # fmt: skip
        picture, sentence = pacs.stored
    assert picture.sop_class_uid == SecondaryCaptureImageStorage
    assert sentence.sop_class_uid == BasicTextSRStorage
    arrived = dcmread(sentence.path)
    assert arrived.StudyInstanceUID == job.study_instance_uid
    assert arrived.SeriesNumber == 700
    assert arrived.SeriesDescription.startswith("COVID-19 in a sentence")
    assert arrived.ContentSequence[0].TextValue.startswith("COVID-19 infection seen.")
    assert arrived.file_meta.TransferSyntaxUID.is_deflated


def test_where_its_class_is_not_accepted_its_next_best_goes(
    tmp_path: Path, engine: Engine, content: bytes
) -> None:
    old = (SecondaryCaptureImageStorage, EncapsulatedPDFStorage)
    with (
        Pacs(tmp_path / "pacs", sop_classes=old) as pacs,
        closing(Node(tmp_path, engine, pacs)) as node,
    ):
        job_id = node.do(content)
        assert node.states(job_id) == {
            "SC": "DELIVERED", "SENTENCE": "SUBSTITUTED", "DOC": "DELIVERED"
        }  # fmt: skip
        assert [arrival.sop_class_uid for arrival in pacs.stored] == list(old)


def test_what_other_pixels_replace_is_taken_back(
    tmp_path: Path, engine: Engine, content: bytes
) -> None:
    first = dcmread(BytesIO(content))
    uids = {keyword: first[keyword].value for keyword in
            ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientID", "PatientName",
             "PatientBirthDate", "PatientSex", "AccessionNumber")}  # fmt: skip
    other = as_dicom(draw(Phantom.BILATERAL_OPACITIES, rows=382, columns=318, seed=9), **uids)
    with Pacs(tmp_path / "pacs") as pacs, closing(Node(tmp_path, engine, pacs)) as node:
        node.do(content)
        node.do(file_bytes(other))
        *earlier, _, _, note = pacs.stored
    assert note.sop_class_uid == KeyObjectSelectionDocumentStorage
    taken_back = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID: item.ValueType
        for item in dcmread(note.path).ContentSequence
        if "ReferencedSOPSequence" in item
    }
    picture, sentence = (arrival.sop_instance_uid for arrival in earlier)
    assert taken_back == {picture: "IMAGE", sentence: "COMPOSITE"}


def test_the_others_are_what_they_were(engine: Engine, content: bytes) -> None:
    roles = [kind.role for kind in KINDS]
    alone = process(content, engine, Equipment(), CREATED)
    beside = process(content, engine, Equipment(), CREATED, kinds=ALL)
    assert beside.write(roles) == alone.write(roles)


def test_what_its_verifier_refuses_never_leaves(engine: Engine, content: bytes) -> None:
    liar = replace(SENTENCE, build=build_of_another)
    processed = process(content, engine, Equipment(), CREATED, kinds=(*KINDS, liar))
    with pytest.raises(InvalidResult, match=r"SENTENCE .* it concludes something else"):
        processed.write(["SENTENCE"])


def test_a_node_without_it_does_not_know_it() -> None:
    with pytest.raises(ConfigError, match="'SENTENCE' is not one of"):
        read_profile(WANTED)
