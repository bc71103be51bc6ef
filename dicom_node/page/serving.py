"""Serves the page until told to stop; a port that is taken is waited for."""

import logging
import socket
import ssl
import threading
from collections.abc import Callable

import uvicorn

from dicom_node.config import MonitorSection, TlsSection
from dicom_node.errors import UsageError
from dicom_node.network.tls import Files, Renewed
from dicom_node.page.access.sessions import say_where
from dicom_node.page.app import make_app
from dicom_node.page.connections import MOST, Connection
from dicom_node.page.site.node import Node

logger = logging.getLogger(__name__)

#: Seconds between two tries to get the port.
RETRY_S = 5.0
#: Seconds that answers under way have to end.
_DRAIN_S = 3


def serve(node: Node, stop: threading.Event, ready: Callable[[], None]) -> None:
    """Until `stop`. It is `ready` before it has its port: nothing else waits for the page."""
    monitor = node.config.monitor
    if not monitor.listen:
        raise UsageError('[monitor] listen is "": there is no page to show')
    # The reason why a destination does not answer is said on the page, once.
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    app = make_app(node)
    ready()
    bound = _bound(monitor, stop)
    if bound is None:
        return
    state, address = node.config.node.state, f"{monitor.scheme}://{monitor.listen}"
    logger.info(f"the page answers at {address}")
    if not monitor.is_for_this_host and not monitor.tls:
        logger.warning("whoever logs in off this host does so in clear: [monitor] tls = true, or a"
                       " proxy that speaks TLS")  # fmt: skip
    secured = _secured(node.config.tls) if monitor.tls else None
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            http=Connection,
            # All of them ask at once: whoever comes then is told to come again.
            limit_concurrency=2 * MOST,
            timeout_graceful_shutdown=_DRAIN_S,
            ssl_context_factory=(lambda *_: secured) if secured else None,
        )
    )

    def end() -> None:
        stop.wait()
        server.should_exit = True

    watcher = threading.Thread(target=end, name="stop page", daemon=True)
    watcher.start()
    say_where(state, address)
    try:
        with bound:
            server.run(sockets=[bound])
    finally:
        say_where(state, None)


def _secured(tls: TlsSection) -> ssl.SSLContext:
    """As the listener speaks it, and with its certificate of today; raises UsageError."""
    renewed = Renewed(Files(tls.certificate, tls.key, trusted=None), mutual=False)
    context = renewed()

    def renew(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = renewed()

    # Called at each handshake, named or not. asyncio asks for a context once and for all.
    context.sni_callback = renew
    return context


def _bound(monitor: MonitorSection, stop: threading.Event) -> socket.socket | None:
    """The port, once it is to be had; None where `stop` comes first. It is said once."""
    has_said = False
    while not stop.is_set():
        try:
            return _bind(monitor.host, monitor.port)
        except OSError as exc:
            if not has_said:
                extra = {"listen": monitor.listen, "reason": exc.strerror or str(exc)}
                logger.warning("the page cannot answer; the node goes on, and it tries again",
                               extra=extra)  # fmt: skip
            has_said = True
        stop.wait(RETRY_S)
    return None


def _bind(host: str, port: int) -> socket.socket:
    family, kind, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    made = socket.socket(family, kind)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(128)
    except OSError:
        made.close()
        raise
    return made
