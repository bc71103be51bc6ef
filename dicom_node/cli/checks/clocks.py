"""The clocks: the host's, the ledger's server's, that of the disk under the spool.

Reports say when they were made, deliveries are tried again by the clock, and what was received is
known by its file's time.
"""

import ctypes
import os
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime

from dicom_node.cli.checks.check import Check, ok, warning
from dicom_node.config import Config
from dicom_node.errors import LedgerUnavailable, SpoolUnavailable, UsageError
from dicom_node.ledger import clock_ahead_s

#: Seconds that two clocks may differ: more than any answer takes, less than anybody minds.
FAR_S = 2.0
#: Of adjtimex(2): the kernel has been told of no other clock to follow.
_TIME_ERROR = 5
#: Larger than its `struct timex` on any architecture.
_TIMEX_BYTES = 1024
_RUN = "run chrony or systemd-timesyncd on both"


def clocks(config: Config) -> Iterator[Check]:
    """One after the other; of what does not answer, its own check says so."""
    yield _host()
    try:
        ahead_s = clock_ahead_s(config.ledger_url)
    except (LedgerUnavailable, UsageError):
        ahead_s = None
    if ahead_s is not None:
        yield _compared("clock of the ledger", "the ledger's server", ahead_s)
    if config.spool_folder.is_dir():
        try:
            yield _compared("clock of the spool", "the disk of the spool", _disk_ahead_s(config))
        except (OSError, SpoolUnavailable):
            return


def _host() -> Check:
    now = datetime.now().astimezone()
    said = f"{now:%Y-%m-%d %H:%M:%S} {now.tzname()} (UTC{now:%z})"
    if not _is_synchronised():
        return warning(
            "clock", f"{said}, synchronised with no other", "run chrony or systemd-timesyncd"
        )
    return ok("clock", f"{said}, synchronised")


def _compared(name: str, whose: str, ahead_s: float) -> Check:
    said = f"{whose} is {abs(ahead_s):.1f} s {'ahead of' if ahead_s > 0 else 'behind'} this host"
    if abs(ahead_s) > FAR_S:
        return warning(name, said, _RUN)
    return ok(name, f"{whose} has the time of this host, to {FAR_S:g} s")


def _disk_ahead_s(config: Config) -> float:
    """A file server gives files the time of its own."""
    before = time.time()
    with tempfile.TemporaryFile(dir=config.spool_folder) as file:
        file.write(b"cxr-node")
        file.flush()
        os.fsync(file.fileno())
        written = os.fstat(file.fileno()).st_mtime
    after = time.time()
    # Within these two nobody can tell.
    return max(written - after, 0.0) or min(written - before, 0.0)


def _is_synchronised() -> bool:
    """As the kernel says; True where it does not."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return True
    # All zero: asks, and sets nothing.
    return bool(adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)) != _TIME_ERROR)
