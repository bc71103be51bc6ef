"""Storage and Verification SCP (PS3.4 Annexes A and B): spool the bytes, commit the job, answer.

The order is the promise: spool, commit, publish, answer. Never Success before the commit; the
sender may delete its copy on Success.
"""

import logging
import time
from collections.abc import Callable
from io import BytesIO

from pydicom import Dataset, dcmread
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.sop_class import Verification
from pynetdicom.transport import ThreadedAssociationServer

from dicom_node.config import Config
from dicom_node.eligibility import ANALYSED_SOP_CLASSES
from dicom_node.errors import (
    OUT_OF_RESOURCES,
    SUCCESS,
    BrokerUnavailable,
    ClassMismatch,
    NotDicom,
    Permanent,
    Transient,
)
from dicom_node.ledger import Ledger, StoredInstance
from dicom_node.queueing import Kind, Queues
from dicom_node.spool import Spool

logger = logging.getLogger(__name__)

#: Every transfer syntax whose pixels we can decode (PS3.5 Annex A).
TRANSFER_SYNTAXES: tuple[UID, ...] = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    JPEGLosslessSV1,
    JPEGLossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEG2000Lossless,
    JPEG2000,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    HTJ2K,
    RLELossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
)
#: Bytes. pynetdicom's 16 KiB costs a thread switch each; a 15 MB radiograph wants large PDUs.
MAX_PDU_SIZE = 1024 * 1024
#: Seconds a sender gets to finish what it is sending when the node stops.
STOP_WITHIN_S = 5.0
#: Bytes an Error Comment (0000,0902) may have, VR LO.
_COMMENT_LENGTH = 64
_INDEX_KEYWORDS = ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]


class Listener:
    """Takes instances in, so that an answered Success means: on disk and in the ledger."""

    def __init__(
        self, config: Config, spool: Spool, ledger: Ledger, queues: Queues, pipeline: str
    ) -> None:
        self._config = config
        self._spool = spool
        self._ledger = ledger
        self._queues = queues
        self._pipeline = pipeline  #: which models and settings a job asks for
        self._ae = AE(ae_title=config.aet)
        self._ae.maximum_associations = config.max_associations
        self._ae.maximum_pdu_size = MAX_PDU_SIZE
        self._ae.add_supported_context(Verification)
        for sop_class in ANALYSED_SOP_CLASSES:
            self._ae.add_supported_context(sop_class, list(TRANSFER_SYNTAXES))
        self._server: ThreadedAssociationServer | None = None

    def start(self) -> None:
        """Listen; raises OSError when the address is taken."""
        handlers: list[tuple[object, Callable[[Event], object]]] = [
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_C_ECHO, self._on_echo),
            (evt.EVT_C_STORE, self._on_store),
        ]
        address = (self._config.host, self._config.port)
        self._server = self._ae.start_server(address, block=False, evt_handlers=handlers)
        logger.info("started listening", extra={"aet": self._config.aet, "port": self.port})

    @property
    def port(self) -> int:
        """The port bound; differs from the configured one when that is 0."""
        assert self._server is not None, "the listener has not been started"
        return int(self._server.server_address[1])

    def stop(self, within_s: float = STOP_WITHIN_S) -> None:
        """Accept nothing more, let running associations end, abort those that do not."""
        if self._server is None:
            return
        self._server.shutdown()
        deadline = time.monotonic() + within_s
        for association in self._ae.active_associations:
            association.join(max(0.0, deadline - time.monotonic()))
        self._ae.shutdown()
        self._server = None
        logger.info("stopped listening")

    def receive(self, content: bytes, sop_class_uid: str, sop_instance_uid: str, aet: str) -> None:
        """Keep one Part 10 file; returns only when the promise behind Success holds."""
        try:
            index = _read_index(content, sop_class_uid, sop_instance_uid)
        except Permanent as exc:
            self._spool.quarantine(content, str(exc), sop_instance_uid)
            raise
        stored = self._spool.store_received(sop_instance_uid, content)
        acceptance = self._ledger.accept(
            StoredInstance(
                sop_class_uid=sop_class_uid,
                sop_instance_uid=sop_instance_uid,
                study_instance_uid=str(index.StudyInstanceUID),
                series_instance_uid=str(index.SeriesInstanceUID),
                transfer_syntax_uid=str(index.file_meta.TransferSyntaxUID),
                calling_aet=aet,
                path=stored.path,
                sha256=stored.sha256,
                size_bytes=stored.size_bytes,
            ),
            self._pipeline,
        )
        ids = {"job_id": acceptance.job_id, "sop_instance_uid": sop_instance_uid}
        if not acceptance.is_new:
            # The first copy's bytes stay the job's: results must not depend on who sent last.
            what = "other bytes" if acceptance.other_bytes else "the same bytes"
            logger.info("received again", extra=ids | {"with": what, "state": acceptance.state})
            return
        try:
            self._queues.publish(Kind.JOB, acceptance.job_id, self._pipeline)
        except BrokerUnavailable as exc:
            logger.warning("could not publish; recovery will", extra=ids | {"reason": str(exc)})
        logger.info("received", extra=ids | {"from": aet, "bytes": stored.size_bytes})

    def _on_requested(self, event: Event) -> None:
        """Reject whoever is not on the allow-list (PS3.8 9.3.4: calling AE title unrecognised)."""
        requestor = event.assoc.requestor
        aet, host = requestor.primitive.calling_ae_title.strip(), requestor.address
        callers = self._config.callers
        if callers and not any(
            caller.aet.strip() == aet and caller.host in (None, host) for caller in callers
        ):
            logger.warning("rejected a caller", extra={"aet": aet, "host": host})
            event.assoc.acse.send_reject(0x01, 0x01, 0x03)
            # As pynetdicom does after its own rejections: lets the PDU out, then ends the thread.
            event.assoc.kill()
            return
        _prefer_as_proposed(event.assoc)

    def _on_echo(self, event: Event) -> int:
        logger.info("answered an echo", extra={"from": event.assoc.requestor.ae_title.strip()})
        return SUCCESS

    def _on_store(self, event: Event) -> Dataset:
        """The boundary: whatever happens becomes a status, and the node goes on."""
        request = event.request
        sop_instance_uid = str(request.AffectedSOPInstanceUID)
        aet = event.assoc.requestor.ae_title.strip()
        try:
            self.receive(
                event.encoded_dataset(), str(request.AffectedSOPClassUID), sop_instance_uid, aet
            )
        except (Permanent, Transient) as exc:
            extra = {"sop_instance_uid": sop_instance_uid, "from": aet, "reason": str(exc)}
            logger.warning("refused to store", extra=extra | {"status": f"{exc.dimse_status:#06x}"})
            return _status(exc.dimse_status, str(exc))
        except Exception:
            # A bug must not look like Success: the sender keeps its copy and tries again.
            logger.exception("failed to store", extra={"sop_instance_uid": sop_instance_uid})
            return _status(OUT_OF_RESOURCES, "unexpected error, see the node's log")
        return _status(SUCCESS)


