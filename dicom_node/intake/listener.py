"""Storage and Verification SCP (PS3.4 Annexes A and B): what the intake has kept is answered.

Never Success before the commit; the sender may delete its copy on Success.
"""

import logging
import secrets
import time
from collections.abc import Collection, Sequence

from pydicom import Dataset
from pynetdicom import evt
from pynetdicom.events import Event

from dicom_node.audit import Trail, events
from dicom_node.commitments import PROCESSING_FAILURE, receive
from dicom_node.config import Caller, CorrectionsSection, NodeSection, PrioritySection
from dicom_node.errors import (
    OUT_OF_RESOURCES,
    SUCCESS,
    Permanent,
    Transient,
)
from dicom_node.intake.acceptance import Acceptance, Rejection
from dicom_node.intake.indexing import Index
from dicom_node.intake.keeping import Installation, Intake
from dicom_node.intake.ranking import MEDIUM, Ranking
from dicom_node.intake.receipts import Receipts
from dicom_node.intake.refusals import Refusals
from dicom_node.intake.store_requests import StoreRequests
from dicom_node.ledger import Ledger
from dicom_node.logs import bind, bound
from dicom_node.network.dimse import Asked, Handler, Server, acceptor, asked_of
from dicom_node.network.tls import Renewed
from dicom_node.queueing import Queues
from dicom_node.spool import Spool

logger = logging.getLogger(__name__)

