"""`[audit]`: who is told who touched which patient's images (PS3.15 A.5, A.6)."""

import re
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field

from dicom_node.config.values import (
    Count,
    FilePath,
    Section,
    Text,
    port_fault,
    refused,
)

#: RFC 5425 4.1 and RFC 5426 3.3: the ports that are registered for each.
_PORTS = {"tls": 6514, "udp": 514}
_RECEIVER = re.compile(
    r"(?P<by>tls|udp)://(?P<host>[^\s:/@\[\]]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?/?"
)


class Receiver(NamedTuple):
    """Of syslog messages."""

    by: Literal["tls", "udp"]
    host: str
    port: int


def receiver_of(url: str) -> Receiver | None:
    """What `syslog` names; None where it cannot be understood."""
    found = _RECEIVER.fullmatch(url)
    if found is None:
        return None
    by: Literal["tls", "udp"] = "tls" if found["by"] == "tls" else "udp"
    return Receiver(by, found["host"].strip("[]"), int(found["port"] or _PORTS[by]))


def _as_receiver(url: str) -> str:
    receiver = receiver_of(url)
    if receiver is None:
        raise refused("must be tls://HOST:PORT or udp://HOST:PORT")
    if fault := port_fault(receiver.port):
        raise refused(f"port {fault}")
    return url


class AuditSection(Section):
    """`[audit]`: where messages go; nowhere, and then none is made, unless it is said."""

    file: FilePath | None = None  #: a message a line, appended
    syslog: Annotated[str, AfterValidator(_as_receiver)] | None = None  #: RFC 5425, RFC 5426
    #: Name or address that the receiver's certificate is for; "": its host.
    tls_name: Text = ""
    #: None, here and below: as `[tls]` says.
    trusted: FilePath | None = None
    certificate: FilePath | None = None
    key: FilePath | None = None
    #: What the node is called in messages, Audit Source ID; "": its AE title and host.
    source: Text = ""
    site: Text = ""  #: Audit Enterprise Site ID; "": none
    #: Messages kept for a receiver that is away, on each host; of more, the oldest are lost.
    most_waiting: Annotated[Count, Field(le=10_000_000)] = 100_000

    @property
    def is_on(self) -> bool:
        return self.file is not None or self.syslog is not None

    @property
    def receiver(self) -> Receiver | None:
        return None if self.syslog is None else receiver_of(self.syslog)

    @property
    def lacks_trust(self) -> bool:
        """Whether the receiver is to be believed and nobody says how."""
        receiver = self.receiver
        return receiver is not None and receiver.by == "tls" and self.trusted is None

    def secured_by(self, node: Any) -> Self:
        """With what the node's own `[tls]` says and it does not."""
        own = self if self.certificate else node
        found = {"certificate": own.certificate, "key": own.key}
        return self.model_copy(update=found | {"trusted": self.trusted or node.trusted})
