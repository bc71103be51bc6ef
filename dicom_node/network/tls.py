"""TLS as DICOM asks for it: the BCP 195 RFC 8996, 9325 TLS Secure Transport Connection Profile
(PS3.15 B.12; B.9 to B.11 are retired): TLS 1.2 or 1.3, with forward secrecy and AEAD.

Certificates are files that others renew. Whoever connects reads them anew each time; whoever
listens, as soon as they have changed.
"""

import logging
import ssl
import time

# Of a file's first certificate, as SSLSocket.getpeercert gives it: nothing public reads a file.
from _ssl import _test_decode_cert  # type: ignore[attr-defined]
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from dicom_node.errors import UsageError
from dicom_node.network.door import words
from dicom_node.network.revocation import RevocationList, revocation_lists

logger = logging.getLogger(__name__)

#: The port that IANA has registered for DICOM over TLS (PS3.15 B.12).
PORT = 2762
#: Before a certificate expires, who runs the node is told for so long.
WARN_BEFORE = timedelta(days=30)
#: RFC 9325 4.2 for TLS 1.2; all of TLS 1.3 is as good.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
#: Seconds between looks whether a file has changed.
_LOOK_EVERY_S = 1.0


_Context = TypeVar("_Context", bound=ssl.SSLContext)
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Files:
    """PEM files of one end."""

    certificate: Path | None  #: its own, those of its issuers behind it
    key: Path | None  #: of that; None: in the same file
    trusted: Path | None  #: certificates of issuers, or of peers themselves, that are believed
    #: lists of revoked certificates, one of each issuer; None: what was revoked is believed
    revoked: Path | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a person has to know of one."""

    path: Path
    subject: str
    expires_at: datetime

    def warning(self, now: datetime) -> str:
        """What is to be said of it; "" where nothing is."""
        left = self.expires_at - now
        if left > WARN_BEFORE:
            return ""
        on = f"{self.expires_at:%Y-%m-%d %H:%M}"
        when = f"expires on {on}, in {left.days} days" if left > timedelta() else f"expired on {on}"
        return f"the certificate of {self.subject} in {self.path} {when}"


class Context(ssl.SSLContext):
    """Of one connection that is opened: it remembers why there was no TLS."""

    fault: str = ""


class _Witnessed(ssl.SSLSocket):
    """pynetdicom tells nobody but its own log of an error, and leaves the socket open."""

    def do_handshake(self, block: bool = False) -> None:
        with self._witnessed():
            super().do_handshake(block)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        # With TLS 1.3 it is only here that a client learns of its certificate's refusal.
        with self._witnessed():
            return super().recv(buflen, flags)

    @contextmanager
    def _witnessed(self) -> Iterator[None]:
        try:
            yield
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as exc:
            if isinstance(self.context, Context):
                self.context.fault = words(exc)
            self.close()
            raise


def client_context(files: Files, *, any_name: bool) -> Context:
    """For one connection; raises UsageError where the files are no good.

    `any_name`: whatever name the peer's certificate is for, since only its own is trusted.
    """
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = _Witnessed
    context.check_hostname = not any_name
    context.verify_mode = ssl.CERT_REQUIRED
    return _filled(context, files)


def server_context(files: Files, *, mutual: bool) -> ssl.SSLContext:
    """For all connections that come; `mutual`: who connects has to show a certificate as well."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
    # Who comes again is asked for its certificate again: it may have been revoked since.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    return _filled(context, files)


