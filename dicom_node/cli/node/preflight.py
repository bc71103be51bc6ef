"""What a start needs, looked at before any part begins: a fault is one line, not a restart loop.

What may pass by itself, a database or a broker that is down, is waited for by the parts; what only
a person can change is named here.
"""

import errno
import logging
import os
import socket
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from dicom_node.cli.node.parts import Part, open_queues, pipeline_of
from dicom_node.cli.terminal.extras import missing_for_worker
from dicom_node.config import Config
from dicom_node.errors import BrokerUnavailable, ConfigError, LedgerUnavailable, UsageError
from dicom_node.ledger import Ledger

logger = logging.getLogger(__name__)


def check_folders(config: Config) -> None:
    """Raises ConfigError where a folder cannot be made or written."""
    if faults := list(_folders(config)):
        raise ConfigError(faults)


def check(config: Config, parts: Collection[Part]) -> None:
    """Raises ConfigError with all that keeps these parts from running."""
    faults = [*_folders(config)]
    if parts != {Part.LISTEN}:
        faults += missing_destination(config)
    if Part.LISTEN in parts:
        faults += fault_of_address(config.node.host, config.node.port)
    if parts != {Part.SEND}:
        faults += _models(config)
    if Part.WORK in parts:
        faults += missing_for_worker()
    # With nowhere to write, the rest would only say so again.
    if not faults:
        faults = [*_ledger(config), *_broker(config)]
    if faults:
        raise ConfigError(faults)


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
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as exc:
        why = {
            errno.EADDRINUSE: "in use by another program",
            errno.EACCES: "not allowed for this user (ports below 1024 need a privilege)",
            errno.EADDRNOTAVAIL: "not an address of this host",
        }.get(exc.errno or 0, exc.strerror or str(exc))
        yield f"cannot listen on {host}:{port}: {why}"


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
    try:
        pipeline_of(config)
    except UsageError as exc:
        yield str(exc)
