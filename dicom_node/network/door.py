"""The door: every connection waits here, in one thread, until it has asked for an association.

An association costs two threads. A connection that says nothing, one byte at a time, or no DICOM at
all costs a socket here and nothing else, is closed when its time is over (the ARTIM timer of PS3.8
9.1.4), and sooner where too many wait: the oldest of the address that has the most of them. So
whoever asks at once, as every sender does, gets in whatever others do.
"""

import logging
import math
import selectors
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

logger = logging.getLogger(__name__)

#: Connections that wait at the same time. With those of the associations they stay below the 1024
#: files that a process may usually open.
MOST_WAITING = 256
#: Bytes of an A-ASSOCIATE-RQ: 128 presentation contexts of 30 transfer syntaxes each are 110 KB.
LONGEST_REQUEST = 256 * 1024
#: Seconds to ask, for whoever waits when the door is closed. Who means to asks at once.
ASK_WITHIN_S = 3.0
#: Seconds that whoever was answered gets to read that and to close.
LEAVE_WITHIN_S = 2.0

#: PS3.8 9.3.1: type, reserved, length of what follows.
_HEADER = struct.Struct(">BBL")
_ASSOCIATE_RQ = 0x01
#: PS3.8 9.3.8, by the service-user without a reason: table 9-10, state 2, event 19.
ABORT = bytes([0x07, 0, 0, 0, 0, 4, 0, 0, 0, 0])
#: Connections accepted before those that wait are looked at again.
_AT_ONCE = 32
#: Bytes read, at most, of one that is to leave and goes on talking, at a time.
_DREGS = 65536
#: Seconds to rest where no file can be opened and nobody waits who could be sent away.
_OUT_OF_FILES_S = 0.05

#: Why a connection ends whose certificate is not known here, has ended or was revoked.
CERTIFICATE_REFUSED = "its certificate was refused"
_NO_TLS = "no TLS connection"
#: Given the socket, the peer's address and its A-ASSOCIATE-RQ: b"" where it is taken over, else the
#: PDU that it is answered with before it has to leave.
Ask = Callable[[socket.socket, tuple[str, int], bytes], bytes]
#: Given the address and the reason why a connection ends that never asked.
Unasked = Callable[[str, str], None]


@dataclass(eq=False, slots=True)
class _Guest:
    """A connection that waits."""

    socket: socket.socket
    address: tuple[str, int]
    until: float  #: monotonic
    received: bytearray
    is_secured: bool  #: the TLS handshake is over, or there is to be none
    is_leaving: bool = False

    @property
    def missing(self) -> int:
        """Bytes until the header, or the whole request, is there."""
        if len(self.received) < _HEADER.size:
            return _HEADER.size - len(self.received)
        return _HEADER.size + int(_HEADER.unpack_from(self.received)[2]) - len(self.received)


