"""A syslog message (RFC 5424), by TLS (RFC 5425) or UDP (RFC 5426), as PS3.15 A.6 and A.7 ask for.

Nothing in syslog says that a message has arrived. Over TLS each batch has a connection of its own,
which ends with the receiver's own end of TLS: all before it was read by then.
"""

import os
import re
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC

from dicom_node.audit.message import Message, Outcome
from dicom_node.config import AuditSection
from dicom_node.errors import UsageError
from dicom_node.network.door import words
from dicom_node.network.tls import Files, client_context

#: RFC 5424 6.2.1: security and authorization.
_FACILITY = 10
#: By the outcome of the event: notice, warning, error, critical.
_SEVERITY = {
    Outcome.SUCCESS: 5,
    Outcome.MINOR_FAILURE: 4,
    Outcome.SERIOUS_FAILURE: 3,
    Outcome.MAJOR_FAILURE: 2,
}
#: PS3.15 A.6: the MSGID of what has the format of A.5.
_MSGID = "DICOM+RFC3881"
_APP_NAME = "cxr-node"
#: Seconds for the connection, for each message to be taken, and for the receiver's end.
PATIENCE_S = 10.0
#: Bytes of a datagram, with room for the headers below it (RFC 5426 3.2).
_LARGEST_DATAGRAM = 65_000
_BOM = "\ufeff"


def formatted(message: Message, xml: str, hostname: str) -> str:
    """`<85>1 2026-11-27T13:22:14.123Z host cxr-node 4711 DICOM+RFC3881 - ...`"""
    priority = 8 * _FACILITY + _SEVERITY[message.outcome]
    at = message.at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    host = re.sub(r"[^!-~]", "?", hostname)[:255] or "-"
    return f"<{priority}>1 {at}Z {host} {_APP_NAME} {os.getpid()} {_MSGID} - {_BOM}{xml}"


class SyslogTls:
    """A receiver that listens for syslog over TLS."""

    def __init__(self, audit: AuditSection, host: str, port: int) -> None:
        self.name = f"tls://{host}:{port}"
        self._address = (host, port)
        self._tls_name = audit.tls_name or host
        self._files = Files(audit.certificate, audit.key, audit.trusted)

    def tell(self, texts: Iterable[str]) -> None:
        """All of them; raises OSError, with the reason in words, where one may be missing."""
        try:
            context = client_context(self._files, any_name=False)
        except UsageError as exc:
            raise OSError(str(exc)) from exc
        try:
            with (
                socket.create_connection(self._address, PATIENCE_S) as plain,
                context.wrap_socket(plain, server_hostname=self._tls_name) as secured,
            ):
                for text in texts:
                    frame = text.encode("utf-8", "replace")
                    # RFC 5425 4.3: its length in octets, a blank, the message.
                    secured.sendall(b"%d %s" % (len(frame), frame))
                _await_end(secured)
        except ssl.SSLError as exc:
            raise OSError(words(exc)) from exc

    def __str__(self) -> str:
        return self.name


class SyslogUdp:
    """A receiver of datagrams: what it does not take, nobody knows."""

    def __init__(self, host: str, port: int) -> None:
        self.name = f"udp://{host}:{port}"
        self._address = (host, port)

    def tell(self, texts: Iterable[str]) -> None:
        """Raises OSError where the network says that nobody listens there."""
        family, kind, _, _, address = socket.getaddrinfo(*self._address, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as datagrams:
            datagrams.settimeout(PATIENCE_S)
            datagrams.connect(address)
            for text in texts:
                datagrams.send(text.encode("utf-8", "replace")[:_LARGEST_DATAGRAM])

    def __str__(self) -> str:
        return self.name


def _await_end(secured: ssl.SSLSocket) -> None:
    """Until the receiver has read all: it answers the end of TLS with its own, or closes."""
    # Some close without an answer, which is as good: what is unread is a reset, and that is raised.
    with suppress(ssl.SSLEOFError, ssl.SSLZeroReturnError):
        secured.unwrap()
