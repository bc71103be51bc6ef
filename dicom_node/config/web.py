"""`[[destination]]` of the kind "dicomweb": a server that results go to by STOW-RS; and what every
kind of server has that is spoken to by HTTP.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from dicom_node.config.destination import AnyDestination
from dicom_node.config.values import FilePath, Text, is_loopback, refused

#: The resource that is posted to, and searched below (PS3.18 table 10.3-1).
_STUDIES = "/studies"
#: What each way of saying who the node is asks for; `secret` is of a file or a variable.
_ASKS_FOR = {
    "none": (),
    "basic": ("user", "secret"),
    "bearer": ("secret",),
    "oauth": ("client_id", "token_url", "secret"),
}
_MAY_HAVE = {"oauth": ("scope",)}
_KEYS_OF_AUTH = ("user", "client_id", "token_url", "scope", "secret_file", "secret_variable")


def _as_url(url: str) -> str:
    """Nothing of it is quoted: any part may belong to a password."""
    if fault := _url_fault(url):
        raise refused(fault)
    return url


def _url_fault(url: str) -> str:
    if not url.isascii() or not url.isprintable() or " " in url:
        return "has a character that a URL may not have: percent-encode it"
    try:
        parts = urlsplit(url)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return "is no URL, or has a port that is out of range"
    if parts.scheme not in ("http", "https") or not parts.hostname or not has_port:
        return "must begin with https:// (or http://) and a host"
    if "@" in parts.netloc:
        return "may hold no user and no password: see auth"
    return "may hold no ? and no #" if "?" in url or "#" in url else ""


def _as_studies(url: str) -> str:
    url = url.rstrip("/")
    if not url.endswith(_STUDIES):
        raise refused(f"must end with {_STUDIES}: it is the resource that instances are posted to")
    return url


def is_plain(url: str) -> bool:
    """Whether what is sent there could be read on the way."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


Url = Annotated[str, AfterValidator(_as_url)]
StudiesUrl = Annotated[Url, AfterValidator(_as_studies)]


class ServerDestination(AnyDestination):
    """A server that is spoken to by HTTP, and how the node says who it is.

    Secrets are in files or in the environment, never here.
    """

    #: The key that says where it is.
    url_key: ClassVar[str]

    #: How the node says who it is: not at all, user and password, a token, or a token that it gets
    #: for its client credentials (RFC 6749 4.4).
    auth: Literal["none", "basic", "bearer", "oauth"] = "none"
    user: Text | None = None
    client_id: Text | None = None
    token_url: Url | None = None
    scope: Text | None = None
    #: Where the password, the token or the client secret is; read again each time it is needed.
    secret_file: FilePath | None = None
    secret_variable: Text | None = None
    certificate: FilePath | None = None  #: of the node, PEM, with what leads to its authority
    key: FilePath | None = None  #: PEM; None: in the certificate's file
    ca_file: FilePath | None = None  #: PEM; None: whom the system trusts

    @property
    def url(self) -> str:
        """Where it is."""
        return str(getattr(self, self.url_key))

    @property
    def address(self) -> str:
        return self.url

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if faults := [*self._faults_of_auth(), *self._faults_of_transport()]:
            raise refused(*faults)
        return self

    def _faults_of_auth(self) -> Iterator[str]:
        given = {key for key in _KEYS_OF_AUTH if getattr(self, key) is not None}
        if {"secret_file", "secret_variable"} <= given:
            yield "secret_file and secret_variable contradict each other: drop one"
        for key in _ASKS_FOR[self.auth]:
            is_there = key in given or (key == "secret" and _has_secret(given))
            if not is_there:
                what = "secret_file (or secret_variable)" if key == "secret" else key
                yield f'auth = "{self.auth}" needs {what}'
        used = {*_ASKS_FOR[self.auth], *_MAY_HAVE.get(self.auth, ())}
        for key in _KEYS_OF_AUTH:
            if key in given and key not in used and not (_has_secret({key}) and "secret" in used):
                yield f'{key} is of no use with auth = "{self.auth}"'

    def _faults_of_transport(self) -> Iterator[str]:
        if self.key and not self.certificate:
            yield "key needs a certificate"
        if self.auth != "none":
            for key, url in ((self.url_key, self.url), ("token_url", self.token_url)):
                if url and is_plain(url):
                    yield f"{key} would show the secret to the network: use https"
        if self.certificate and not self.url.startswith("https://"):
            yield f"certificate needs a {self.url_key} that begins with https://"


class WebDestination(ServerDestination):
    """An origin server of the Studies Service that results go to by STOW-RS."""

    known_verifications: ClassVar[tuple[str, ...]] = ("query",)
    may_have_priors: ClassVar[bool] = True
    url_key: ClassVar[str] = "stow"

    kind: Literal["dicomweb"]
    stow: StudiesUrl


def _has_secret(keys: set[str]) -> bool:
    return bool({"secret_file", "secret_variable"} & keys)
