"""The only builder of Application Entities: as acceptor, as requestor, and what is forgiven whoever
connects (PS3.8).

Connections wait at the `door` until they ask; what is read of them then, `connection` bounds.
"""

import gc
import logging
import socket
import ssl
import struct
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID
from pynetdicom import AE, _config, build_role, evt
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
from pynetdicom.transport import AssociationServer, AssociationSocket

from dicom_node.network.connection import MAX_PDU_SIZE, MakesAssociations
from dicom_node.network.door import ABORT, Door, Unasked
from dicom_node.network.request import TITLES, with_readable_titles
from dicom_node.network.request import fault as request_fault

logger = logging.getLogger(__name__)

#: Connections that may wait to be accepted.
_BACKLOG = 128
#: Associations after which the dead ones are collected: they refer to themselves.
_COLLECT_EVERY = 60
#: A-ASSOCIATE-RJ, PS3.8 9.3.4: type, length, result, source, reason.
_REJECTION = struct.Struct(">BBLBBBB")
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

#: pynetdicom's modules that say, with tracebacks, what any peer can make them say: of bytes that
#: are no PDU or no command, of events that no state foresees, of contexts refused. Ours say what
#: matters of it.
_TALKATIVE = ("acse", "association", "dimse", "dimse_messages", "dimse_primitives", "dsutils",
              "dul", "fsm", "pdu", "pdu_items", "pdu_primitives", "presentation", "service_class_n",
              "transport", "utils", "validators")  # fmt: skip

Handler = tuple[object, Callable[[Event], object]]


def _shut_down(connection: AssociationSocket) -> None:
    """Shut down, and close whatever becomes of that. pynetdicom's own leaves open what cannot be
    shut down, as a refused connection and one that the peer has reset, until it is collected.
    """
    if connection.socket is not None:
        with suppress(OSError):
            connection.socket.shutdown(socket.SHUT_RDWR)
        connection.socket.close()


AssociationSocket._shutdown_socket = _shut_down


def _let_ours_speak() -> None:
    for name in _TALKATIVE:
        logging.getLogger(f"pynetdicom.{name}").setLevel(logging.CRITICAL)


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
    _let_ours_speak()
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
    ae: AE,
    host: str,
    port: int,
    called_aet: str,
    handlers: Sequence[Handler] = (),
    tls: tuple[ssl.SSLContext, str] | None = None,
    given: Collection[str] = (),
) -> Association:
    """Ask for an association, established or not; raises socket.gaierror for an unknown host.

    `tls`: a context, and the name that the peer's certificate is to be for. `given`: SOP Classes of
    which the peer may store instances here, as a C-GET does (PS3.7 D.3.3.4).
    """
    handlers = [(evt.EVT_CONN_OPEN, _send_at_once), *handlers]
    roles = [build_role(uid, scp_role=True) for uid in given]
    association = ae.associate(
        host, port, ae_title=called_aet, max_pdu=MAX_PDU_SIZE, ext_neg=roles,
        evt_handlers=handlers, tls_args=tls,
    )  # fmt: skip
    _leave_answers_to_who_asks(association)
    return association


def _leave_answers_to_who_asks(association: Association) -> None:
    """pynetdicom's own thread, told to pause while another one asks, may already be on its way to
    look for a message: on a busy machine it then took the answer, and threw it away.
    """
    any_message = association.dimse.get_msg

    def get_msg(block: bool = False) -> tuple[int | None, object]:
        if not block and not association._reactor_checkpoint.is_set():
            return None, None
        context_id, message = any_message(block)
        return context_id, message

    association.dimse.get_msg = get_msg


