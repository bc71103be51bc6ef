"""The only builder of Application Entities: as acceptor, as requestor, and what is forgiven whoever
connects (PS3.8).

pynetdicom lets a connection that asks for nothing wait for its whole time, one that stops within a
PDU for ever, and ends an association for a title padded with NUL.
"""

import logging
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Sequence

from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID
from pynetdicom import AE, _config, evt
from pynetdicom._handlers import (
    standard_dimse_recv_handler,
    standard_dimse_sent_handler,
    standard_pdu_recv_handler,
    standard_pdu_sent_handler,
)
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.sop_class import _STORAGE_CLASSES, Verification, register_uid
from pynetdicom.transport import ThreadedAssociationServer

logger = logging.getLogger(__name__)

#: Bytes. pynetdicom's 16 KiB costs a thread switch each; a 15 MB radiograph wants large PDUs.
MAX_PDU_SIZE = 1024 * 1024
#: Connections that may wait to be accepted.
_BACKLOG = 128
#: A-ASSOCIATE-RQ, PS3.8 9.3.2: its type, and where the two titles lie.
_ASSOCIATE_RQ = 0x01
_TITLES = (slice(10, 26), slice(26, 42))
#: What a title without a character is taken for: none may be empty (PS3.5 6.2).
_BLANK_TITLE = b"(BLANK)".ljust(16)
#: PS3.6 Annex A: under this lie the image, SR and waveform classes, the retired ones too.
_STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."

#: What pynetdicom binds to describe every message in its own log. They read before ours do, and
#: pydicom then complains of what ours are there to mend.
_NARRATED = (
    (evt.EVT_DIMSE_RECV, standard_dimse_recv_handler),
    (evt.EVT_DIMSE_SENT, standard_dimse_sent_handler),
    (evt.EVT_PDU_RECV, standard_pdu_recv_handler),
    (evt.EVT_PDU_SENT, standard_pdu_sent_handler),
)

Handler = tuple[object, Callable[[Event], object]]


def acceptor(aet: str, association_timeout_s: float, network_timeout_s: float) -> AE:
    """An Application Entity that offers Verification; what else, `acceptance` says at each request.

    A connection has `association_timeout_s` to ask for an association (the ARTIM timer of
    PS3.8 9.1.4); an association that is silent for `network_timeout_s` is aborted.
    """
    ae = AE(ae_title=aet)
    ae.maximum_pdu_size = MAX_PDU_SIZE
    ae.acse_timeout = association_timeout_s
    ae.network_timeout = network_timeout_s
    # pynetdicom would count every open connection; `acceptance` counts associations.
    ae.maximum_associations = sys.maxsize
    ae.add_supported_context(Verification)
    return ae


def requestor(
    aet: str,
    contexts: Iterable[tuple[str, str]],
    connect_timeout_s: float,
    silence_timeout_s: float | None = None,
) -> AE:
    """An Application Entity that proposes each pair of SOP Class and transfer syntax by itself.

    Of several transfer syntaxes in one context the acceptor would choose one itself, and perhaps
    not the one that a file is in. `silence_timeout_s`: how long an answer may take to come, and an
    association to be idle; None: the caller sees to it.
    """
    # pynetdicom's switch to send a file's bytes as they are: what was verified is what leaves.
    _config.STORE_SEND_CHUNKED_DATASET = True
    ae = AE(ae_title=aet)
    ae.connection_timeout = ae.acse_timeout = connect_timeout_s
    ae.network_timeout = silence_timeout_s
    if silence_timeout_s is not None:
        ae.dimse_timeout = silence_timeout_s
    for sop_class_uid, syntax in contexts:
        ae.add_requested_context(sop_class_uid, syntax)
    return ae


def associate(
    ae: AE, host: str, port: int, called_aet: str, handlers: Sequence[Handler] = ()
) -> Association:
    """Ask for an association, established or not; raises socket.gaierror for an unknown host."""
    handlers = [(evt.EVT_CONN_OPEN, _send_at_once), *handlers]
    return ae.associate(
        host, port, ae_title=called_aet, max_pdu=MAX_PDU_SIZE, evt_handlers=handlers
    )


