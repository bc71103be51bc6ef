"""The storms themselves: what hostile connections do to a listener's port."""

import contextlib
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dicom_node.network.tls import client_context
from tests.certificates import Issued
from tests.dicom_node.wire import request_pdu

#: A storm on a port, of so many connections.
Storm = Callable[[int, int], None]
#: Strangers come from here, the honest sender from 127.0.0.1.
_STRANGE = "127.0.0.2"
#: Silent ones held open at a time: more than the door lets wait.
_AT_A_TIME = 500
_DRIP_S = 0.05
#: Bytes that drip of what is longer.
_DROPS = 60
#: Those with a handshake: each costs both ends some milliseconds.
_MOST_SECURED = 250
_GARBAGE = (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\xa5\x01", b"\x01\x00\xff\xff\xff\xff",
            b"\x04\x00\x00\x00\x00\x0c", b"\xff" * 4096)  # fmt: skip


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 20, source_address=(_STRANGE, 0))


def opened_and_closed(port: int, count: int) -> None:
    for _ in range(count):
        connect(port).close()


def silent(port: int, count: int) -> None:
    held: deque[socket.socket] = deque()
    for _ in range(count):
        held.append(connect(port))
        if len(held) > _AT_A_TIME:
            held.popleft().close()
    for one in held:
        one.close()


def garbage(port: int, count: int) -> None:
    for number in range(count):
        with connect(port) as one, contextlib.suppress(OSError):
            one.sendall(_GARBAGE[number % len(_GARBAGE)])


def rejected(port: int, count: int) -> None:
    """Requests under a wrong called AE title, each waiting for its answer."""
    _said(port, count, request_pdu("1.2.840.10008.1.1", b"WRONG", b"STRANGER"))


def spoken_to_in_tls(port: int, count: int) -> None:
    """A ClientHello, to a listener that speaks none."""
    _said(port, count, client_hello())


def spoken_to_in_plain(port: int, count: int) -> None:
    """A good request without TLS, to a listener that speaks it."""
    _said(port, count, good_request())


def dripping(port: int, count: int) -> None:
    """A request for an association byte by byte, on as many connections at a time."""
    _drip([connect(port) for _ in range(min(count, _AT_A_TIME))], good_request()[:_DROPS])


def hello_byte_by_byte(port: int, count: int) -> None:
    _drip([connect(port) for _ in range(min(count, _AT_A_TIME))], client_hello()[:_DROPS])


def slow_messages(port: int, count: int) -> None:
    """Associations, as many as one host gets, on which a data set comes byte by byte."""
    held = [connect(port) for _ in range(min(count, 50))]
    for one in held:
        one.sendall(good_request())
    _drip(held, b"\x04\x00\x00\x10\x00\x00" + bytes(200))


def _said(port: int, count: int, message: bytes) -> None:
    """By one after another, each waiting for its answer."""
    for _ in range(count):
        with connect(port) as one, contextlib.suppress(OSError):
            one.sendall(message)
            one.recv(10)


def _drip(held: Sequence[socket.socket], message: bytes) -> None:
    """Byte by byte on all of these, which are closed then."""
    for byte in message:
        time.sleep(_DRIP_S)
        for one in held:
            with contextlib.suppress(OSError):
                one.sendall(bytes([byte]))
    for one in held:
        one.close()


def half_handshakes(port: int, count: int) -> None:
    """The listener signs, and hears no more: as many open as the door lets wait."""
    hello = client_hello()
    held: deque[socket.socket] = deque()
    for _ in range(count):
        one = connect(port)
        held.append(one)
        with contextlib.suppress(OSError):
            one.sendall(hello)
        if len(held) > _AT_A_TIME:
            held.popleft().close()
    for one in held:
        one.close()


@dataclass(frozen=True, slots=True)
class Secured:
    """Storms of who has a certificate that is trusted."""

    own: Issued

    def handshakes(self, port: int, count: int) -> None:
        """Whole ones, after which nothing is asked for."""
        context = client_context(self.own.files, any_name=True)
        for _ in range(count):
            with contextlib.suppress(OSError), connect(port) as one:
                context.wrap_socket(one).close()

    def dripping(self, port: int, count: int) -> None:
        """A request for an association byte by byte."""
        context = client_context(self.own.files, any_name=True)
        held = []
        for _ in range(min(count, _MOST_SECURED)):
            with contextlib.suppress(OSError):
                held.append(context.wrap_socket(connect(port)))
        _drip(held, good_request()[:_DROPS])


def good_request() -> bytes:
    """An A-ASSOCIATE-RQ for Verification that a listener accepts."""
    return request_pdu("1.2.840.10008.1.1", b"CXRNODE", b"STRANGER")


def client_hello() -> bytes:
    """What a TLS client says first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    said = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), said).do_handshake()
    return said.read()


#: All that is tried, by what is printed of it.
STORMS: dict[str, Storm] = {
    "opened and closed": opened_and_closed,
    "silent": silent,
    "garbage": garbage,
    "rejected": rejected,
    "byte by byte": dripping,
    "data byte by byte": slow_messages,
    "TLS to a port without": spoken_to_in_tls,
}


def tls_storms(own: Issued) -> dict[str, Storm]:
    """What is tried of a listener that speaks TLS, with a certificate that it trusts."""
    secured = Secured(own)
    return {
        "opened and closed": opened_and_closed,
        "silent": silent,
        "garbage": garbage,
        "no TLS to a port with it": spoken_to_in_plain,
        "ClientHello byte by byte": hello_byte_by_byte,
        "ClientHello alone": half_handshakes,
        "handshake alone": secured.handshakes,
        "byte by byte within TLS": secured.dripping,
    }
