"""Storage and Verification SCP (PS3.4 Annexes A and B): spool the bytes, commit the job, answer.

The order is the promise: spool, commit, publish, answer. Never Success before the commit; the
sender may delete its copy on Success.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom.events import Event
from pynetdicom.transport import ThreadedAssociationServer

from dicom_node.config import Caller, NodeSection
from dicom_node.dimse import Handler, acceptor, hang_up, serve
from dicom_node.errors import (
    OUT_OF_RESOURCES,
    SUCCESS,
    BrokerUnavailable,
    Permanent,
    Transient,
)
from dicom_node.intake.acceptance import Acceptance, Rejection, request_of
from dicom_node.intake.eligibility import unsupported_class
from dicom_node.intake.indexing import Index, read_index
from dicom_node.intake.store_requests import StoreRequests
from dicom_node.ledger import InstanceKind, JobState, Ledger, StoredInstance
from dicom_node.patients import Patients
from dicom_node.queueing import Kind, Queues
from dicom_node.spool import Spool

logger = logging.getLogger(__name__)

#: Seconds a sender gets to finish what it is sending when the node stops.
STOP_WITHIN_S = 5.0
#: Bytes an Error Comment (0000,0902) may have, VR LO.
_COMMENT_LENGTH = 64
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Installation:
    """What the listener has to know of the rest of the node, which it does not load."""

    pipeline: str  #: which models and settings a job asks for
    transfer_syntaxes: tuple[UID, ...]  #: those whose pixels can be decoded here
    manufacturer: str  #: of our own results, as they say it
    model_name: str  #: likewise


class Listener:
    """Takes instances in, so that an answered Success means: on disk and in the ledger."""

    def __init__(
        self,
        node: NodeSection,
        callers: Sequence[Caller],
        spool: Spool,
        ledger: Ledger,
        queues: Queues,
        installation: Installation,
    ) -> None:
        self._node = node
        self._spool = spool
        self._patients = Patients.of(spool)
        self._ledger = ledger
        self._queues = queues
        self._installation = installation
        self._acceptance = Acceptance(node, callers, installation.transfer_syntaxes)
        self._requests = StoreRequests(node.max_instance_mb * _MEGABYTE)
        self._ae = acceptor(node.aet, node.association_timeout_s, node.network_timeout_s)
        self._server: ThreadedAssociationServer | None = None
        self._returned_by: set[str] = set()

    def start(self) -> None:
        """Listen; raises OSError when the address is taken."""
        handlers: list[Handler] = [
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_C_ECHO, self._on_echo),
            (evt.EVT_C_STORE, self._on_store),
        ]
        address = (self._node.host, self._node.port)
        self._server = serve(self._ae, address, [*self._requests.handlers, *handlers])
        logger.info("started listening", extra={"aet": self._node.aet, "port": self.port})

    @property
    def port(self) -> int:
        """The port bound; differs from the configured one when that is 0."""
        assert self._server is not None, "the listener has not been started"
        return int(self._server.server_address[1])

    def connections(self) -> int:
        """How many TCP connections are open, with or without an association."""
        return sum(one.is_acceptor for one in self._ae.active_associations)

    def stop(self, within_s: float = STOP_WITHIN_S) -> None:
        """Accept nothing more, let running associations end, abort those that do not."""
        if self._server is None:
            return
        self._server.shutdown()
        hang_up(self._ae)
        deadline = time.monotonic() + within_s
        for association in self._ae.active_associations:
            association.join(max(0.0, deadline - time.monotonic()))
        self._ae.shutdown()
        self._server = None
        logger.info("stopped listening")

    def receive(self, content: bytes, sop_class_uid: str, sop_instance_uid: str, aet: str) -> None:
        """Keep one Part 10 file; returns only when the promise behind Success holds."""
        try:
            index = read_index(content, sop_class_uid, sop_instance_uid, self._patients)
        except Permanent as exc:
            self._spool.quarantine(content, str(exc), sop_instance_uid)
            raise
        if self._is_our_own(index):
            self._note_returned(sop_instance_uid, aet)
            return
        instance = self._store(content, index, aet)
        pipeline = self._installation.pipeline
        acceptance = self._ledger.jobs.accept(instance, pipeline)
        ids = {"job_id": acceptance.job_id, "sop_instance_uid": sop_instance_uid}
        if not acceptance.is_new:
            what = "other bytes" if acceptance.other_bytes else "the same bytes"
            again = {"with": what, "state": acceptance.state, "reopened": acceptance.is_reopened}
            logger.info("received again", extra=ids | again)
        if acceptance.state is JobState.RECEIVED and (acceptance.is_new or acceptance.is_reopened):
            self._hand_on(acceptance.job_id, index)
        if acceptance.is_new:
            logger.info("received", extra=ids | {"from": aet, "bytes": instance.size_bytes})

    def _store(self, content: bytes, index: Index, aet: str) -> StoredInstance:
        stored = self._spool.store_received(index.sop_instance_uid, content)
        return StoredInstance(
            sop_class_uid=index.sop_class_uid,
            sop_instance_uid=index.sop_instance_uid,
            study_instance_uid=index.study_instance_uid,
            series_instance_uid=index.series_instance_uid,
            transfer_syntax_uid=index.transfer_syntax_uid,
            calling_aet=aet,
            path=stored.path,
            sha256=stored.sha256,
            size_bytes=stored.size_bytes,
            kind=index.kind,
            origin=index.origin,
        )

    def _hand_on(self, job_id: int, index: Index) -> None:
        """To a worker, or straight to its end where the class alone says that nothing is to do."""
        if index.kind is InstanceKind.OTHER:
            # A study's hundreds of CT slices must not stand before the next radiograph.
            self._ledger.jobs.passed_over(job_id, unsupported_class(index.sop_class_uid))
            return
        try:
            self._queues.publish(Kind.JOB, job_id, self._installation.pipeline)
        except BrokerUnavailable as exc:
            extra = {"job_id": job_id, "reason": str(exc)}
            logger.warning("could not publish; recovery will", extra=extra)

    def _is_our_own(self, index: Index) -> bool:
        """Whether this is a result of this node, or of another of its kind."""
        ours = self._installation.manufacturer, self._installation.model_name
        return (index.origin.manufacturer, index.origin.model_name) == ours

    def _note_returned(self, sop_instance_uid: str, aet: str) -> None:
        """Once for each sender: a loop would fill the log."""
        if aet in self._returned_by:
            return
        self._returned_by.add(aet)
        logger.warning(
            "our own result came back: dropped, as all that follow will be; exclude from the"
            f" routing rule what has the Manufacturer {self._installation.manufacturer!r}",
            extra={"from": aet, "sop_instance_uid": sop_instance_uid},
        )

    def _on_requested(self, event: Event) -> None:
        association = event.assoc
        rejection = self._acceptance.decide(association)
        if rejection is None:
            proposed = association.requestor.primitive.presentation_context_definition_list
            association.acceptor.supported_contexts = self._acceptance.contexts(proposed)
            return
        request = request_of(association)
        who = {"from": request.calling_aet, "host": request.host, "called": request.called_aet}
        logger.warning(f"rejected an association: {self._why(rejection)}", extra=who)
        association.acse.send_reject(*rejection.value)
        # As pynetdicom does after its own rejections: lets the PDU out, then ends the thread.
        association.kill()

    def _why(self, rejection: Rejection) -> str:
        return {
            Rejection.CALLING: "the caller is not on the allow-list ([[caller]])",
            Rejection.CALLED: f"this node is {self._node.aet}; see also_called",
            Rejection.LIMIT: f"there are {self._node.max_associations} (max_associations)",
        }[rejection]

    def _on_echo(self, event: Event) -> int:
        logger.info("answered an echo", extra={"from": event.assoc.requestor.ae_title.strip()})
        return SUCCESS

    def _on_store(self, event: Event) -> Dataset:
        """The boundary: whatever happens becomes a status, and the node goes on."""
        sop_class_uid = str(event.request.AffectedSOPClassUID)
        sop_instance_uid = self._requests.sop_instance_uid(event)
        aet = event.assoc.requestor.ae_title.strip()
        try:
            self.receive(self._requests.content(event), sop_class_uid, sop_instance_uid, aet)
        except (Permanent, Transient) as exc:
            extra = {"sop_instance_uid": sop_instance_uid, "from": aet, "reason": str(exc)}
            logger.warning("refused to store", extra=extra | {"status": f"{exc.dimse_status:#06x}"})
            return _status(exc.dimse_status, str(exc))
        except Exception:
            # A bug must not look like Success: the sender keeps its copy and tries again.
            logger.exception("failed to store", extra={"sop_instance_uid": sop_instance_uid})
            return _status(OUT_OF_RESOURCES, "unexpected error, see the node's log")
        return _status(SUCCESS)


def _status(code: int, comment: str = "") -> Dataset:
    status = Dataset()
    status.Status = code
    if comment:
        ascii_comment = comment.encode("ascii", "replace").decode().replace("\\", "/")
        status.ErrorComment = ascii_comment.replace("\n", " ")[:_COMMENT_LENGTH]
    return status
