"""One request and its answer, bounded in time and in size; and why there was none."""

import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar

import httpx2

from dicom_node.config import ServerDestination
from dicom_node.errors import DestinationAway, DestinationUnavailable
from dicom_node.network.tls import ends_at

#: Seconds that a server gets to take a connection, TLS included.
CONNECT_S = 10.0
#: Bytes. What a Store transaction of one instance is answered with has about a thousand.
LARGEST_ANSWER = 1024 * 1024
#: Bytes handed over at once: between two the time is looked at.
_PIECE = 64 * 1024
#: Seconds. Who asks for more is asked again nevertheless: it may be a mistake.
_LONGEST_WAIT_S = 3600.0

_Error = TypeVar("_Error", bound=BaseException)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever it says."""

    status: int
    content_type: str  #: without parameters, in small letters
    body: bytes
    wait_s: float  #: what Retry-After asks for (RFC 9110 10.2.3); 0: nothing

    @property
    def words(self) -> str:
        """`HTTP 409 Conflict`; the phrase is the standard's, not the server's."""
        known = {status.value: status.phrase for status in HTTPStatus}
        return f"HTTP {self.status} {known.get(self.status, '')}".rstrip()


def connect(to: ServerDestination) -> httpx2.Client:
    """A client that has not connected yet; raises DestinationAway where a certificate is amiss.

    Certificates are read each time, so that new ones need no restart. Redirections are not
    followed: they would lead patients' data elsewhere.
    """
    return httpx2.Client(
        verify=_tls(to),
        headers={"User-Agent": "cxr-node", "Accept-Encoding": "identity"},
        follow_redirects=False,
    )


def certificate_ends_at(to: ServerDestination) -> datetime | None:
    """When the certificate ends that the server shows; None without TLS.

    Raises DestinationAway where there is no connection to be had, or the certificate is refused.
    """
    url = httpx2.URL(to.url)
    if url.scheme != "https":
        return None
    try:
        with (
            socket.create_connection((url.host, _port(url)), CONNECT_S) as plain,
            _tls(to).wrap_socket(plain, server_hostname=url.host) as secured,
        ):
            return ends_at(secured.getpeercert() or {})
    except ssl.SSLCertVerificationError as exc:
        said = f"its certificate is not trusted: {exc.verify_message}"
        raise DestinationAway(f"{to.name}: no connection ({said})") from exc
    except OSError as exc:
        raise DestinationAway(f"{to.name}: no connection ({exc.strerror or exc})") from exc


def exchange(
    client: httpx2.Client,
    name: str,
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes,
    timeout_s: float,
    largest: int = LARGEST_ANSWER,
) -> Answer:
    """What came back, of `largest` bytes at most.

    Raises DestinationAway where no connection is to be had, DestinationUnavailable where it was
    lost or nothing came within `timeout_s`, for all of it.
    """
    until = time.monotonic() + timeout_s
    timeout = httpx2.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
    sized = {"Content-Length": str(len(content))} if content else {}
    pieces = _pieces(name, content, until, timeout_s) if content else None
    try:
        with client.stream(
            method, url, headers={**headers, **sized}, content=pieces, timeout=timeout
        ) as response:
            body = _read(name, response, until, timeout_s, largest)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as exc:
        where = f"{exc.request.url.host}:{_port(exc.request.url)}"
        raise DestinationAway(f"{name}: no connection to {where} ({_why(exc)})") from exc
    except httpx2.TimeoutException as exc:
        raise DestinationUnavailable(_no_answer(name, timeout_s)) from exc
    except httpx2.TransportError as exc:
        # TLS 1.3 (RFC 8446 4.4.2): that a certificate was asked for comes after the handshake.
        if _cause(exc, ssl.SSLError):
            raise DestinationAway(f"{name}: no connection ({_why(exc)})") from exc
        raise DestinationUnavailable(f"{name}: connection lost while sending ({exc})") from exc
    media = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return Answer(response.status_code, media, body, _wait_s(response.headers.get("Retry-After")))


def _tls(to: ServerDestination) -> ssl.SSLContext:
    """TLS 1.2 or newer, the server's name and authority looked at (BCP 195)."""
    where = to.ca_file
    try:
        context = ssl.create_default_context(cafile=to.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if to.certificate:
            where = to.certificate
            context.load_cert_chain(to.certificate, to.key, _no_passphrase)
    except OSError as exc:
        # ssl.SSLError is one: no certificate, or a key that does not belong to it.
        raise DestinationAway(f"{to.name}: {where}: {exc.strerror or exc}") from exc
    return context


def _no_passphrase() -> str:
    """Else OpenSSL would ask at the terminal."""
    return ""


def _pieces(name: str, content: bytes, until: float, timeout_s: float) -> Iterator[bytes]:
    for start in range(0, len(content), _PIECE):
        if time.monotonic() > until:
            raise DestinationUnavailable(_no_answer(name, timeout_s))
        yield content[start : start + _PIECE]


def _read(
    name: str, response: httpx2.Response, until: float, timeout_s: float, largest: int
) -> bytes:
    """A server may say one byte after the other, or never end."""
    body = bytearray()
    for piece in response.iter_raw():
        body += piece
        if len(body) > largest:
            raise DestinationUnavailable(f"{name}: an answer longer than {largest} bytes")
        if time.monotonic() > until:
            raise DestinationUnavailable(_no_answer(name, timeout_s))
    return bytes(body)


def _no_answer(name: str, timeout_s: float) -> str:
    return f"{name}: no answer within {timeout_s:.0f} s"


def _port(url: httpx2.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _wait_s(said: str | None) -> float:
    """Seconds, or a date."""
    if said is None:
        return 0.0
    if said.isascii() and said.isdigit():
        return min(float(said), _LONGEST_WAIT_S)
    try:
        wait_s = parsedate_to_datetime(said).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(wait_s, 0.0), _LONGEST_WAIT_S)


def _why(error: httpx2.TransportError) -> str:
    if isinstance(error, httpx2.ConnectTimeout):
        return "timed out"
    if refused := _cause(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {refused.verify_message}"
    if broken := _cause(error, ssl.SSLError):
        return f"TLS: {(broken.reason or str(broken)).replace('_', ' ').lower()}"
    system = _cause(error, OSError)
    return (system.strerror or str(system)).lower() if system else str(error)


def _cause(error: BaseException, kind: type[_Error]) -> _Error | None:
    """The first of that kind among what led to it."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, kind):
        seen = seen.__cause__ or seen.__context__
    return seen
