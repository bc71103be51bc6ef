"""URLs of the services: which are understood, and how they are shown, without a password.

What is not understood is refused and never quoted: any part of it may belong to a password.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, Secret

from dicom_node.config.values import port_fault, refused

#: Kombu's embedded transport: nothing to install, one host.
EMBEDDED_BROKER = "embedded"

#: RFC 3986 3: user, password, host and port. SQLAlchemy takes more in a password than the RFC does;
#: what follows may hold no `@`: it would be the end of a password.
_SERVICE = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?:(?P<user>[^:/@?#]*)(?::(?P<password>[^@]*))?@)?"
    r"(?:\[[0-9A-Fa-f:.]+\]|[^:/@?#\[\]]*)(?::(?P<port>[0-9]+))?"
    r"(?:/[^?@#]*)?(?:\?[a-z_]+=[^&@#]*(?:&[a-z_]+=[^&@#]*)*)?"
)
_FILE = re.compile(r"sqlite:///.+")
#: Kombu takes several, with a semicolon between; a ledger's password may hold one.
_NEXT_URL = re.compile(r";(?=[a-z][a-z0-9+.-]*://)")
#: What ends a password for kombu.
_DELIMITERS = frozenset(":/?#[]")
_LEDGER_SCHEMES = ("postgresql", "postgresql+psycopg")
_BROKER_SCHEMES = ("amqp", "amqps", "pyamqp")
_PASSWORD = re.compile(r"(?<=://)([^:@/]*):([^@]*)@")
_PASSWORD_IN_QUERY = re.compile(r"([?&][^=&]*(?:pass|pwd|secret|token)[^=&]*=)[^&]*", re.IGNORECASE)
_MASK = "***"
_NOT_UNDERSTOOD = (
    "cannot be understood: special characters in a password must be percent-encoded (@ is %40,"
    " / is %2F, : is %3A, # is %23, ? is %3F)"
)


class ServiceUrl(Secret[str]):
    """A URL that may hold a password, which no `repr` and no log shows."""

    def _display(self) -> str:
        """As it may be shown: with a mask for each password, and for all that is not understood."""
        url = self.get_secret_value()
        if url == EMBEDDED_BROKER or _FILE.fullmatch(url):
            return url
        return ";".join(map(_masked, _NEXT_URL.split(url)))


def _masked(url: str) -> str:
    if not _SERVICE.fullmatch(url):
        return _MASK
    return _PASSWORD_IN_QUERY.sub(rf"\1{_MASK}", _PASSWORD.sub(rf"\1:{_MASK}@", url))


def _ledger_fault(url: str) -> str:
    if _FILE.fullmatch(url):
        return ""
    if not url.startswith(tuple(f"{scheme}://" for scheme in _LEDGER_SCHEMES)):
        return "must begin with sqlite:///FILE or postgresql://"
    return _service_fault(url)


def _broker_fault(url: str) -> str:
    if url == EMBEDDED_BROKER:
        return ""
    for each in url.split(";"):
        if not each.startswith(tuple(f"{scheme}://" for scheme in _BROKER_SCHEMES)):
            return f'must be "{EMBEDDED_BROKER}" or begin with amqp://'
        if fault := _service_fault(each, _DELIMITERS):
            return fault
    return ""


def _service_fault(url: str, delimiters: frozenset[str] = frozenset()) -> str:
    found = _SERVICE.fullmatch(url)
    if not found or not url.isprintable() or delimiters & set(found["password"] or ""):
        return _NOT_UNDERSTOOD
    # Not said which: it may be the number that a password begins with.
    return "has a port that is out of range" if found["port"] and _is_out(found["port"]) else ""


def _is_out(port: str) -> bool:
    return len(port) > len("65535") or bool(port_fault(int(port)))


def _as_url(fault: Callable[[str], str]) -> BeforeValidator:
    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value == "":
            raise refused("is empty: leave it out")
        if said := fault(value):
            raise refused(said)
        return ServiceUrl(value)

    return BeforeValidator(read)


LedgerUrl = Annotated[ServiceUrl, _as_url(_ledger_fault)]
BrokerUrl = Annotated[ServiceUrl, _as_url(_broker_fault)]
