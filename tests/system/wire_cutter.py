"""A TCP relay that holds a connection at a chosen byte, for a test that kills who sends."""

import socket
import ssl
import threading
from types import TracebackType
from typing import Self

from tests.dicom_node.certificates import Identity


class WireCutter:
    """Relays to a port of this host. A context manager. Over TLS as `identity`, where given.

    `cut_after` bytes of a connection the rest is held, and `cut` is set: nothing more goes either
    way until `mend`, which ends such connections. None: all goes there, and no answer comes back.
    -1: nothing is held.
    """

    def __init__(self, to_port: int, identity: Identity | None = None) -> None:
        self.cut_after: int | None = -1
        self.cut = threading.Event()
        self._mended = threading.Event()
        self._to_port = to_port
        self._tls: ssl.SSLContext | None = None
        if identity:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(identity.certificate, identity.key)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.mend()
        self._server.close()

    def mend(self) -> None:
        """Let go of what is held: it ends. What comes from now on passes."""
        self.cut_after = -1
        self._mended.set()
        self._mended = threading.Event()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(connection,), daemon=True).start()

    def _relay(self, near: socket.socket) -> None:
        mended, cut_after, cut = self._mended, self.cut_after, self.cut
        if self._tls:
            try:
                near = self._tls.wrap_socket(near, server_side=True)
            except OSError:
                return
        with near, socket.create_connection(("127.0.0.1", self._to_port)) as far:
            answers = threading.Thread(
                target=self._carry_back, args=(far, near, cut_after, cut, mended), daemon=True
            )
            answers.start()
            carried = 0
            while piece := _receive(near):
                if cut_after is not None and 0 <= cut_after < carried + len(piece):
                    far.sendall(piece[: cut_after - carried])
                    cut.set()
                    mended.wait(60)
                    return
                far.sendall(piece)
                carried += len(piece)
            far.shutdown(socket.SHUT_WR)
            answers.join()

    def _carry_back(
        self,
        far: socket.socket,
        near: socket.socket,
        cut_after: int | None,
        cut: threading.Event,
        mended: threading.Event,
    ) -> None:
        while piece := _receive(far):
            if cut_after is None:
                cut.set()
                mended.wait(60)
                return
            try:
                near.sendall(piece)
            except OSError:
                return


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except OSError:
        return b""