def _prefer_as_proposed(association: Association) -> None:
    """Choose transfer syntaxes in the requestor's order, not in ours.

    A sender puts first what it holds: another choice makes it decompress, which DCMTK's storescu
    for one cannot, or compress.
    """
    proposed: dict[str, list[UID]] = {}
    for context in association.requestor.primitive.presentation_context_definition_list:
        proposed.setdefault(context.abstract_syntax, []).extend(context.transfer_syntax)
    for context in association.acceptor.supported_contexts:
        wanted = dict.fromkeys(proposed.get(context.abstract_syntax, ()))
        if common := [syntax for syntax in wanted if syntax in context.transfer_syntax]:
            context.transfer_syntax = common


def _read_index(content: bytes, sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    """The UIDs the ledger needs; raises NotDicom or ClassMismatch."""
    try:
        index = dcmread(BytesIO(content), stop_before_pixels=True, specific_tags=_INDEX_KEYWORDS)
        uids = {keyword: str(index.get(keyword) or "") for keyword in _INDEX_KEYWORDS}
    except Exception as exc:
        # pydicom raises a dozen unrelated types on bytes that are no data set.
        raise NotDicom(f"{sop_instance_uid}: no readable data set ({exc})") from exc
    for keyword, uid in uids.items():
        if not uid:
            raise NotDicom(f"{sop_instance_uid}: data set has no {keyword}")
    if uids["SOPInstanceUID"] != sop_instance_uid or uids["SOPClassUID"] != sop_class_uid:
        raise ClassMismatch(
            f"data set is {uids['SOPInstanceUID']}, the request says {sop_instance_uid}"
        )
    return index


def _status(code: int, comment: str = "") -> Dataset:
    status = Dataset()
    status.Status = code
    if comment:
        ascii_comment = comment.encode("ascii", "replace").decode().replace("\\", "/")
        status.ErrorComment = ascii_comment.replace("\n", " ")[:_COMMENT_LENGTH]
    return status
