"""What a start needs, looked at before any part begins: a fault is one line, not a restart loop.

What may pass by itself, a database or a broker that is down, is waited for by the parts; what only
a person can change is named here.
"""

import errno
import logging
import os
import socket
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path

from dicom_node.cli.node.opening import open_queues, pipeline_of, shadow_pipeline_of, tls_of
from dicom_node.cli.node.parts import Part
from dicom_node.cli.terminal.extras import missing_for_worker
from dicom_node.config import Config, Destination
from dicom_node.errors import BrokerUnavailable, ConfigError, LedgerUnavailable, UsageError
from dicom_node.ledger import Ledger
from dicom_node.ledger.work.workers import BEAT_S
from dicom_node.network.tls import Files, client_context
from dicom_node.ops.privacy import open_secrets

logger = logging.getLogger(__name__)

#: Seconds in which a listener that has just started, or has the ledger back, says that it lives.
_SAYS_WITHIN_S = 3 * BEAT_S
_LOOK_S = 0.2


def check_folders(config: Config) -> None:
    """Raises ConfigError where a folder cannot be made or written."""
    if faults := list(_folders(config)):
        raise ConfigError(faults)


def check(config: Config, parts: Collection[Part]) -> None:
    """Raises ConfigError with all that keeps these parts from running."""
    faults = [*_folders(config)]
    if {Part.WORK, Part.SEND} & set(parts):
        faults += missing_destination(config)
    is_shared = config.node.share_port
    if is_shared and {Part.LISTEN, Part.WORK, Part.SEND} <= set(parts):
        faults.append(
            "share_port is for `cxr-node listen`, one process a part: a `cxr-node up` has its port"
            " for itself"
        )
    elif Part.LISTEN in parts:
        node = config.node
        faults += (fault_of_sharing if is_shared else fault_of_address)(node.host, node.port)
    faults += fault_of_certificates(config, parts)
    if {Part.LISTEN, Part.WORK, Part.SHADOW} & set(parts):
        faults += _models(config)
    if {Part.WORK, Part.SHADOW} & set(parts):
        faults += missing_for_worker()
    # With nowhere to write, the rest would only say so again.
    if not faults:
        faults = [*_ledger(config), *_broker(config)]
        if is_shared and Part.LISTEN in parts:
            faults += _stranger(config)
    if faults:
        raise ConfigError(faults)
    for said in open_secrets(config):
        logger.warning(said)


def missing_destination(config: Config) -> Iterator[str]:
    """That results would go nowhere, and nobody says that they are meant to."""
    if not config.destinations and not config.node.no_destination:
        yield (
            "no destination: results would go nowhere. Give --destination AET@HOST:PORT or a"
            " [[destination]], or say that they are to stay here: --no-destination, or"
            " no_destination = true under [node]"
        )


def _folders(config: Config) -> Iterator[str]:
    state = config.node.state
    for what, folder in (("state folder", state), ("spool", config.spool_folder)):
        if what == "spool" and folder.is_relative_to(state) and not state.is_dir():
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            yield _not_writable(what, folder, exc)
        else:
            yield from fault_of_folder(what, folder)


def fault_of_folder(what: str, folder: Path) -> Iterator[str]:
    """Why a file cannot be kept there as the spool keeps it: written, and brought to the disk."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"cxr-node")
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        yield _not_writable(what, folder, exc)


def fault_of_address(host: str, port: int) -> Iterator[str]:
    """As the listener will bind it, but for a moment."""
    try:
        _bind(host, port, socket.SO_REUSEADDR)
    except OSError as exc:
        yield _cannot_listen(host, port, exc, "in use by another program")


def fault_of_sharing(host: str, port: int) -> Iterator[str]:
    """As a listener will bind it that shares its port (`share_port`)."""
    try:
        _bind(host, port, socket.SO_REUSEPORT)
    except OSError as exc:
        holder = "in use by a program that does not share it, or by one of another user"
        yield _cannot_listen(host, port, exc, holder)


def _bind(host: str, port: int, option: int) -> None:
    # Not to listen: the kernel would hand this socket connections that are meant for the others.
    family, kind, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, option, 1)
        probe.bind(address)


def _cannot_listen(host: str, port: int, error: OSError, in_use: str) -> str:
    why = {
        errno.EADDRINUSE: in_use,
        errno.EACCES: "not allowed for this user (ports below 1024 need a privilege)",
        errno.EADDRNOTAVAIL: "not an address of this host",
    }.get(error.errno or 0, error.strerror or str(error))
    return f"cannot listen on {host}:{port}: {why}"


def _stranger(config: Config) -> Iterator[str]:
    """That whoever shares the port would take in instances for another ledger than this one."""
    until = time.monotonic() + _SAYS_WITHIN_S
    while not _is_ours(config):
        if time.monotonic() > until:
            yield (
                f"cannot listen on {config.node.host}:{config.node.port}: who shares it is no"
                " listener of this ledger; instances would go to one or the other by chance"
            )
            return
        time.sleep(_LOOK_S)


def _is_ours(config: Config) -> bool:
    """Whether nobody listens there, or a listener of the same ledger lives on this host."""
    if not list(fault_of_address(config.node.host, config.node.port)):
        return True
    try:
        with closing(Ledger.open(config.ledger_url)) as ledger:
            living = [one.process for one in ledger.workers.all() if one.is_alive]
    except LedgerUnavailable:
        # It is waited for; that it is away says nothing of who listens.
        return True
    here = Part.LISTEN, socket.gethostname()
    return any((one.part, one.host) == here for one in living)


def fault_of_certificates(config: Config, parts: Collection[Part]) -> Iterator[str]:
    """Why the TLS that a part is to speak cannot be spoken."""
    if Part.LISTEN in parts:
        try:
            tls_of(config)
        except UsageError as exc:
            yield f"[tls] {exc}"
    for destination in config.destinations if Part.SEND in parts else ():
        # A hand-over that cannot be made holds up no other destination: it is not reached.
        if isinstance(destination, Destination) and destination.tls:
            one = destination
            files = Files(one.certificate, one.key, one.trusted, one.revoked)
            try:
                client_context(files, any_name=False)
            except UsageError as exc:
                yield f"[[destination]] {destination.name!r} {exc}"


def _not_writable(what: str, folder: Path, error: OSError) -> str:
    why = error.strerror or error
    return f"{what} {folder} cannot be written by user {os.geteuid()}: {why}"


def _ledger(config: Config) -> Iterator[str]:
    try:
        Ledger.open(config.ledger_url).close()
    except UsageError as exc:
        yield str(exc)
    except LedgerUnavailable as exc:
        logger.warning("waits for the ledger", extra={"reason": str(exc)})


def _broker(config: Config) -> Iterator[str]:
    queues = open_queues(config)
    try:
        queues.check()
    except UsageError as exc:
        yield str(exc)
    except BrokerUnavailable as exc:
        logger.warning("waits for the broker", extra={"reason": str(exc)})


def _models(config: Config) -> Iterator[str]:
    for section, digest in (("models", pipeline_of), ("shadow", shadow_pipeline_of)):
        try:
            digest(config)
        except UsageError as exc:
            yield f"[{section}] {exc}" if section == "shadow" else str(exc)
            return
