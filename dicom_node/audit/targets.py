"""Where messages are told: a file, a receiver of syslog."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from dicom_node.audit.message import Message, Source, as_xml
from dicom_node.audit.syslog import SyslogTls, SyslogUdp, formatted
from dicom_node.config import AuditSection


class Target(Protocol):
    """Takes messages in order."""

    name: str  #: of its messages in the backlog, and for people

    def tell(self, texts: Iterable[str]) -> None:
        """Returns once it has all of them; raises OSError where one may be missing."""


class AuditFile:
    """A message a line. Opened for each batch, so that whoever rotates it may move it away."""

    def __init__(self, path: Path) -> None:
        self.name = f"file {path}"
        self._path = path

    def tell(self, texts: Iterable[str]) -> None:
        lines = "".join(f"{text}\n" for text in texts).encode("utf-8", "replace")
        # Whoever may read it is not for the umask to say: it names patients.
        number = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            while lines:
                lines = lines[os.write(number, lines) :]
            os.fsync(number)
        finally:
            os.close(number)


def targets_of(audit: AuditSection) -> list[Target]:
    found: list[Target] = []
    if audit.file is not None:
        found.append(AuditFile(audit.file))
    if (receiver := audit.receiver) is not None:
        host, port = receiver.host, receiver.port
        is_tls = receiver.by == "tls"
        found.append(SyslogTls(audit, host, port) if is_tls else SyslogUdp(host, port))
    return found


def text_for(target: Target, message: Message, source: Source, hostname: str) -> str:
    """As this target is told it."""
    xml = as_xml(message, source)
    return xml if isinstance(target, AuditFile) else formatted(message, xml, hostname)
