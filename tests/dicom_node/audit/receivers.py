"""Receivers of syslog as hospitals run them: over TLS (RFC 5425), for datagrams (RFC 5426)."""

import re
import socket
import socketserver
import ssl
import threading
from types import TracebackType
from typing import Any, Self

from dicom_node.network.tls import Files, server_context

#: RFC 5424 6: priority, version, time, host, application, process, message id, no data, BOM.
HEADER = re.compile(
    r"<(?P<priority>\d+)>1 (?P<at>\S+Z) (?P<host>\S+) cxr-node (?P<process>\d+) DICOM\+RFC3881 - "
    "\ufeff(?P<xml><AuditMessage>.*</AuditMessage>)"
)


class TlsReceiver:
    """Takes what comes, frame by frame, and answers the end of TLS with its own."""

    def __init__(self, files: Files, port: int = 0) -> None:
        context = server_context(files, mutual=files.trusted is not None)
        self.frames: list[str] = []
        frames = self.frames

        class Calls(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                try:
                    with context.wrap_socket(self.request, server_side=True) as secured:
                        _read_frames(secured, frames)
                except OSError:
                    pass

        self._server = _Server(("127.0.0.1", port), Calls)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def messages(self) -> list[str]:
        """The XML of each frame, whose header is as it should be."""
        return [_xml(frame) for frame in self.frames]


class UdpReceiver:
    """Keeps each datagram."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(30)
        self.port = int(self._socket.getsockname()[1])

    def next(self) -> str:
        return _xml(self._socket.recv(65535).decode())

    def close(self) -> None:
        self._socket.close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def _read_frames(secured: ssl.SSLSocket, frames: list[str]) -> None:
    stream: Any = secured.makefile("rb")
    while digits := _digits(stream):
        frames.append(stream.read(int(digits)).decode())
    secured.unwrap()


def _digits(stream: Any) -> bytes:
    found = b""
    while (one := stream.read(1)) not in (b" ", b""):
        found += one
    return found


def _xml(frame: str) -> str:
    found = HEADER.fullmatch(frame)
    assert found, frame
    return found["xml"]