class Door:
    """Accepts connections on a listening socket, and hands on those that ask."""

    def __init__(
        self,
        listening: socket.socket,
        within_s: float,
        ask: Ask,
        unasked: Unasked,
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        """`within_s`: in which a connection has to ask, its TLS handshake (`tls`) included."""
        self._listening = listening
        self._within_s = within_s
        self._ask = ask
        self._unasked = unasked
        self._tls = tls
        self._guests: dict[_Guest, None] = {}
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        self._is_closing = threading.Event()
        self._close_by = math.inf  #: monotonic: all that still wait are sent away then
        self._thread = threading.Thread(target=self._run, name="door", daemon=True)

    def open(self) -> None:
        self._listening.setblocking(False)
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many connections have not asked yet."""
        return len(self._guests)

    def close(self) -> None:
        """Let in whoever has connected by now, and nobody else; returns once all of them have asked
        or been sent away.
        """
        self._close_by = time.monotonic() + ASK_WITHIN_S
        self._is_closing.set()
        self._waker.send(b"\0")
        self._thread.join()
        self._selector.close()
        for one in (self._waker, self._woken):
            one.close()

    def _run(self) -> None:
        while not self._is_closing.is_set():
            self._try(self._turn)
        self._selector.unregister(self._woken)
        self._try(self._let_in_the_last)
        self._selector.unregister(self._listening)
        self._listening.close()
        while self._guests and time.monotonic() < self._close_by:
            self._try(self._turn)
        for guest in list(self._guests):
            self._show_out(guest)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:
            # The node must not stop taking instances in for what one stranger did.
            logger.exception("failed at the door")
            time.sleep(_OUT_OF_FILES_S)

    def _let_in_the_last(self) -> None:
        """Who is connected for TCP is not to find the door shut: closed unaccepted, it is reset."""
        while self._let_in() and time.monotonic() < self._close_by:
            pass

    def _turn(self) -> None:
        patience = max(0.0, self._next_end() - time.monotonic()) if self._guests else None
        for key, _ in self._selector.select(patience):
            if key.fileobj is self._listening:
                self._let_in()
            elif isinstance(key.data, _Guest) and key.data in self._guests:
                self._attend(key.data)
        now = time.monotonic()
        for guest in [one for one in self._guests if one.until <= now]:
            self._send_away(guest, "" if guest.is_leaving else "it asked for nothing in time")

    def _next_end(self) -> float:
        return min(self._close_by, *(guest.until for guest in self._guests))

    def _let_in(self) -> bool:
        """Whether there may be more."""
        for _ in range(_AT_ONCE):
            try:
                connection, address = self._listening.accept()
            except BlockingIOError:
                return False
            except OSError as exc:
                # No file left, or gone already: somebody has to make room.
                logger.warning("could not accept a connection", extra={"reason": str(exc)})
                if self._guests:
                    self._make_room()
                else:
                    time.sleep(_OUT_OF_FILES_S)
                return True
            if len(self._guests) >= MOST_WAITING:
                self._make_room()
            self._receive(connection, address[:2])
        return True

    def _make_room(self) -> None:
        """The oldest of those from where the most come: dicts keep the order."""
        most = Counter(guest.address[0] for guest in self._guests).most_common(1)[0][0]
        oldest = next(guest for guest in self._guests if guest.address[0] == most)
        self._send_away(oldest, f"more than {MOST_WAITING} wait, the most from there")

    def _receive(self, connection: socket.socket, address: tuple[str, int]) -> None:
        try:
            connection.setblocking(False)
            if self._tls is not None:
                connection = self._tls().wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
        except (OSError, ValueError):
            # It has gone again.
            connection.close()
            return
        until = time.monotonic() + self._within_s
        guest = _Guest(connection, address, until, bytearray(), is_secured=self._tls is None)
        self._guests[guest] = None
        self._selector.register(connection, selectors.EVENT_READ, guest)

    def _attend(self, guest: _Guest) -> None:
        try:
            if guest.is_leaving:
                if not guest.socket.recv(_DREGS):
                    self._show_out(guest)
            elif self._is_secured(guest):
                self._listen_to(guest)
        except ssl.SSLWantReadError:
            self._selector.modify(guest.socket, selectors.EVENT_READ, guest)
        except ssl.SSLWantWriteError:
            self._selector.modify(guest.socket, selectors.EVENT_WRITE, guest)
        except BlockingIOError:
            return
        except ssl.SSLError as exc:
            self._send_away(guest, words(exc))
        except OSError as exc:
            self._send_away(guest, (exc.strerror or str(exc)).lower())

    def _is_secured(self, guest: _Guest) -> bool:
        if not guest.is_secured:
            assert isinstance(guest.socket, ssl.SSLSocket)
            guest.socket.do_handshake()
            guest.is_secured = True
            self._selector.modify(guest.socket, selectors.EVENT_READ, guest)
        return True

    def _listen_to(self, guest: _Guest) -> None:
        # All that is there: what TLS has decrypted already, no selector tells of.
        while missing := guest.missing:
            received = guest.socket.recv(min(missing, _DREGS))
            if not received:
                self._send_away(guest, "it closed and had asked for nothing")
                return
            guest.received += received
            if fault := _fault(guest.received):
                self._say_goodbye(guest, ABORT, fault)
                return
        self._hand_on(guest)

    def _hand_on(self, guest: _Guest) -> None:
        self._selector.unregister(guest.socket)
        answer = self._ask(guest.socket, guest.address, bytes(guest.received))
        if not answer:
            self._guests.pop(guest)
            return
        self._selector.register(guest.socket, selectors.EVENT_READ, guest)
        self._say_goodbye(guest, answer, "")

    def _say_goodbye(self, guest: _Guest, answer: bytes, why: str) -> None:
        """A last PDU. Closed at once, with something unread, TCP might take that back."""
        if why:
            self._unasked(guest.address[0], why)
        with suppress(OSError):
            guest.socket.send(answer)
            if not isinstance(guest.socket, ssl.SSLSocket):
                guest.socket.shutdown(socket.SHUT_WR)
        guest.is_leaving = True
        guest.until = time.monotonic() + LEAVE_WITHIN_S

    def _send_away(self, guest: _Guest, why: str) -> None:
        self._show_out(guest)
        if why and not guest.is_leaving:
            self._unasked(guest.address[0], why)

    def _show_out(self, guest: _Guest) -> None:
        self._guests.pop(guest, None)
        with suppress(KeyError, ValueError):
            self._selector.unregister(guest.socket)
        guest.socket.close()


def is_of_tls(why: str) -> bool:
    """Whether a connection ended for what TLS, or a certificate, had against it."""
    return why.startswith((CERTIFICATE_REFUSED, _NO_TLS)) or why in _TLS_REASONS.values()


def words(error: ssl.SSLError) -> str:
    """Why there is no TLS with a peer, in words that name what is to be changed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{CERTIFICATE_REFUSED}: {error.verify_message}"
    reason = (error.reason or str(error)).upper()
    for part, said in _TLS_REASONS.items():
        if part in reason:
            return said
    return f"{_NO_TLS}: {reason.lower().replace('_', ' ')}"


_TLS_REASONS = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it showed no certificate",
    "CERTIFICATE_REQUIRED": "it wants a certificate to be shown",
    "HTTP_REQUEST": "it speaks HTTP, not TLS",
    "WRONG_VERSION_NUMBER": "it speaks no TLS",
    "UNSUPPORTED_PROTOCOL": "it offers no TLS 1.2 or newer",
    "ALERT_PROTOCOL_VERSION": "it offers no TLS 1.2 or newer",
    "NO_SHARED_CIPHER": "it offers no cipher suite of the BCP 195 profile",
    "ALERT_UNKNOWN_CA": "it does not know who issued the certificate it was shown",
    "ALERT_CERTIFICATE_EXPIRED": "it says that the certificate it was shown has expired",
    "ALERT_CERTIFICATE_REVOKED": "it says that the certificate it was shown was revoked",
    "ALERT_CERTIFICATE_UNKNOWN": "it refused the certificate it was shown",
    "ALERT_BAD_CERTIFICATE": "it refused the certificate it was shown",
    "ALERT_HANDSHAKE_FAILURE": "it refused the handshake: no certificate, or no cipher in common",
    "ALERT_DECRYPT_ERROR": "it refused the certificate it was shown",
    "UNEXPECTED_EOF": "it closed in the handshake: perhaps it refused the certificate shown",
}


def _fault(received: bytes | bytearray) -> str:
    """Why this is not how an A-ASSOCIATE-RQ begins; "" where it may be."""
    if received[0] != _ASSOCIATE_RQ:
        return "what it said is no A-ASSOCIATE-RQ"
    if len(received) >= _HEADER.size:
        length = _HEADER.unpack_from(received)[2]
        if length > LONGEST_REQUEST:
            return f"its A-ASSOCIATE-RQ is said to be {length} bytes long"
    return ""
