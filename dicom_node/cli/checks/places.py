"""The three places of state: can disk, ledger and broker be used? Nothing is changed."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from dicom_node.cli.checks.check import Check, Key, fault, ok, warning
from dicom_node.cli.node.opening import open_queues
from dicom_node.cli.node.preflight import fault_of_folder
from dicom_node.config import EMBEDDED_BROKER, Config
from dicom_node.errors import BrokerUnavailable, LedgerDamaged, LedgerUnavailable, UsageError
from dicom_node.ledger import HEAD, schema_version, try_to_write

_GIB = 2**30
#: What names each of them.
_FOLDERS = {"state folder": Key("node", "state"), "spool": Key("spool", "folder")}
_LEDGER, _BROKER = Key("ledger", "url"), Key("broker", "url")
#: Free space with which the person on call has a day: a busy site's 500 radiographs of 15 MB, and
#: their results.
LOW_BYTES = 10 * _GIB
#: With less, one large instance (`max_instance_mb`) may fill the disk.
EMPTY_BYTES = 1 * _GIB
#: Seconds that a write with fsync takes at most where a modality does not notice it.
SLOW_FSYNC_S = 0.2


def folders(config: Config) -> Iterator[Check]:
    """State folder and spool: writable to the disk, with room left."""
    for name, folder in (("state folder", config.node.state), ("spool", config.spool_folder)):
        if not folder.is_dir():
            yield _not_there_yet(name, folder)
            continue
        started = time.monotonic()
        faults = list(fault_of_folder(name, folder))
        took_s = time.monotonic() - started
        if faults:
            to_do = f"chown it to the node's user, or choose another {name}"
            yield fault(name, faults[0], to_do, _FOLDERS[name])
        elif took_s > SLOW_FSYNC_S:
            yield warning(
                name,
                f"{folder}: a write with fsync took {took_s:.1f} s",
                "every instance waits for it: is the disk busy, or failing?",
            )
        else:
            yield ok(name, f"{folder} takes files, fsync in {took_s * 1000:.0f} ms")
        yield _room(name, folder)


def ledger(config: Config) -> Check:
    name = "ledger"
    try:
        version = schema_version(config.ledger_url)
    except LedgerDamaged as exc:
        return fault(
            name, str(exc),
            "stop the node, put the ledger back with cxr-node restore FOLDER, or move it aside with"
            " its -wal and -shm: what is in the spool is found again",
        )  # fmt: skip
    except UsageError as exc:
        return fault(name, str(exc), "correct the ledger's URL, user or password", _LEDGER)
    except LedgerUnavailable as exc:
        return fault(name, str(exc), "start the database; the node waits for it meanwhile", _LEDGER)
    if version is None:
        return ok(name, "none yet: made at the first start")
    try:
        try_to_write(config.ledger_url)
    except (LedgerUnavailable, UsageError) as exc:
        return fault(
            name, f"answers, and takes nothing: {exc}",
            "let the node's user write there: is it a standby, a read-only disk, another's?",
            _LEDGER,
        )  # fmt: skip
    if version < HEAD:
        return warning(
            name,
            f"answers and takes rows; schema {version}, this version brings {HEAD}",
            "nothing: the next start migrates it; back it up before",
        )
    if version > HEAD:
        said = f"answers and takes rows; schema {version}"
        return ok(name, f"{said}, which this version, with {HEAD}, can use")
    return ok(name, f"answers and takes rows; schema {version}, the newest")


def broker(config: Config) -> Check:
    name = "broker"
    if config.broker.url.get_secret_value() == EMBEDDED_BROKER:
        if not config.node.queue_folder.is_dir():
            return ok(name, "embedded; none yet: made at the first start")
        for said in fault_of_folder("queue", config.node.queue_folder):
            return fault(name, said, "chown it to the node's user", Key("node", "state"))
        return ok(name, f"embedded, in {config.node.queue_folder}")
    try:
        open_queues(config).check()
    except UsageError as exc:
        return fault(name, str(exc), "correct the broker's URL, user or password", _BROKER)
    except BrokerUnavailable as exc:
        to_do = "start the broker; instances are taken in meanwhile"
        return fault(name, str(exc), to_do, _BROKER)
    return ok(name, "answers")


def _not_there_yet(name: str, folder: Path) -> Check:
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return ok(name, f"{folder}: none yet, made at the first start")
    return fault(
        name,
        f"{folder} is not there, and {nearest} is no folder where it could be made",
        f"mkdir {folder}, and chown it to the node's user",
        _FOLDERS[name],
    )


def _room(name: str, folder: Path) -> Check:
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    share = disk.f_bavail / max(1, disk.f_blocks)
    said = f"{free / _GIB:.1f} GiB free ({share:.0%})"
    key = _FOLDERS[name]
    name = f"disk of the {name}"
    if disk.f_files and not disk.f_favail:
        return fault(name, "no inode free", "delete what is not needed there")
    if free < EMPTY_BYTES:
        return fault(name, said, "make room: without it every instance is answered 0xA700", key)
    if free < LOW_BYTES:
        return warning(name, said, "make room, or give it a larger disk", key)
    return ok(name, said)
