"""Who on this host may read the node's files: they hold images, reports and UIDs of patients."""

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dicom_node.config import Config

logger = logging.getLogger(__name__)

_PRIVATE = 0o077
_GROUP_TOO = 0o007
#: What the node makes in its state folder, by the beginning of the name.
_OURS = ("ledger.sqlite", "page.", "queue", "refused.", "run", "spool", "up.lock")


def keep_private(state: Path, spool: Path, *, group_access: bool) -> None:
    """Make whatever this process writes the node's own, and what it finds of its own as well."""
    mask = _GROUP_TOO if group_access else _PRIVATE
    os.umask(mask)
    for path in _own(state, spool):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & mask:
                path.chmod(mode & ~mask)
        except FileNotFoundError:
            continue
        except OSError as exc:
            extra = {"path": str(path), "reason": exc.strerror}
            logger.warning("others may read the node's files", extra=extra)


def open_secrets(config: Config) -> Iterator[str]:
    """Keys and passwords in files that every user of this host may read."""
    for path in dict.fromkeys(_secrets(config)):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            # Whoever needs it says so.
            continue
        if mode & _GROUP_TOO:
            yield f"every user of this host may read the secret in {path}: chmod o= {path}"


def _secrets(config: Config) -> Iterator[Path]:
    yield config.spool_folder / "key"
    for section in (config.ledger, config.broker):
        if section.url_file is not None:
            yield section.url_file
    for path in (config.notify.smtp_password_file, config.notify.webhook_file):
        if path is not None:
            yield path
    for key in (config.tls, *config.destinations):
        # A key may lie in the certificate's file.
        path = getattr(key, "key", None) or getattr(key, "certificate", None)
        if path is not None:
            yield path
    for one in config.destinations:
        if (path := getattr(one, "secret_file", None)) is not None:
            yield path


def _own(state: Path, spool: Path) -> Iterator[Path]:
    """Folders at the top close what is below them. A folder shared with others stays as it is."""
    yield spool
    if not state.is_dir():
        return
    entries = list(state.iterdir())
    ours = [entry for entry in entries if entry.name.startswith(_OURS)]
    if ours and len(ours) == len(entries):
        yield state
    yield from ours
