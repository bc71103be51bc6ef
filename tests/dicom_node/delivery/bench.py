"""What the tests of delivery share: a spool, a ledger, outputs to send, real destinations."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    generate_uid,
)

from dicom_node.config import AnyDestination, Destination
from dicom_node.config.profiles import STANDARD, Profile
from dicom_node.delivery.kinds import DESTINATION_KINDS
from dicom_node.delivery.loop import DeliveryLoop
from dicom_node.delivery.sending import Sending
from dicom_node.demo.pacs import Pacs
from dicom_node.ledger import BuiltOutput, Delivery, DeliveryState, Ledger, Route, StoredInstance
from dicom_node.spool import Spool
from tests.dicom_node.hearts import heart

CLASSES = {
    "SEG": SegmentationStorage,
    "SR": Comprehensive3DSRStorage,
    "SR2D": ComprehensiveSRStorage,
    "SC": SecondaryCaptureImageStorage,
    "PR": GrayscaleSoftcopyPresentationStateStorage,
    "DOC": EncapsulatedPDFStorage,
}
USUAL = [CLASSES[role] for role in STANDARD.outputs]


class Clock:
    """The real time, which a test may set forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def advance(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


@dataclass
class Bench:
    """A spool and a ledger with something to deliver."""

    folder: Path
    spool: Spool = field(init=False)
    ledger: Ledger = field(init=False)
    clock: Clock = field(default_factory=Clock)
    padding: int = 0  #: bytes that make outputs larger

    def __post_init__(self) -> None:
        self.spool = Spool(self.folder / "spool")
        self.ledger = Ledger.open(f"sqlite:///{self.folder / 'ledger.sqlite'}", self.clock)

    def build(self, *destinations: AnyDestination) -> int:
        """A job with one output of each role, waiting for every destination; its id."""
        study = generate_uid()
        job_id = self.accept(study)
        assert self.ledger.jobs.claim(job_id, "pipeline", "worker", 60)
        profiles = {to.name: to.profile for to in destinations}
        roles = [role for role in CLASSES if any(role in p.built for p in profiles.values())]
        outputs = [self.output(role, study) for role in roles]
        routes = [Route(name, p.outputs, p.reserves) for name, p in profiles.items()]
        self.ledger.handover.built(job_id, "worker", outputs, routes)
        return job_id

    def accept(self, study: str) -> int:
        """A job of an instance of the study; its id."""
        instance = StoredInstance(
            *(CLASSES["SC"], generate_uid(), study, generate_uid(), ExplicitVRLittleEndian),
            *("MODALITY", "received/x.dcm", "0" * 64, 1),
        )
        return self.ledger.jobs.accept(instance, "pipeline").job_id

    def output(self, role: str, study: str) -> BuiltOutput:
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID, dataset.SOPInstanceUID = CLASSES[role], generate_uid()
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, generate_uid()
        dataset.ReferencedStudySequence = [Dataset()]
        dataset.ReferencedStudySequence[0].ReferencedSOPInstanceUID = study
        if self.padding:
            dataset.EncapsulatedDocument = b"\0" * self.padding
        buffer = BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        stored = self.spool.store_output(dataset.SOPInstanceUID, buffer.getvalue())
        return BuiltOutput(
            *(role, CLASSES[role], dataset.SOPInstanceUID, dataset.SeriesInstanceUID),
            *(ExplicitVRLittleEndian, stored.path, stored.sha256, stored.size_bytes),
        )

    def loop(self, destination: AnyDestination, ledger: Ledger | None = None) -> DeliveryLoop:
        ledger = ledger or self.ledger
        return DeliveryLoop(destination, self.sending(destination), ledger, heart(ledger, "sender"))

    def sending(self, destination: AnyDestination) -> Sending:
        kind = DESTINATION_KINDS[destination.kind]
        carrier = kind.carrier(destination, "CXRNODE", self.spool)
        is_asked = kind.query and destination.verify != "none"
        query = kind.query(destination, "CXRNODE") if kind.query and is_asked else None
        return Sending(destination.name, carrier, self.spool, query)

    def states(self, job_id: int) -> list[DeliveryState]:
        return [
            delivery.state
            for delivery in self.ledger.deliveries.of_job(job_id)
            if delivery.state is not DeliveryState.RESERVE
        ]

    def by_role(self, job_id: int) -> dict[str, str]:
        return {d.role: d.state.value for d in self.ledger.deliveries.of_job(job_id)}

    def deliver_all(self, destination: AnyDestination) -> None:
        loop = self.loop(destination)
        while loop.deliver_due():
            pass


def keys_of(profile: Profile) -> dict[str, Any]:
    """Those of `[[destination]]` that make this profile."""
    keys = ("outputs", "transfer_syntaxes", "next_best", "rejection_notes")
    said = {key: getattr(profile, key) for key in keys} | {"language": profile.language}
    # A role says its language as well.
    return said | {"outputs": [role.partition("@")[0] for role in profile.outputs]}


def at(pacs: Pacs, name: str = "pacs", **keys: Any) -> Destination:
    """`keys` are of `[[destination]]`."""
    return Destination(name=name, aet=pacs.aet, host=pacs.host, port=pacs.port, **keys)


def delivery_of(bench: Bench, job_id: int, role: str) -> Delivery:
    (delivery,) = [d for d in bench.ledger.deliveries.of_job(job_id) if d.role == role]
    return delivery


def wait_until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)  # to ask the ledger costs as much as what is waited for


def arrived(pacs: Pacs) -> list[str]:
    role_of: dict[str, str] = {uid: role for role, uid in CLASSES.items()}
    return [role_of[arrival.sop_class_uid] for arrival in pacs.stored]


def reason(bench: Bench, job_id: int, role: str = "SEG") -> str:
    return delivery_of(bench, job_id, role).reason or ""