class Renewed:
    """A server's context, made anew when one of its files has changed."""

    def __init__(self, files: Files, *, mutual: bool) -> None:
        """Raises UsageError where the files are no good: a start must not go on without."""
        self._files, self._mutual = files, mutual
        self._context = server_context(files, mutual=mutual)
        self._seen = _versions(files)
        self._looked_at = time.monotonic()
        warn(files)

    def __call__(self) -> ssl.SSLContext:
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = now
            self._look()
        return self._context

    def _look(self) -> None:
        versions = _versions(self._files)
        if versions == self._seen:
            return
        self._seen = versions
        try:
            self._context = server_context(self._files, mutual=self._mutual)
        except UsageError as exc:
            # A key may be there before its certificate: the former pair serves on meanwhile.
            logger.error("keeps the former certificate", extra={"reason": str(exc)})
            return
        logger.info("took the renewed certificate", extra={"path": str(self._files.certificate)})
        warn(self._files)


def certificates(files: Files) -> Iterator[Certificate | RevocationList]:
    """Its own, those it trusts that issue others, and the lists of what was revoked; raises
    UsageError.
    """
    if files.certificate is not None:
        said = _readable(files.certificate, lambda path: _decoded(path))
        yield _certificate(files.certificate, said)
    if files.trusted is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _readable(files.trusted, lambda path: context.load_verify_locations(path))
        for issuer in context.get_ca_certs():
            yield _certificate(files.trusted, issuer)
    if files.revoked is not None:
        yield from _readable(files.revoked, revocation_lists)


def _decoded(path: Path) -> Mapping[str, Any]:
    said: Mapping[str, Any] = _test_decode_cert(str(path))
    return said


def warn(files: Files) -> None:
    """Log which certificates end soon."""
    now = datetime.now(UTC)
    for certificate in certificates(files):
        if said := certificate.warning(now):
            logger.warning(said)


def _filled(context: _Context, files: Files) -> _Context:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    # Without renegotiation (RFC 9325 3.5); a peer's own certificate may be what is trusted.
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if files.certificate is not None:
        _readable(files.certificate, lambda path: _load_own(context, path, files.key))
    if files.trusted is not None:
        _readable(files.trusted, lambda path: context.load_verify_locations(path))
    if files.revoked is not None:
        _readable(files.revoked, revocation_lists)
        _readable(files.revoked, lambda path: context.load_verify_locations(path))
        # Of the peer's own: an issuer that is revoked is taken out of `trusted`.
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return context


def _load_own(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    if key is not None:
        key.read_bytes()
    # Without a password OpenSSL would ask for one at the terminal.
    context.load_cert_chain(certificate, key, password=_no_password)


def _no_password() -> str:
    raise UsageError("the key is encrypted: the node starts without anybody to give a password")


def _readable(path: Path, read: Callable[[Path], _Read]) -> _Read:
    try:
        return read(path)
    except ssl.SSLError as exc:
        # What decodes a certificate alone sets no reason.
        reason = (getattr(exc, "reason", None) or str(exc)).lower().replace("_", " ")
        raise UsageError(f"{path}: no certificate and key in PEM that fit: {reason}") from exc
    except ValueError as exc:
        raise UsageError(f"{path}: {exc}") from exc
    except OSError as exc:
        raise UsageError(f"{exc.filename or path}: cannot be read: {exc.strerror}") from exc


def _versions(files: Files) -> list[tuple[int, int] | None]:
    """What changes when a file does."""
    return [_version(path) for path in (files.certificate, files.key, files.trusted, files.revoked)]


def _version(path: Path | None) -> tuple[int, int] | None:
    try:
        return None if path is None else (path.stat().st_mtime_ns, path.stat().st_ino)
    except OSError:
        return None


def ends_at(said: Mapping[str, Any]) -> datetime | None:
    """Of a certificate as `SSLSocket.getpeercert` gives it; None where it does not say."""
    if "notAfter" not in said:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(said["notAfter"])), UTC)


def _certificate(path: Path, said: Mapping[str, Any]) -> Certificate:
    names = {key: value for part in said.get("subject", ()) for key, value in part}
    subject = names.get("commonName") or names.get("organizationName") or "nobody named"
    expires_at = ends_at(said)
    assert expires_at is not None, "X.509 has no certificate without an end"
    return Certificate(path, str(subject), expires_at)
