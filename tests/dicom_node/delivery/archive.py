"""An archive that misbehaves as it is told: it stores, shows and commits, or does not.

Storage, Query/Retrieve (Study Root, FIND) and Storage Commitment Push Model SCP.
"""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import (
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
)

from dicom_node.config import Destination
from tests.dicom_node.delivery.bench import CLASSES

#: The well-known SOP Instance of PS3.4 J.3.5.
INSTANCE = UID("1.2.840.10008.1.20.1.1")
#: Event Type IDs, PS3.4 table J.3-2.
ALL_WELL, FAILURES = 1, 2


@dataclass
class Commitment:
    """What was asked by one N-ACTION."""

    transaction_uid: str
    uids: list[str]
    association: Any


def information(
    transaction_uid: str, held: Collection[str], failed: Mapping[str, int], *, bare: bool = False
) -> Dataset:
    """Event Information of a report; `bare`: a sequence without an item is left out."""
    report = Dataset()
    report.TransactionUID = transaction_uid
    if held or not bare:
        report.ReferencedSOPSequence = [reference(uid) for uid in held]
    if failed or not bare:
        report.FailedSOPSequence = [reference(uid) for uid in failed]
        for item, reason in zip(report.FailedSOPSequence, failed.values(), strict=True):
            item.FailureReason = reason
    return report


def reference(uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = CLASSES["SC"]
    item.ReferencedSOPInstanceUID = uid
    return item


@dataclass
class Archive:
    """A context manager; whatever is set may be set while it runs."""

    on_store: Callable[[evt.Event], int] = lambda _event: 0x0000
    on_request: Callable[[evt.Event], None] = lambda _event: None  #: for an association
    #: Keeps what it answered Success to.
    keeps: Callable[[str], bool] = lambda _uid: True
    on_commit: int = 0x0000  #: status of an N-ACTION
    on_find: int = 0x0000  #: final status of a C-FIND
    offers_find: bool = True
    offers_commitment: bool = True
    held: set[str] = field(default_factory=set)  #: SOP Instance UIDs
    arrived: Counter[str] = field(default_factory=Counter)  #: how often it was sent each
    asked: list[Commitment] = field(default_factory=list)
    #: Reports by the association that the request came by, after its answer.
    reports_at_once: bool = False
    port: int = 0  #: until it is first started

    def __enter__(self) -> Self:
        self._threads: list[threading.Thread] = []
        self.start()
        return self

    def start(self) -> None:
        self._ae = AE(ae_title="ARCHIVE")
        for sop_class in CLASSES.values():
            self._ae.add_supported_context(sop_class)
        if self.offers_find:
            self._ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
        if self.offers_commitment:
            self._ae.add_supported_context(StorageCommitmentPushModel)
        handlers = [
            (evt.EVT_REQUESTED, lambda event: self.on_request(event)),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_N_ACTION, self._commit),
        ]
        server = self._ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)
        self.port = server.server_address[1]

    def stop(self) -> None:
        self._ae.shutdown()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for thread in self._threads:
            thread.join()
        self.stop()

    def destination(self, name: str = "pacs", **keys: Any) -> Destination:
        """`keys` are of `[[destination]]`."""
        given: dict[str, Any] = {"outputs": ("SEG", "SR", "SC"), "next_best": False} | keys
        return Destination(name=name, aet="ARCHIVE", host="127.0.0.1", port=self.port, **given)

    def report(
        self,
        port: int,
        report: Dataset,
        event_type: int = ALL_WELL,
        *,
        calling_aet: str = "ARCHIVE",
        with_role: bool = True,
    ) -> int | None:
        """Report by an association of its own; the status it is answered with, None: not let in."""
        ae = AE(ae_title=calling_aet)
        ae.add_requested_context(StorageCommitmentPushModel)
        role = build_role(StorageCommitmentPushModel, scp_role=True)
        association = ae.associate(
            "127.0.0.1", port, ae_title="CXRNODE", ext_neg=[role] if with_role else []
        )
        if not association.accepted_contexts:
            return None
        # PS3.7 D.3.3.4: who proposed to be its SCP is told that it may.
        assert association.accepted_contexts[0].as_scp or not with_role
        try:
            return self._send(association, report, event_type)
        finally:
            association.release()

    def settle(self, port: int, commitment: Commitment) -> int | None:
        """The truth about what it was asked."""
        held = [uid for uid in commitment.uids if uid in self.held]
        failed = {uid: 0x0112 for uid in commitment.uids if uid not in self.held}
        report = information(commitment.transaction_uid, held, failed)
        return self.report(port, report, FAILURES if failed else ALL_WELL)

    def _send(self, association: Any, report: Dataset, event_type: int) -> int:
        answer, _ = association.send_n_event_report(
            report, event_type, StorageCommitmentPushModel, INSTANCE
        )
        return int(answer.Status)

    def _store(self, event: evt.Event) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        self.arrived[uid] += 1
        status = self.on_store(event)
        if status == 0x0000 and self.keeps(uid):
            self.held.add(uid)
        return status

    def _find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        wanted = event.identifier
        assert wanted.QueryRetrieveLevel == "IMAGE"
        assert wanted.StudyInstanceUID
        assert wanted.SeriesInstanceUID
        if self.on_find == 0x0000 and wanted.SOPInstanceUID in self.held:
            yield 0xFF00, wanted
        yield self.on_find, None

    def _commit(self, event: evt.Event) -> tuple[int, None]:
        asked = event.action_information
        uids = [item.ReferencedSOPInstanceUID for item in asked.ReferencedSOPSequence]
        commitment = Commitment(asked.TransactionUID, uids, event.assoc)
        if self.on_commit == 0x0000:
            self.asked.append(commitment)
            if self.reports_at_once:
                thread = threading.Thread(target=self._report_at_once, args=(commitment,))
                self._threads.append(thread)
                thread.start()
        return self.on_commit, None

    def _report_at_once(self, commitment: Commitment) -> None:
        held = [uid for uid in commitment.uids if uid in self.held]
        report = information(commitment.transaction_uid, held, {})
        threading.Event().wait(0.2)  # after the answer, as no archive reports before it
        self._send(commitment.association, report, ALL_WELL)
