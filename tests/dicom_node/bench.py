"""All that a worker works with: a real ledger, spool, queues and both networks, in a folder."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from pydicom import Dataset, dcmread

from dicom_node.config import CorrectionsSection, Destination, PriorsSection, Reports
from dicom_node.config.profiles import Profile
from dicom_node.intake.correction import SEGMENTATION
from dicom_node.intake.rejection import KEY_OBJECT_SELECTION
from dicom_node.ledger import InstanceKind, Job, Ledger, Origin, StoredInstance
from dicom_node.queueing import Queues, Received
from dicom_node.spool import Spool
from dicom_node.worker import Worker
from inference.engines import Engine
from inference.pipeline import Pipeline, Settings
from sr_writer.equipment import Equipment
from sr_writer.identity import results_digest
from tests.dicom_node.delivery.bench import Clock, keys_of
from tests.dicom_node.hearts import heart

LEASE_S = 60.0
PACS = "pacs"
NOWHERE = Origin()
_KINDS = {
    KEY_OBJECT_SELECTION: InstanceKind.CORRECTION,
    SEGMENTATION: InstanceKind.SEGMENTATION,
}


@dataclass
class Bench:
    """All that a worker works with, in a folder."""

    folder: Path
    engine: Engine
    clock: Clock = field(default_factory=Clock)
    spool: Spool = field(init=False)
    ledger: Ledger = field(init=False)
    pipeline: str = field(init=False)  #: what the worker does
    queues: Queues = field(init=False)

    def __post_init__(self) -> None:
        self.pipeline = results_digest(Pipeline(self.engine.models))
        self.spool = Spool(self.folder / "spool")
        self.ledger = Ledger.open(f"sqlite:///{self.folder / 'ledger.sqlite'}", self.clock)
        self.queues = Queues("filesystem://", self.folder / "queue", prefetch=1)

    def accept(self, content: bytes, pipeline: str = "", origin: Origin = NOWHERE) -> int:
        header = dcmread(BytesIO(content), stop_before_pixels=True, force=True)
        stored = self.spool.store_received(header.SOPInstanceUID, content)
        instance = StoredInstance(
            sop_class_uid=header.SOPClassUID,
            sop_instance_uid=header.SOPInstanceUID,
            study_instance_uid=header.StudyInstanceUID,
            series_instance_uid=header.SeriesInstanceUID,
            transfer_syntax_uid=header.file_meta.TransferSyntaxUID,
            calling_aet="MODALITY",
            path=stored.path,
            sha256=stored.sha256,
            size_bytes=stored.size_bytes,
            kind=_KINDS.get(header.SOPClassUID, InstanceKind.RADIOGRAPH),
            origin=origin,
        )
        return self.ledger.jobs.accept(instance, pipeline or self.pipeline).job_id

    def work(
        self,
        job_id: int,
        *profiles: Profile,
        reports: Reports = Reports(),  # noqa: B008 - frozen
        engine: Engine | None = None,
        priors: PriorsSection = PriorsSection(),  # noqa: B008 - frozen
        corrections: CorrectionsSection = CorrectionsSection(),  # noqa: B008 - frozen
    ) -> Job:
        """One worker's turn at the job; what became of it."""
        worker = self.worker(
            *profiles, reports=reports, engine=engine, priors=priors, corrections=corrections
        )
        worker.handle(Received(job_id, redelivered=False))
        job = self.ledger.jobs.get(job_id)
        assert job is not None
        return job

    def worker(
        self,
        *profiles: Profile,
        reports: Reports = Reports(),  # noqa: B008 - frozen
        engine: Engine | None = None,
        priors: PriorsSection = PriorsSection(),  # noqa: B008 - frozen
        corrections: CorrectionsSection = CorrectionsSection(),  # noqa: B008 - frozen
    ) -> Worker:
        names = [PACS, *(f"other{number}" for number in range(1, len(profiles)))]
        destinations = [
            Destination(name=name, aet="PACS", host="127.0.0.1", port=104, **keys_of(profile))
            for name, profile in zip(names, profiles, strict=False)
        ]
        return Worker(
            engine or self.engine, Settings(), Equipment(), destinations, reports,
            self.spool, self.ledger, self.queues, heart(self.ledger, "worker"),
            priors=priors, corrections=corrections,
        )  # fmt: skip

    def states(self, job_id: int, destination: str = PACS) -> dict[str, str]:
        return {d.role: d.state.value for d in self.ledger.deliveries.of_job(job_id)
                if d.destination == destination}  # fmt: skip

    def die(self, job_id: int) -> None:
        assert self.ledger.jobs.claim(job_id, self.pipeline, "dead", LEASE_S) is not None
        self.ledger.jobs.free_of(["dead"])

    def text_of(self, job_id: int, role: str) -> str:
        """What one of its reports says."""
        (delivery,) = [d for d in self.ledger.deliveries.of_job(job_id) if d.role == role]
        return " ".join(_texts(dcmread(self.spool.resolve(delivery.path))))

    def deliver(self, destination: str = PACS) -> dict[str, Dataset]:
        """What a sender would get there now: role to data set."""
        arrived: dict[str, Dataset] = {}
        while batch := self.ledger.deliveries.claim(destination, "sender", LEASE_S, 32):
            for delivery in batch:
                arrived[delivery.role] = dcmread(self.spool.resolve(delivery.path))
                self.ledger.deliveries.delivered(delivery.id, "sender", 0x0000)
        return arrived

    def deliver_all(self, destination: str = PACS) -> list[Dataset]:
        """The same, however many there are of a role."""
        arrived: list[Dataset] = []
        while batch := self.ledger.deliveries.claim(destination, "sender", LEASE_S, 32):
            for delivery in batch:
                arrived.append(dcmread(self.spool.resolve(delivery.path)))
                self.ledger.deliveries.delivered(delivery.id, "sender", 0x0000)
        return arrived


def _texts(item: Dataset) -> Iterator[str]:
    for child in item.get("ContentSequence", ()):
        yield str(child.get("TextValue", ""))
        yield from _texts(child)
