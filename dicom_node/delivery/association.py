"""One association as an SCU (PS3.8): what is asked by it, and why it was not to be had or kept."""

import socket
import ssl
import struct
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from pydicom import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.pdu import A_ABORT_RQ

from dicom_node.config import Destination, PortDestination
from dicom_node.errors import DestinationUnavailable, UsageError
from dicom_node.network import dimse
from dicom_node.network.tls import Context, Files, client_context, ends_at

#: As a destination's `tls_name`: whatever name its certificate is for.
ANY_NAME = "*"
#: Seconds that a destination gets to take a connection, to answer a request for an association,
#: and to take any more bytes while it is sent to.
CONNECT_TIMEOUT_S = 10.0
#: Seconds for asking the operating system once more why there is no connection.
_PROBE_TIMEOUT_S = 2.0
#: Statuses of a C-FIND that another match came with, PS3.4 C.4.1.1.4.
_PENDING = (0xFF00, 0xFF01)
#: PS3.8 table 9-18: the abstract syntax is known, none of its transfer syntaxes is.
_NO_TRANSFER_SYNTAX = 0x04
#: PS3.8 table 9-26: who aborted; only this one gives a reason.
_SERVICE_PROVIDER = 0x02
#: What to look at, by (source, reason) of a rejection, PS3.8 table 9-21.
_ADVICE = {
    (0x01, 0x03): "does the destination know this node's AE title?",
    (0x01, 0x07): "is the destination's aet right?",
}


class DicomAssociation:
    """An association that the destination answered; asks one thing at a time."""

    def __init__(self, association: Association, name: str, witness: "_Witness") -> None:
        self._association = association
        self._name = name
        self._witness = witness

    @property
    def has_ended(self) -> bool:
        """Whether the destination has ended it since it accepted something."""
        accepted_any = bool(self._association.accepted_contexts)
        return accepted_any and not self._association.is_established

    @property
    def certificate_ends_at(self) -> datetime | None:
        """When the certificate ends that the destination showed; None without TLS."""
        return self._witness.certificate_ends_at

    def syntax_for(self, sop_class_uid: str, wanted: Collection[str]) -> str | None:
        """The first of the wanted transfer syntaxes that was accepted for a SOP Class."""
        contexts = self._association.accepted_contexts
        accepted = {(cx.abstract_syntax, *cx.transfer_syntax) for cx in contexts}
        return next((uid for uid in wanted if (sop_class_uid, uid) in accepted), None)

    def knows(self, sop_class_uid: str) -> bool:
        """Whether the SOP Class was refused for its transfer syntaxes alone."""
        return any(
            cx.abstract_syntax == sop_class_uid and cx.result == _NO_TRANSFER_SYNTAX
            for cx in self._association.rejected_contexts
        )

    def store(self, path: Path, timeout_s: float) -> int:
        """The status that the Part 10 file is answered with; raises DestinationUnavailable.

        `timeout_s`: for all of it, sending and the answer. After a failure the association is lost.
        """
        return self._status(lambda: self._association.send_c_store(path), timeout_s)

    def echo(self, timeout_s: float) -> int:
        """The status that a C-ECHO is answered with; raises DestinationUnavailable."""
        return self._status(self._association.send_c_echo, timeout_s)

    def act(
        self, information: Dataset, action: int, instance: tuple[str, str], timeout_s: float
    ) -> int:
        """The status that an N-ACTION on (SOP Class, SOP Instance) is answered with (PS3.7 10.1.4);
        raises DestinationUnavailable.
        """
        return self._status(
            lambda: self._association.send_n_action(information, action, *instance)[0], timeout_s
        )

    def find(self, wanted: Dataset, model: str, timeout_s: float) -> tuple[int, list[Dataset]]:
        """The last status of a C-FIND, and the matches before it (PS3.7 9.1.2); raises
        DestinationUnavailable.
        """
        found: list[Dataset] = []

        def ask() -> Dataset:
            for status, match in self._association.send_c_find(wanted, model):
                last: Dataset = status
                if last.get("Status") not in _PENDING:
                    return last
                found.extend([match] if match is not None else [])
            return Dataset()

        return self._status(ask, timeout_s), found

    def get(self, wanted: Dataset, model: str, timeout_s: float) -> int:
        """The last status of a C-GET (PS3.7 9.1.3); what it is given by then, the handler of
        C-STORE has. `timeout_s`: for each answer. Raises DestinationUnavailable.
        """

        def ask() -> Dataset:
            for status, _ in self._association.send_c_get(wanted, model):
                last: Dataset = status
                if last.get("Status") not in _PENDING:
                    return last
            return Dataset()

        return self._status(ask, timeout_s)

    def move(self, wanted: Dataset, to_aet: str, model: str, timeout_s: float) -> int:
        """The last status of a C-MOVE to another AE title (PS3.7 9.1.4). `timeout_s`: for each
        answer. Raises DestinationUnavailable.
        """

        def ask() -> Dataset:
            for status, _ in self._association.send_c_move(wanted, to_aet, model):
                last: Dataset = status
                if last.get("Status") not in _PENDING:
                    return last
            return Dataset()

        return self._status(ask, timeout_s)

    def _status(self, ask: Callable[[], Dataset], timeout_s: float) -> int:
        self._association.dimse_timeout = timeout_s
        started = time.monotonic()
        try:
            answer = ask()
        except RuntimeError:
            # pynetdicom: it ended between the caller's look and the request.
            answer = Dataset()
        if "Status" in answer:
            return int(answer.Status)
        raise DestinationUnavailable(self._why_lost(time.monotonic() - started, timeout_s))

    def _why_lost(self, waited_s: float, timeout_s: float) -> str:
        if self._witness.tls is not None and self._witness.tls.fault:
            return f"{self._name}: {self._witness.tls.fault}"
        if aborted := self._witness.aborted:
            return f"{self._name}: aborted the association ({aborted})"
        if waited_s >= timeout_s:
            return f"{self._name}: no answer within {timeout_s:.0f} s"
        return f"{self._name}: connection lost while sending"


