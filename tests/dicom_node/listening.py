"""A listener with all that is behind it, for tests to send to."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypedDict, Unpack

from pydicom import Dataset

from dicom_node.config import Caller, CorrectionsSection, NodeSection, PrioritySection
from dicom_node.demo.modality import send
from dicom_node.intake.keeping import Installation
from dicom_node.intake.listener import Listener
from dicom_node.ledger import Ledger
from dicom_node.network.tls import Renewed
from dicom_node.queueing import Queues
from dicom_node.spool import Spool
from inference.decoding.transfer_syntaxes import decodable
from sr_writer.equipment import Equipment

PIPELINE = "a-pipeline"
OURS = Equipment()
INSTALLATION = Installation(PIPELINE, decodable(), OURS.manufacturer, OURS.model_name)


class NodeKeys(TypedDict, total=False):
    """Those of `[node]` that tests set."""

    port: int
    share_port: bool
    also_called: tuple[str, ...]
    max_associations: int
    max_associations_of_one_host: int
    association_timeout_s: float
    network_timeout_s: float
    max_instance_mb: int
    drain_s: float


class Running:
    """A listener with all that is behind it."""

    def __init__(
        self,
        folder: Path,
        callers: Sequence[Caller] = (),
        tls: Renewed | None = None,
        min_free_bytes: int = 0,
        priority: PrioritySection = PrioritySection(),  # noqa: B008 - frozen
        corrections: CorrectionsSection = CorrectionsSection(),  # noqa: B008 - frozen
        **keys: Unpack[NodeKeys],
    ) -> None:
        keys.setdefault("port", 0)
        # Tests leave associations open: that their end is waited for costs time.
        keys.setdefault("drain_s", 1.0)
        node = NodeSection(state=folder, **keys)
        self.spool_folder = folder / "spool"
        self.spool = Spool(self.spool_folder, min_free_bytes=min_free_bytes)
        self.ledger = Ledger.open(f"sqlite:///{folder / 'ledger.sqlite'}")
        self.queues = Queues("filesystem://", node.queue_folder, prefetch=1)
        self.listener = Listener(
            node, callers, self.spool, self.ledger, self.queues, INSTALLATION, tls=tls,
            priority=priority, corrections=corrections,
        )  # fmt: skip
        self.listener.start()

    def send(self, *datasets: Dataset | Path, calling_aet: str = "MODALITY") -> list[int | None]:
        sent = send(datasets, "127.0.0.1", self.listener.port, calling_aet=calling_aet)
        return [one.status for one in sent]

    def close(self) -> None:
        self.listener.stop()
        self.queues.close()
        self.ledger.close()


class Start(Protocol):
    """Start one, which the test's end closes."""

    def __call__(
        self,
        callers: Sequence[Caller] = (),
        tls: Renewed | None = None,
        priority: PrioritySection = ...,
        corrections: CorrectionsSection = ...,
        **keys: Unpack[NodeKeys],
    ) -> Running: ...
