"""A small PACS: a Storage and Verification SCP that keeps all it is sent (PS3.4 Annexes A and B).

It takes the classes of radiography and of its results in every transfer syntax, writes the bytes
as they came and remembers each arrival, so that the demo and the tests have a real Application
Entity at the node's other end. It can be told to refuse, and stopped and started again on its
port: an outage. It can be made to accept fewer classes or transfer syntaxes, as older ones do.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Self

from pydicom import dcmread
from pydicom.uid import (
    UID,
    BasicTextSRStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    EncapsulatedPDFStorage,
    EnhancedSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)
from pynetdicom import ALL_TRANSFER_SYNTAXES, evt
from pynetdicom.events import Event
from pynetdicom.transport import ThreadedAssociationServer

from dicom_node.errors import CANNOT_UNDERSTAND, SUCCESS
from dicom_node.network.dimse import acceptor

#: What radiography sends and what is made of it. Not all of storage: pynetdicom copies every
#: context for every association, 100 ms for the 170 classes there are.
SOP_CLASSES: tuple[UID, ...] = (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    BasicTextSRStorage,
    EnhancedSRStorage,
    ComprehensiveSRStorage,
    Comprehensive3DSRStorage,
    KeyObjectSelectionDocumentStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    EncapsulatedPDFStorage,
)
#: Associations at a time: many nodes, or many threads of a load test.
_ASSOCIATION_TIMEOUT_S = 30.0
_NETWORK_TIMEOUT_S = 60.0
_MAX_ASSOCIATIONS = 100


@dataclass(frozen=True, slots=True)
class Offer:
    """One C-STORE request, before anything is kept."""

    sop_class_uid: str
    sop_instance_uid: str
    calling_aet: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """One instance that was kept; an instance sent twice arrives twice."""

    sop_class_uid: str
    sop_instance_uid: str
    path: Path  #: the Part 10 file, bytes as received
    calling_aet: str
    at: datetime  #: UTC, when the file was whole
    at_monotonic: float  #: seconds, the same moment on this machine's `time.monotonic`


#: The DIMSE status an offer is answered with. An instance is kept on Success and on warnings.
Answer = Callable[[Offer], int]


def accept(_offer: Offer) -> int:
    """Takes everything."""
    return SUCCESS


class Pacs:
    """The archive, a context manager; `answer` may be replaced while it runs."""

    def __init__(
        self,
        folder: Path,
        *,
        aet: str = "PACS",
        host: str = "127.0.0.1",
        port: int = 0,
        answer: Answer = accept,
        sop_classes: Sequence[UID] = SOP_CLASSES,
        transfer_syntaxes: Sequence[str] = ALL_TRANSFER_SYNTAXES,
    ) -> None:
        self.folder = folder
        self.aet = aet
        self.host = host
        self.port = port  #: 0 until `start` has picked a free one, which is then kept
        self.answer = answer
        self.sop_classes = sop_classes  #: what it accepts at association
        self.transfer_syntaxes = transfer_syntaxes
        self._stored: list[Arrival] = []
        self._changed = threading.Condition()
        self._server: ThreadedAssociationServer | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; raises OSError when the address is taken."""
        ae = acceptor(self.aet, _ASSOCIATION_TIMEOUT_S, _NETWORK_TIMEOUT_S)
        ae.maximum_associations = _MAX_ASSOCIATIONS
        for sop_class in self.sop_classes:
            ae.add_supported_context(sop_class, list(self.transfer_syntaxes))
        self._server = ae.start_server(
            (self.host, self.port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._on_store)]
        )
        self.port = int(self._server.server_address[1])

    def stop(self) -> None:
        """Abort what is running and close the port: to a sender, an outage."""
        if self._server is not None:
            self._server.ae.shutdown()
            self._server = None

    @property
    def stored(self) -> list[Arrival]:
        """Every arrival so far, in order."""
        with self._changed:
            return list(self._stored)

    def wait_for(
        self, predicate: Callable[[Sequence[Arrival]], bool], timeout_s: float = 30.0
    ) -> list[Arrival]:
        """The arrivals as soon as `predicate` holds for them; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: predicate(self._stored), timeout_s):
                names = [UID(arrival.sop_class_uid).name for arrival in self._stored]
                raise TimeoutError(f"waited {timeout_s:g} s; {len(names)} arrived: {names}")
            return list(self._stored)

    def _on_store(self, event: Event) -> int:
        request = event.request
        offer = Offer(
            str(request.AffectedSOPClassUID),
            str(request.AffectedSOPInstanceUID),
            event.assoc.requestor.ae_title.strip(),
        )
        status = self.answer(offer)
        if not _keeps(status):
            return status
        content = event.encoded_dataset()
        study_uid = _study_instance_uid(content)
        if study_uid is None or not UID(offer.sop_instance_uid).is_valid:
            return CANNOT_UNDERSTAND
        path = self.folder / study_uid / f"{offer.sop_instance_uid}.dcm"
        _write(path, content)
        self._remember(offer, path)
        return status

    def _remember(self, offer: Offer, path: Path) -> None:
        arrival = Arrival(
            offer.sop_class_uid,
            offer.sop_instance_uid,
            path,
            offer.calling_aet,
            datetime.now(UTC),
            time.monotonic(),
        )
        with self._changed:
            self._stored.append(arrival)
            self._changed.notify_all()


def _keeps(status: int) -> bool:
    """Success, or a warning of the Storage Service Class (PS3.4 table B.2-1)."""
    return status == SUCCESS or status & 0xF000 == 0xB000


def _study_instance_uid(content: bytes) -> str | None:
    """None unless it is a valid UID: it becomes the name of a folder."""
    try:
        index = dcmread(
            BytesIO(content), stop_before_pixels=True, specific_tags=["StudyInstanceUID"]
        )
        uid = UID(str(index.StudyInstanceUID))
    except Exception:
        # pydicom raises a dozen unrelated types on bytes that are no data set.
        return None
    return str(uid) if uid.is_valid else None


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: whoever sees the name may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # One name per thread: the same instance may be arriving twice at this moment.
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    part.write_bytes(content)
    part.replace(path)
