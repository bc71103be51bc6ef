"""MLLP, the Minimal Lower Layer Protocol (HL7 2.5.1, appendix C.4): one message and its answer.

A connection for each: whoever closes after an answer, as many do, loses nothing by it.
"""

import socket
import ssl
import time

from dicom_node.errors import DestinationAway, DestinationUnavailable

#: Start Block, and End Block with the carriage return behind it.
_START, _END = b"\x0b", b"\x1c\r"
#: Seconds that a receiver gets to take a connection, TLS included.
CONNECT_S = 10.0
#: Bytes. An acknowledgement has about two hundred.
LARGEST_ANSWER = 64 * 1024


def connect(
    name: str, address: tuple[str, int], tls: tuple[ssl.SSLContext, str] | None
) -> socket.socket:
    """Raises DestinationAway with the reason. `tls`: the context, and whose certificate it is."""
    where = f"{address[0]}:{address[1]}"
    try:
        plain = socket.create_connection(address, CONNECT_S)
    except (OSError, UnicodeError) as exc:
        # UnicodeError: no host name at all.
        said = getattr(exc, "strerror", None) or str(exc)
        raise DestinationAway(f"{name}: no connection to {where} ({said.lower()})") from exc
    if tls is None:
        return plain
    context, server_name = tls
    try:
        return context.wrap_socket(plain, server_hostname=server_name)
    except ssl.SSLCertVerificationError as exc:
        plain.close()
        said = f"its certificate was refused: {exc.verify_message}"
        raise DestinationAway(f"{name}: no connection to {where} ({said})") from exc
    except OSError as exc:
        plain.close()
        raise DestinationAway(f"{name}: no connection to {where} ({_tls_words(exc)})") from exc


def exchange(connection: socket.socket, name: str, message: bytes, timeout_s: float) -> bytes:
    """The answer, without its frame; raises DestinationUnavailable, which leaves open whether the
    message arrived.
    """
    until = time.monotonic() + timeout_s
    try:
        connection.settimeout(timeout_s)
        connection.sendall(_START + message + _END)
        return _answer(connection, name, until, timeout_s)
    except TimeoutError as exc:
        raise DestinationUnavailable(_no_answer(name, timeout_s)) from exc
    except ssl.SSLError as exc:
        # TLS 1.3 (RFC 8446 4.4.2): that a certificate was asked for comes after the handshake.
        raise DestinationAway(f"{name}: no connection ({_tls_words(exc)})") from exc
    except OSError as exc:
        said = exc.strerror or str(exc)
        raise DestinationUnavailable(f"{name}: connection lost while sending ({said})") from exc


def _answer(connection: socket.socket, name: str, until: float, timeout_s: float) -> bytes:
    """A receiver may say one byte after the other, or never end."""
    received = b""
    while _END not in received:
        left_s = until - time.monotonic()
        if left_s <= 0:
            raise DestinationUnavailable(_no_answer(name, timeout_s))
        connection.settimeout(left_s)
        piece = connection.recv(4096)
        received += piece
        if not piece:
            raise DestinationUnavailable(f"{name}: closed the connection without an answer")
        if len(received) > LARGEST_ANSWER:
            raise DestinationUnavailable(f"{name}: an answer longer than {LARGEST_ANSWER} bytes")
    return received.partition(_END)[0].rpartition(_START)[2]


def _tls_words(error: OSError) -> str:
    said = getattr(error, "reason", None) or error.strerror or str(error)
    return f"TLS: {said.replace('_', ' ').lower()}"


def _no_answer(name: str, timeout_s: float) -> str:
    return f"{name}: no answer within {timeout_s:.0f} s"