def _send_at_once(event: Event) -> None:
    """Without Nagle's algorithm: a small data set would wait 40 ms for a delayed ACK."""
    event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for an association, as it stands in its PDU, and who is behind it."""

    calling_aet: str  #: without the blanks it is padded with, as the called one
    called_aet: str
    host: str  #: IP address


def asked_of(association: Association) -> Asked:
    """What the requestor of an association that has begun asked for."""
    requestor = association.requestor
    calling, called = (
        str(title).strip()
        for title in (requestor.primitive.calling_ae_title, requestor.primitive.called_ae_title)
    )
    return Asked(calling, called, str(requestor.address))


#: (result, source, reason) of PS3.8 table 9-21 where there is to be no association; None: there is.
Decide = Callable[[Asked], tuple[int, int, int] | None]
#: Told of each association that has begun.
Begun = Callable[[Asked, Association], None]


class Server:
    """Listens, and makes an association of each connection that asks for one and may have it."""

    def __init__(
        self,
        ae: AE,
        address: tuple[str, int],
        handlers: Sequence[Handler],
        decide: Decide,
        begun: Begun,
        unasked: Unasked,
        tls: Callable[[], ssl.SSLContext] | None = None,
        *,
        share_port: bool = False,
    ) -> None:
        """Raises OSError when the address is taken; by whoever shares it, it is not."""
        _let_ours_speak()
        self._number = 0
        self._decide = decide
        self._begun = begun
        self._unasked = unasked
        handlers = [
            (evt.EVT_CONN_OPEN, _unnarrated),
            (evt.EVT_CONN_CLOSE, _on_closed),
            (evt.EVT_ABORTED, _on_aborted),
            *handlers,
        ]
        self._server: AssociationServer = ae.make_server(
            address, evt_handlers=handlers, request_handler=MakesAssociations,
            server_class=_SharingServer if share_port else AssociationServer,
        )  # fmt: skip
        # socketserver lets five wait: more at once, and TCP makes the others try again in a second.
        self._server.socket.listen(_BACKLOG)
        self._door = Door(self._server.socket, ae.acse_timeout, self._on_asked, unasked, tls)

    def start(self) -> None:
        self._door.open()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def associations(self) -> list[Association]:
        """Those that have not ended."""
        return list(self._server.active_associations)

    @property
    def waiting(self) -> int:
        """How many connections have not asked for an association."""
        return self._door.waiting

    def close(self) -> None:
        """Accept nothing more; who has connected may still ask, and associations go on."""
        self._door.close()

    def abort(self) -> None:
        """Tell whoever is still associated that it is over."""
        for association in self.associations:
            association.dul.socket.abort()

    def _on_asked(self, accepted: socket.socket, address: tuple[str, int], request: bytes) -> bytes:
        """In the door's thread: one after another, so that nobody takes the same place."""
        if fault := request_fault(request):
            self._unasked(address[0], fault)
            return ABORT
        request = with_readable_titles(request)
        called, calling = (request[title].decode("ascii").strip() for title in TITLES)
        asked = Asked(calling, called, address[0])
        if (rejection := self._decide(asked)) is not None:
            return _REJECTION.pack(0x03, 0, 4, 0, *rejection)
        self._number += 1
        if self._number % _COLLECT_EVERY == 0:
            gc.collect()
        made = MakesAssociations((accepted, request), address, self._server)
        self._begun(asked, made.association)
        return b""


class _SharingServer(AssociationServer):  # type: ignore[misc]  # untyped
    """Others of the same user may listen on its address too; the kernel shares connections out."""

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()


def storage_classes() -> frozenset[UID]:
    """Every SOP Class of the Storage Service Class, the retired ones too (PS3.4 B.5, PS3.6)."""
    for uid, (name, kind, _, retired, keyword) in UID_dictionary.items():
        is_retired = uid.startswith(_STORAGE_ROOT) and kind == "SOP Class" and retired
        if is_retired and "Storage" in name and uid not in _STORAGE_CLASSES.values():
            # Old archives are full of them, and pynetdicom serves only what it knows.
            register_uid(uid, keyword, StorageServiceClass)
    return frozenset(UID(uid) for uid in _STORAGE_CLASSES.values())


def _unnarrated(event: Event) -> None:
    for narrated, handler in _NARRATED:
        event.assoc.unbind(narrated, handler)


def _on_closed(event: Event) -> None:
    if event.assoc.requestor.primitive is None:
        # Its request could not be read: pynetdicom lets the thread wait for another all the same.
        event.assoc.dul.to_user_queue.put(None)


def _on_aborted(event: Event) -> None:
    requestor, connection = event.assoc.requestor, event.assoc.dul.socket
    extra = {"from": requestor.ae_title.strip(), "host": requestor.address}
    if fault := getattr(connection, "fault", ""):
        extra["reason"] = fault
    logger.warning("association aborted before its release", extra=extra)
