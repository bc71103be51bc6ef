"""The certificates a node works with, and which of them end soon or are no good."""

from collections.abc import Iterator
from datetime import datetime

from dicom_node.config import Config, PortDestination
from dicom_node.errors import UsageError
from dicom_node.network.revocation import RevocationList
from dicom_node.network.tls import Certificate, Files, certificates


def certificates_of(config: Config) -> list[Certificate | RevocationList]:
    """All of them, each once; raises UsageError where a file is no good."""
    found = {one: None for files in _files(config) for one in certificates(files)}
    return list(found)


def certificate_warnings(config: Config, now: datetime) -> list[str]:
    """What a person has to do something about."""
    return [said for _, said in certificate_faults(config, now)]


def certificate_faults(config: Config, now: datetime) -> list[tuple[str, str]]:
    """The same, each behind the file that it is of; "" where that is in the words alone."""
    try:
        found = certificates_of(config)
    except UsageError as exc:
        return [("", str(exc))]
    return [(str(one.path), said) for one in found if (said := one.warning(now))]


def _files(config: Config) -> Iterator[Files]:
    tls = config.tls
    yield Files(tls.certificate, tls.key, tls.trusted, tls.revoked)
    for one in config.destinations:
        if isinstance(one, PortDestination) and one.tls:
            yield Files(one.certificate, one.key, one.trusted, one.revoked)