#: Bytes an Error Comment (0000,0902) may have, VR LO.
_COMMENT_LENGTH = 64
_MEGABYTE = 1_000_000


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
        reporters: Collection[str] = (),
        tls: Renewed | None = None,
        priority: PrioritySection = PrioritySection(),  # noqa: B008 - frozen
        trail: Trail | None = None,
        corrections: CorrectionsSection = CorrectionsSection(),  # noqa: B008 - frozen
    ) -> None:
        """`reporters`: AE titles that may report on storage commitments, whoever may send."""
        self._tls = tls
        self._node = node
        self._ledger = ledger
        self._installation = installation
        self._intake = Intake(
            spool, ledger, queues, installation, Ranking(priority), corrections=corrections.accept
        )
        self._acceptance = Acceptance(
            node, callers, installation.transfer_syntaxes, reporters, corrections=corrections.accept
        )
        self._requests = StoreRequests(node.max_instance_mb * _MEGABYTE)
        self._trail = trail or Trail.off()
        self._receipts = Receipts(self._trail)
        self._refusals = Refusals(node.state, alert=self._alert)
        self._ae = acceptor(node.aet, node.association_timeout_s, node.network_timeout_s)
        self._server: Server | None = None
        self._returned_by: set[str] = set()

    def start(self) -> None:
        """Listen; raises OSError when the address is taken."""
        handlers: list[Handler] = [
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_C_ECHO, self._on_echo),
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_N_EVENT_REPORT, self._on_report),
        ]
        address = (self._node.host, self._node.port)
        self._server = Server(
            self._ae,
            address,
            [*self._requests.handlers, *self._receipts.handlers, *handlers],
            self._on_asked,
            self._acceptance.begun,
            self._refusals.unasked,
            self._tls,
            share_port=self._node.share_port,
        )
        self._server.start()
        logger.info(
            "started listening",
            extra={"aet": self._node.aet, "port": self.port, "tls": self._tls is not None},
        )

    @property
    def port(self) -> int:
        """The port bound; differs from the configured one when that is 0."""
        assert self._server is not None, "the listener has not been started"
        return self._server.port

    def connections(self) -> int:
        """How many TCP connections are open, with or without an association."""
        if self._server is None:
            return 0
        return self._server.waiting + len(self._server.associations)

    def stop(self) -> None:
        """Accept nothing more, let running associations end, abort those that do not in time."""
        if self._server is None:
            return
        deadline = time.monotonic() + self._node.drain_s
        logger.info("stops listening", extra={"connections": self.connections()})
        self._server.close()
        for association in self._server.associations:
            association.join(max(0.0, deadline - time.monotonic()))
        if left := len(self._server.associations):
            logger.warning("aborts associations that have not ended", extra={"associations": left})
            self._server.abort()
        self._ae.shutdown()
        self._refusals.close()
        self._server = None
        logger.info("stopped listening")

    def receive(
        self,
        content: bytes,
        sop_class_uid: str,
        sop_instance_uid: str,
        aet: str,
        request_priority: int = MEDIUM,
    ) -> Index | None:
        """As `Intake.receive`, and what came back is said in the log."""
        index = self._intake.receive(
            content, sop_class_uid, sop_instance_uid, aet, request_priority
        )
        if index is None:
            self._note_returned(sop_instance_uid, aet)
        return index

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

    def _on_asked(self, asked: Asked) -> tuple[int, int, int] | None:
        rejection = self._acceptance.decide(asked)
        if rejection is None:
            return None
        self._refusals.rejected(asked, self._why(rejection))
        return rejection.value

    def _on_requested(self, event: Event) -> None:
        association = event.assoc
        # In its own thread, in which all that it asks is served.
        bind(association=secrets.token_hex(4))
        proposed = association.requestor.primitive.presentation_context_definition_list
        supported = self._acceptance.contexts(proposed, asked_of(association))
        association.acceptor.supported_contexts = supported

    def _alert(self, host: str, aet: str, why: str) -> None:
        if self._trail.is_on:
            self._trail.record(events.refused(self._trail.process, host, aet, why))

    def _why(self, rejection: Rejection) -> str:
        return {
            Rejection.CALLING: "the caller is not on the allow-list ([[caller]])",
            Rejection.CALLED: f"this node is {self._node.aet}; see also_called",
            Rejection.LIMIT: f"there are {self._node.max_associations} (max_associations)",
            Rejection.LIMIT_OF_ONE: (
                f"this host has {self._node.max_associations_of_one_host} already"
                " (max_associations_of_one_host)"
            ),
        }[rejection]

    def _on_echo(self, event: Event) -> int:
        logger.info("answered an echo", extra={"from": event.assoc.requestor.ae_title.strip()})
        return SUCCESS

    def _on_report(self, event: Event) -> tuple[int, None]:
        """A destination reports on a storage commitment that a sender requested."""
        aet = event.assoc.requestor.ae_title.strip()
        try:
            return receive(self._ledger, event.event_type, event.event_information, aet), None
        except Exception as exc:
            # Of hostile bytes pydicom raises what it likes, and quotes what is in them.
            extra = {"from": aet, "reason": type(exc).__name__}
            logger.warning("a report that cannot be read", extra=extra)
            return PROCESSING_FAILURE, None

    def _on_store(self, event: Event) -> Dataset:
        """The boundary: whatever happens becomes a status, and the node goes on."""
        sop_class_uid = str(event.request.AffectedSOPClassUID)
        sop_instance_uid = self._requests.sop_instance_uid(event)
        aet = event.assoc.requestor.ae_title.strip()
        with bound(sop_instance_uid=sop_instance_uid):
            try:
                content, priority = self._requests.content(event), event.request.Priority
                index = self.receive(content, sop_class_uid, sop_instance_uid, aet, priority)
                if index is not None:
                    study = index.study_instance_uid
                    self._receipts.received(event.assoc, content, study, sop_class_uid)
            except (Permanent, Transient) as exc:
                extra = {"from": aet, "reason": str(exc), "status": f"{exc.dimse_status:#06x}"}
                logger.warning("refused to store", extra=extra)
                return _status(exc.dimse_status, str(exc))
            except Exception:
                # A bug must not look like Success: the sender keeps its copy and tries again.
                logger.exception("failed to store")
                return _status(OUT_OF_RESOURCES, "unexpected error, see the node's log")
        return _status(SUCCESS)


def _status(code: int, comment: str = "") -> Dataset:
    status = Dataset()
    status.Status = code
    if comment:
        ascii_comment = comment.encode("ascii", "replace").decode().replace("\\", "/")
        status.ErrorComment = ascii_comment.replace("\n", " ")[:_COMMENT_LENGTH]
    return status
