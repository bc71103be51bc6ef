"""Two hospitals of one node: one reads German, the other says nothing of it and reads English."""

from contextlib import closing
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import ComprehensiveSRStorage, SegmentationStorage

from dicom_node.config import Destination, Reports
from dicom_node.delivery.dicom import DicomCarrier
from dicom_node.delivery.loop import DeliveryLoop
from dicom_node.delivery.sending import Sending
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind as Phantom
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.ledger import JobState, Ledger, StoredInstance
from dicom_node.queueing import Queues, Received
from dicom_node.spool import Spool
from dicom_node.worker import Worker
from inference.engines import Engine
from inference.pipeline import Pipeline, Settings
from sr_writer.equipment import Equipment
from sr_writer.identity import results_digest
from tests.dicom_node.hearts import heart
from tests.dicom_node.radiographs import file_bytes
from tests.phantoms import draw

#: What the German one takes: an archive that knows no Comprehensive 3D SR.
_OLD = (SegmentationStorage, ComprehensiveSRStorage)


def destination(name: str, pacs: Pacs, **keys: object) -> Destination:
    address = {"aet": pacs.aet, "host": pacs.host, "port": pacs.port}
    return Destination.model_validate({"name": name, "preset": "slicer", **address, **keys})


def test_each_destination_gets_its_own_report_and_the_same_masks(
    tmp_path: Path, engine: Engine
) -> None:
    content = file_bytes(as_dicom(draw(Phantom.LEFT_OPACITY, rows=382, columns=318, seed=8)))
    with (
        Pacs(tmp_path / "berlin", sop_classes=_OLD) as berlin,
        Pacs(tmp_path / "leeds") as leeds,
        closing(Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")) as ledger,
        closing(Queues("filesystem://", tmp_path / "queue", prefetch=1)) as queues,
    ):
        spool = Spool(tmp_path / "spool")
        both = [destination("berlin", berlin, language="de"), destination("leeds", leeds)]
        worker = Worker(
            engine, Settings(), Equipment(), both, Reports(), spool, ledger, queues,
            heart(ledger, "worker"),
        )  # fmt: skip
        job_id = accept(content, ledger, spool, results_digest(Pipeline(engine.models)))
        worker.handle(Received(job_id, redelivered=False))
        for to in both:
            sending = Sending(to.name, DicomCarrier(to, "CXRNODE", spool), spool)
            loop = DeliveryLoop(to, sending, ledger, heart(ledger, to.name))
            while loop.deliver_due():
                pass
        job = ledger.jobs.get(job_id)
        assert job is not None
        assert job.state is JobState.BUILT
        states = {(one.destination, one.role): one.state.value
                  for one in ledger.deliveries.of_job(job_id)}  # fmt: skip
        assert states["berlin", "SEG"] == states["leeds", "SEG"] == "DELIVERED"
        assert states["leeds", "SR"] == "DELIVERED"
        # What stands in for a report is in its language.
        assert states["berlin", "SR@de"] == "SUBSTITUTED"
        assert states["berlin", "SR2D@de"] == "DELIVERED"
        (german, english) = (
            next(dcmread(one.path) for one in pacs.stored if "88.3" in one.sop_class_uid)
            for pacs in (berlin, leeds)
        )
    masks = {next(one.sop_instance_uid for one in pacs.stored if "66.4" in one.sop_class_uid)
             for pacs in (berlin, leeds)}  # fmt: skip
    assert len(masks) == 1
    assert german.SOPInstanceUID != english.SOPInstanceUID
    said = {item.get("TextValue") for item in german.ContentSequence}
    assert "Nur für Forschungszwecke - nicht zur Diagnose" in said
    assert german.SpecificCharacterSet == "ISO_IR 100"


def accept(content: bytes, ledger: Ledger, spool: Spool, pipeline: str) -> int:
    header = dcmread(BytesIO(content), stop_before_pixels=True)
    stored = spool.store_received(header.SOPInstanceUID, content)
    uids = (header.SOPClassUID, header.SOPInstanceUID, header.StudyInstanceUID,
            header.SeriesInstanceUID, header.file_meta.TransferSyntaxUID)  # fmt: skip
    instance = StoredInstance(*uids, "MODALITY", stored.path, stored.sha256, stored.size_bytes)
    return ledger.jobs.accept(instance, pipeline).job_id
