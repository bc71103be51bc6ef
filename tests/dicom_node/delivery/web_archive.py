"""A small DICOMweb server that can be told to misbehave: real HTTP, real TLS."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydicom import Dataset, dcmread

from dicom_node.config import WebDestination
from tests.dicom_node.certificates import Authority, Identity

JSON = "application/dicom+json"
STUDIES = "/dicom-web/studies"
TOKEN = "/token"


@dataclass(frozen=True, slots=True)
class Request:
    """What came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def part10(self) -> bytes:
        """Of the only instance in a multipart message."""
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        _whole, part = message_from_bytes(head + self.body).walk()
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        return content

    @property
    def dataset(self) -> Dataset:
        return dcmread(BytesIO(self.part10))


@dataclass(frozen=True, slots=True)
class Reply:
    """What is to be answered."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


#: None: nothing is answered, and the connection ends.
Answer = Callable[[Request], Reply | None]


@dataclass
class WebArchive:
    """Stores what is posted to it, by SOP Instance UID."""

    port: int = 0
    scheme: str = "http"
    held: dict[str, bytes] = field(default_factory=dict)  #: Part 10 files
    requests: list[Request] = field(default_factory=list)
    #: A test's own; `Reply` by `stored` and the like.
    answer: Answer = lambda _: None

    def __post_init__(self) -> None:
        self.answer = self.store_or_search

    @property
    def stow(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{STUDIES}"

    @property
    def token_url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{TOKEN}"

    @property
    def posted(self) -> list[Request]:
        return [one for one in self.requests if one.method == "POST" and one.path == STUDIES]

    def store_or_search(self, request: Request) -> Reply:
        """As it should."""
        if request.method == "GET":
            return self.search(request)
        return self.keep(request)

    def keep(self, request: Request) -> Reply:
        uid = str(request.dataset.SOPInstanceUID)
        self.held[uid] = request.part10
        return stored(uid)

    def search(self, request: Request) -> Reply:
        asked = parse_qs(urlsplit(request.path).query).get("SOPInstanceUID", [""])[0]
        found = [{"00080018": uid_element(asked)}] if asked in self.held else []
        return Reply(200, json.dumps(found).encode())


def at(archive: WebArchive, **keys: Any) -> WebDestination:
    return WebDestination(kind="dicomweb", name="cloud", stow=archive.stow, **keys)


def uid_element(uid: str) -> dict[str, Any]:
    return {"vr": "UI", "Value": [uid]}


def reason_element(reason: int) -> dict[str, Any]:
    return {"vr": "US", "Value": [reason]}


def stored(uid: str, warning: int | None = None, status: int = 200) -> Reply:
    """ReferencedSOPSequence with, perhaps, a Warning Reason."""
    item = {"00081155": uid_element(uid)}
    item |= {"00081196": reason_element(warning)} if warning is not None else {}
    return _response(status, {"00081199": {"vr": "SQ", "Value": [item]}})


def failed(uid: str, reason: int | None, status: int = 409) -> Reply:
    """FailedSOPSequence."""
    item = {"00081155": uid_element(uid)}
    item |= {"00081197": reason_element(reason)} if reason is not None else {}
    return _response(status, {"00081198": {"vr": "SQ", "Value": [item]}})


def token(value: str, lasts_s: float = 3600) -> Reply:
    """RFC 6749 5.1."""
    said = {"access_token": value, "token_type": "Bearer", "expires_in": lasts_s}
    return Reply(200, json.dumps(said).encode(), "application/json")


def _response(status: int, dataset: dict[str, Any]) -> Reply:
    return Reply(status, json.dumps(dataset).encode())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    archive: WebArchive

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, self.path, dict(self.headers), body)
        self.archive.requests.append(request)
        reply = self.archive.answer(request)
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        headers = {"Content-Type": reply.content_type, "Content-Length": str(len(reply.body))}
        for name, value in {**headers, **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is nobody's fault here."""


@contextmanager
def web_archive(
    server: Identity | None = None, clients: Authority | None = None, port: int = 0
) -> Iterator[WebArchive]:
    """`server`: over TLS, as this one; `clients`: and only with a certificate of that authority."""
    archive = WebArchive()
    handler = type("Handler", (_Handler,), {"archive": archive})
    http = _Server(("127.0.0.1", port), handler)
    archive.port = http.server_address[1]
    if server:
        archive.scheme = "https"
        http.socket = _over_tls(http.socket, server, clients)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield archive
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def _over_tls(sock: Any, server: Identity, clients: Authority | None) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.key)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients.certificate)
    # The handshake is made by the thread of the connection, not by the one that accepts.
    return context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)


def slowly(_request: Request) -> None:
    """Says nothing for longer than anyone waits."""
    time.sleep(5)