def _send_at_once(event: Event) -> None:
    """Without Nagle's algorithm: a small data set would wait 40 ms for a delayed ACK."""
    event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def serve(
    ae: AE, address: tuple[str, int], handlers: Sequence[Handler]
) -> ThreadedAssociationServer:
    """Accept connections in threads; raises OSError when the address is taken."""
    logging.getLogger("pynetdicom.dul").addFilter(_is_news)
    handlers = [*Connections().handlers, *handlers]
    server = ae.start_server(address, block=False, evt_handlers=handlers)
    # socketserver lets five wait: more at once, and TCP makes the others try again in a second.
    server.socket.listen(_BACKLOG)
    return server


def hang_up(ae: AE) -> None:
    """Close the connections that have asked for nothing, as if their ARTIM timers had expired."""
    for association in ae.active_associations:
        # PS3.8 table 9-10: in state 2 event 18 closes; to abort, an association must be asked for.
        if association.dul.state_machine.current_state == "Sta2":
            association.dul.event_queue.put("Evt18")


def storage_classes() -> frozenset[UID]:
    """Every SOP Class of the Storage Service Class, the retired ones too (PS3.4 B.5, PS3.6)."""
    for uid, (name, kind, _, retired, keyword) in UID_dictionary.items():
        is_retired = uid.startswith(_STORAGE_ROOT) and kind == "SOP Class" and retired
        if is_retired and "Storage" in name and uid not in _STORAGE_CLASSES.values():
            # Old archives are full of them, and pynetdicom serves only what it knows.
            register_uid(uid, keyword, StorageServiceClass)
    return frozenset(UID(uid) for uid in _STORAGE_CLASSES.values())


class Connections:
    """What is done for each connection, whether or not an association comes of it."""

    def __init__(self) -> None:
        self._idlers: set[str] = set()

    @property
    def handlers(self) -> list[Handler]:
        return [
            (evt.EVT_CONN_OPEN, self._on_connected),
            (evt.EVT_ACCEPTED, self._on_accepted),
            (evt.EVT_ABORTED, self._on_aborted),
            (evt.EVT_CONN_CLOSE, self._on_closed),
        ]

    def _on_connected(self, event: Event) -> None:
        association = event.assoc
        for narrated, handler in _NARRATED:
            association.unbind(narrated, handler)
        _wait_at_most(association, association.acse_timeout)
        decode = association.dul._decode_pdu
        association.dul._decode_pdu = lambda pdu: decode(_with_readable_titles(pdu))

    def _on_accepted(self, event: Event) -> None:
        _wait_at_most(event.assoc, event.assoc.network_timeout)

    def _on_aborted(self, event: Event) -> None:
        requestor = event.assoc.requestor
        extra = {"from": requestor.ae_title.strip(), "host": requestor.address}
        logger.warning("association aborted before its release", extra=extra)

    def _on_closed(self, event: Event) -> None:
        requestor = event.assoc.requestor
        if requestor.primitive is not None:
            return
        # Wakes the thread that waits for a request: pynetdicom lets it wait its whole time.
        event.assoc.dul.to_user_queue.put(None)
        # Once for each: a health check comes every second.
        if requestor.address not in self._idlers:
            self._idlers.add(requestor.address)
            logger.info(
                "a connection asked for no association; no more is said of this host's",
                extra={"host": requestor.address},
            )


def _wait_at_most(association: Association, timeout_s: float) -> None:
    """Let no read take longer: an accepted socket waits for ever, and half a PDU keeps its thread.

    In the kernel, since Python's own time-out is another system call for every 4 KiB received.
    """
    # None where the requestor has gone already.
    if (connection := association.dul.socket.socket) is not None:
        seconds, microseconds = divmod(round(timeout_s * 1e6), 1_000_000)
        limit = struct.pack("@ll", seconds, microseconds)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)


def _is_news(record: logging.LogRecord) -> bool:
    """Not what pynetdicom says, with a traceback, of bytes that are no PDU or end too early."""
    return record.funcName != "_read_pdu_data"


def _with_readable_titles(pdu: bytearray) -> bytearray:
    """An A-ASSOCIATE-RQ whose titles hold nothing but what a title may (PS3.5 6.2, VR AE)."""
    if len(pdu) < _TITLES[-1].stop or pdu[0] != _ASSOCIATE_RQ:
        return pdu
    readable = bytearray(pdu)
    for title in _TITLES:
        # What follows a NUL is what the sender's memory held before.
        meant = pdu[title].lstrip(b"\0").partition(b"\0")[0]
        printed = bytes(byte if 0x20 <= byte < 0x7F and byte != 0x5C else 0x20 for byte in meant)
        readable[title] = printed.ljust(16) if printed.strip() else _BLANK_TITLE
    return readable
