"""Backup beside a node at work, and the way back.

The ledger first, the spool after it: so the spool's copy has every file that the ledger's copy
names. What came in between is in the spool alone, and is found again (`ops/finding.py`). A file of
the spool never changes under its name, so only what is new is copied.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from dicom_node.config import Config
from dicom_node.errors import NodeError, UsageError
from dicom_node.ledger import HEAD, Ledger, schema_version
from dicom_node.ledger.copies import SUFFIXES, copy_ledger, put_back, suffix_of
from dicom_node.ops.liveness import living_processes
from dicom_node.ops.running import last_run
from dicom_node.spool import Spool

#: What the spool keeps; its `tmp` is nobody's.
_KINDS = ("received", "fetched", "outputs", "quarantine")
_KEY = "key"
#: A mark that no ledger has. A copy of one that was never marked would take a spool without a mark
#: for its own.
_RESTORED = "restored"
_PARTS = ("listen", "work", "send", "shadow")


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup came to."""

    ledger: Path
    schema: str
    files: int  #: of the spool, new
    size_bytes: int  #: of these
    removed: int  #: files of images that were purged since the last one


def back_up(
    config: Config, into: Path, *, keep: int, with_spool: bool, given: Path | None
) -> Backup:
    """Copy all that is needed for a restore; raises NodeError, UsageError or OSError.

    `keep`: so many copies of the ledger, the newest. `given`: the file of the configuration.
    """
    url, spool = config.ledger_url, config.spool_folder
    if into.resolve().is_relative_to(config.node.state.resolve()):
        raise UsageError(f"{into} is in the node's own folder: what is lost with it is no backup")
    schema = schema_version(url)
    if schema is None:
        raise NodeError(f"{config.node.state}: no ledger here; has the node run?")
    if with_spool and not (spool / "tmp").is_dir():
        raise NodeError(f"{spool} is not there; is it mounted?")
    (into / "ledger").mkdir(mode=0o700, parents=True, exist_ok=True)
    into.chmod(0o700)
    with _alone(into):
        if with_spool:
            _assert_same(spool / _KEY, into / "spool" / _KEY)
        at = datetime.now(UTC)
        copy = into / "ledger" / f"{at:%Y-%m-%dT%H%M%SZ}{suffix_of(url)}"
        copy_ledger(url, copy)
        # An older ledger is left as it is: the next start migrates it.
        ledger = Ledger.open(url) if schema >= HEAD else None
        files = size_bytes = removed = 0
        try:
            if ledger and (spool / "tmp").is_dir():
                kept = Spool(spool)
                # Whatever copy is put back: it is seen to be one.
                ledger.marks.renew(kept.mark, kept.set_mark)
            if with_spool:
                files, size_bytes = _copy_spool(spool, into / "spool")
                removed = _remove_purged(spool, into / "spool", ledger) if ledger else 0
        finally:
            if ledger:
                ledger.close()
        if given is not None:
            _copy_file(given, into / "node.toml")
        for old in ledger_copies(into)[keep:]:
            old.unlink()
        done = Backup(copy, schema, files, size_bytes, removed)
        told = {"at": at, "version": version("cxr-node"), **asdict(done)}
        (into / "backup.json").write_text(json.dumps(told, default=str, indent=2) + "\n")
    os.sync()
    return done


def ledger_copies(folder: Path) -> list[Path]:
    """The newest first."""
    found = [path for path in (folder / "ledger").glob("*") if path.suffix in SUFFIXES]
    return sorted(found, key=lambda path: path.name, reverse=True)