@contextmanager
def associate(
    aet: str,
    to: Destination,
    contexts: Collection[tuple[str, str]],
    timeout_s: float = CONNECT_TIMEOUT_S,
    handlers: Sequence[dimse.Handler] = (),
    given: Collection[str] = (),
) -> Iterator[DicomAssociation]:
    """Associate with `to`, proposing each (SOP Class, transfer syntax) in a context of its own.

    `handlers`: of what it asks of us meanwhile; `given`: SOP Classes of which it stores instances
    here then, and we none there. Raises DestinationUnavailable with the reason.
    """
    ae = dimse.requestor(aet, contexts, timeout_s)
    witness = _Witness(timeout_s)
    tls = tls_with(to)
    witness.tls = tls and tls[0]
    started = time.monotonic()
    try:
        handling = [*witness.handlers, *handlers]
        association = dimse.associate(ae, to.host, to.port, to.aet, handling, tls, given)
    except socket.gaierror as exc:
        raise DestinationUnavailable(f"{to.name}: host {to.host} is unknown ({exc})") from exc
    except (OSError, ValueError) as exc:
        # UnicodeError, a ValueError: no host name at all (an empty label, one too long).
        reason = f"no connection to {to.host}:{to.port} ({exc})"
        raise DestinationUnavailable(f"{to.name}: {reason}") from exc
    # pynetdicom itself aborts an association in which nothing at all was accepted.
    if not association.is_established and not association.rejected_contexts:
        waited_s = time.monotonic() - started
        raise DestinationUnavailable(f"{to.name}: {_why_not(association, to, witness, waited_s)}")
    try:
        yield DicomAssociation(association, to.name, witness)
    finally:
        if association.is_established:
            association.release()


def tls_with(to: PortDestination) -> tuple[Context, str] | None:
    """What is to be spoken with it, with the files as they are now, and the name that its
    certificate has to be for; raises DestinationUnavailable.
    """
    if not to.tls:
        return None
    files = Files(to.certificate, to.key, to.trusted, to.revoked)
    try:
        context = client_context(files, any_name=to.tls_name == ANY_NAME)
    except UsageError as exc:
        raise DestinationUnavailable(f"{to.name}: no TLS: {exc}") from exc
    return context, to.host if to.tls_name in ("", ANY_NAME) else to.tls_name


class _Witness:
    """Sees what pynetdicom does not tell of an association that failed: how far it got."""

    def __init__(self, timeout_s: float) -> None:
        self.is_connected = False
        self.tls: Context | None = None
        self.certificate_ends_at: datetime | None = None
        self.aborted = ""  #: by whom and why, where an A-ABORT came
        self.handlers = [(evt.EVT_CONN_OPEN, self._on_open), (evt.EVT_PDU_RECV, self._on_pdu)]
        self._timeout_s = timeout_s

    def _on_open(self, event: Event) -> None:
        self.is_connected = True
        sock = event.assoc.dul.socket.socket
        # A destination that hangs takes no more bytes once its buffers are full. pynetdicom would
        # wait for it without end, and for its own waiting thread when it gives up.
        timeval = struct.pack("@ll", int(self._timeout_s), int(self._timeout_s % 1 * 1e6))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
        # Nor may it fall silent within a PDU: only between two does pynetdicom look at the clock.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
        if isinstance(sock, ssl.SSLSocket):
            self.certificate_ends_at = ends_at(sock.getpeercert() or {})

    def _on_pdu(self, event: Event) -> None:
        if isinstance(event.pdu, A_ABORT_RQ):
            by_provider = event.pdu.source == _SERVICE_PROVIDER
            why = f": {event.pdu.reason_str}" if by_provider else ""
            self.aborted = f"{event.pdu.source_str}{why}"


def _why_not(association: Association, to: Destination, witness: _Witness, waited_s: float) -> str:
    address = f"{to.host}:{to.port}"
    timeout_s = association.acse_timeout
    if witness.tls is not None and witness.tls.fault:
        return f"no TLS with {address}: {witness.tls.fault}"
    if association.is_rejected:
        return _rejection(association.acceptor.primitive)
    if not witness.is_connected:
        if waited_s >= timeout_s:
            return f"connection to {address} timed out after {timeout_s:g} s"
        return f"no connection to {address} ({_reason_of_the_system(to)})"
    if witness.aborted:
        return f"aborted the association as it was requested ({witness.aborted})"
    if waited_s >= timeout_s:
        return f"{address} took the connection and said nothing for {timeout_s:g} s"
    speaks = "DICOM without TLS" if witness.tls is None else "DICOM over TLS"
    return f"{address} closed the connection instead of answering: does it speak {speaks}?"


def _rejection(primitive: Any) -> str:
    """Result, source and reason of an A-ASSOCIATE-RJ in words, and what to look at."""
    who, why = primitive.source_str, primitive.reason_str
    said = f"rejected the association ({primitive.result_str}, {who}: {why})"
    advice = _ADVICE.get((primitive.result_source, primitive.diagnostic))
    return f"{said}: {advice}" if advice else said


def _reason_of_the_system(to: Destination) -> str:
    """Tried once more: pynetdicom keeps the reason for its own log."""
    try:
        socket.create_connection((to.host, to.port), _PROBE_TIMEOUT_S).close()
    except OSError as exc:
        return (exc.strerror or str(exc)).lower()
    except ValueError as exc:
        return str(exc)
    return "it was refused a moment ago"