def restore(config: Config, folder: Path, copy: Path | None = None) -> tuple[Path, int]:
    """Put back a ledger's copy, default the newest, and what the spool lacks; nothing that is there
    is overwritten or removed. The copy, and how many files were put back.
    """
    copies = ledger_copies(folder)
    if copy is None and not copies:
        raise UsageError(f"{folder} holds no copy of a ledger")
    chosen = copy or copies[0]
    if not chosen.is_file():
        raise UsageError(f"{chosen}: no such file")
    assert_stopped(config)
    config.node.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    put_back(config.ledger_url, chosen)
    spool = config.spool_folder
    kept = Spool(spool, group_access=config.node.group_access)
    if (folder / "spool" / _KEY).is_file():
        # Of an empty spool that a node has begun: hashes of patients are of the older one.
        if _differs(spool / _KEY, folder / "spool" / _KEY):
            at = f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}"
            (spool / _KEY).rename(spool / f"{_KEY}.before-{at}")
        _copy_file(folder / "spool" / _KEY, spool / _KEY)
    files, _ = _copy_kinds(folder / "spool", spool)
    # What is in the spool alone is looked for, whatever mark the copy has: none, perhaps.
    kept.set_mark(_RESTORED)
    os.sync()
    return chosen, files


def assert_stopped(config: Config) -> None:
    """Raises UsageError where a part of the node runs on this host."""
    running = last_run(config.node.state)
    if running and running.is_alive:
        raise UsageError(f"the node runs (cxr-node up, pid {running.pid}): stop it first")
    for part in _PARTS:
        if pids := living_processes(config.node.run_folder, part):
            raise UsageError(f"the node runs (cxr-node {part}, pid {pids[0]}): stop it first")


@contextmanager
def _alone(into: Path) -> Iterator[None]:
    with (into / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NodeError(f"another backup into {into} is at work") from None
        yield


def _assert_same(key: Path, copied: Path) -> None:
    if copied.is_file() and _differs(key, copied):
        raise UsageError(
            f"{copied.parents[1]} holds the backup of another spool, with another key: choose"
            " another folder; if this spool was lost, restore it first"
        )


def _differs(one: Path, other: Path) -> bool:
    return one.is_file() and one.read_bytes() != other.read_bytes()


def _copy_spool(spool: Path, copy: Path) -> tuple[int, int]:
    copy.mkdir(mode=0o700, exist_ok=True)
    if (spool / _KEY).is_file():
        _copy_file(spool / _KEY, copy / _KEY)
    return _copy_kinds(spool, copy)


def _copy_kinds(source: Path, target: Path) -> tuple[int, int]:
    """How many files were copied, and their bytes."""
    files = size_bytes = 0
    for path, size in _files(source):
        try:
            if _is_copied(source / path, target / path, size):
                continue
            _copy_file(source / path, target / path)
        except FileNotFoundError:
            # Purged meanwhile.
            continue
        files, size_bytes = files + 1, size_bytes + size
    return files, size_bytes


def _files(root: Path) -> Iterator[tuple[Path, int]]:
    """Paths from the root, with sizes."""
    for kind in _KINDS:
        for folder in sorted((root / kind).glob("??")):
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_file(follow_symlinks=False):
                        yield Path(kind, folder.name, entry.name), entry.stat().st_size


def _is_copied(source: Path, target: Path, size: int) -> bool:
    try:
        copied = target.stat()
    except FileNotFoundError:
        return False
    if copied.st_size != size:
        return False
    at_ns = source.stat().st_mtime_ns
    if copied.st_mtime_ns != at_ns:
        # Dated once it was committed, after it had been copied.
        os.utime(target, ns=(at_ns, at_ns))
    return True


def _copy_file(source: Path, target: Path) -> None:
    """Whole before it has its name, with its time, for its owner alone."""
    for folder in (target.parent.parent, target.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    half = target.with_name(f".{target.name}.half")
    half.unlink(missing_ok=True)
    half.touch(0o600)
    try:
        shutil.copyfile(source, half)
        at = source.stat()
        os.utime(half, ns=(at.st_mtime_ns, at.st_mtime_ns))
        half.rename(target)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


def _remove_purged(spool: Path, copy: Path, ledger: Ledger) -> int:
    """Remove from the copy what is neither in the spool nor known to the ledger any more.

    What the ledger still names stays, should the spool have lost it.
    """
    gone = [path for path, _ in _files(copy) if not (spool / path).exists()]
    removed = 0
    for start in range(0, len(gone), 500):
        some = {str(path) for path in gone[start : start + 500]}
        for path in some - ledger.pruning.named(some):
            (copy / path).unlink()
            removed += 1
    return removed
