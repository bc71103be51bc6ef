"""Copies of a whole ledger beside a node at work: SQLite by its online backup, else by pg_dump.

Neither makes, migrates or changes the ledger. What is there is not overwritten by a copy.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL

from dicom_node.errors import NodeError, UsageError
from dicom_node.ledger.tables.database import parsed_url
from dicom_node.ledger.tables.looking import schema_version

#: Where Debian and its like have the programs that are in no PATH.
_POSTGRESQL = Path("/usr/lib/postgresql")
#: Of a copy's name.
SUFFIXES = (".sqlite", ".pgdump")


def suffix_of(url: str) -> str:
    return SUFFIXES[0] if parsed_url(url).drivername == "sqlite" else SUFFIXES[1]


def copy_ledger(url: str, copy: Path) -> None:
    """Write the ledger as it is at one moment; nobody waits for it meanwhile.

    Raises NodeError where it cannot be had, and leaves no half a copy.
    """
    parsed = parsed_url(url)
    half = copy.with_name(f"{copy.name}.half")
    half.unlink(missing_ok=True)
    # Before anything is in it: patients' images are listed there.
    half.touch(0o600)
    try:
        if parsed.drivername == "sqlite":
            _copy_sqlite(Path(str(parsed.database)), half)
        else:
            _run(parsed, "pg_dump", "--format=custom", "--no-owner", "--no-acl", f"--file={half}")
        with half.open("rb") as file:
            os.fsync(file.fileno())
        half.rename(copy)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


def put_back(url: str, copy: Path) -> None:
    """Make the ledger at `url` of a copy. One in SQLite that is there is renamed, with its journal,
    to ...before-TIME.

    Raises UsageError where the database is in use, or the copy of a version too new for this code.
    """
    if suffix_of(url) != copy.suffix:
        raise UsageError(f"{copy} is no copy for a ledger of this kind: see [ledger] url")
    parsed = parsed_url(url)
    if parsed.drivername == "sqlite":
        _put_back_sqlite(copy, Path(str(parsed.database)))
        return
    if schema_version(url) is not None:
        raise UsageError(
            "there is a ledger in this database: make another, empty one (createdb), and name it in"
            " [ledger] url"
        )
    _run(parsed, "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner",
         "--no-acl", str(copy))  # fmt: skip
    schema_version(url)


def _copy_sqlite(ledger: Path, copy: Path) -> None:
    if not ledger.is_file():
        raise NodeError(f"{ledger}: no ledger here")
    try:
        # By its name alone it would be made where it is gone meanwhile.
        source = sqlite3.connect(f"file:{_quoted(ledger)}?mode=rw", uri=True)
        with closing(source), closing(sqlite3.connect(copy)) as target:
            # All in one step: a reader of WAL keeps its moment, and writers do not wait for it.
            source.backup(target, pages=-1)
            # One file, without a journal beside it.
            target.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as exc:
        raise NodeError(f"the ledger cannot be copied: {exc}") from exc


def _put_back_sqlite(copy: Path, ledger: Path) -> None:
    """Whole, understood and on the disk before it has its name."""
    beside = ledger.with_name(f"{ledger.name}.restored")
    beside.unlink(missing_ok=True)
    ledger.parent.mkdir(parents=True, exist_ok=True)
    beside.touch(0o600)
    try:
        shutil.copyfile(copy, beside)
        with closing(sqlite3.connect(beside)) as opened:
            said = opened.execute("PRAGMA quick_check(1)").fetchone()[0]
        if said != "ok":
            raise NodeError(f"{copy} is damaged: {said}")
        schema_version(f"sqlite:///{beside}")
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        at = f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}"
        # The journal of one with another beside it would be read as that one's.
        for end in ("-shm", "-wal", ""):
            present = Path(f"{ledger}{end}")
            if present.exists():
                present.rename(f"{ledger}.before-{at}{end}")
        beside.rename(ledger)
    except sqlite3.DatabaseError as exc:
        raise NodeError(f"{copy} is damaged: {exc}") from exc
    finally:
        for left in ("", "-wal", "-shm"):
            Path(f"{beside}{left}").unlink(missing_ok=True)


def _quoted(path: Path) -> str:
    return path.absolute().as_uri().removeprefix("file://")


def _run(url: URL, program: str, *arguments: str) -> None:
    """One of PostgreSQL's programs on the database; the password is in no list of processes."""
    password = {} if url.password is None else {"PGPASSWORD": str(url.password)}
    address = url.set(drivername="postgresql", password=None)
    where = f"--dbname={address.render_as_string(hide_password=False)}"
    command: Sequence[str] = [_found(program), where, *arguments]
    ran = subprocess.run(
        command, env=os.environ | password, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    if ran.returncode:
        lines = ran.stderr.strip().splitlines() or [f"ended with {ran.returncode}"]
        raise NodeError(f"{program}: {lines[-1]}")


def _found(program: str) -> str:
    """In the PATH, or the newest that is installed: an older one refuses a newer server."""
    if found := shutil.which(program):
        return found
    installed = sorted(_POSTGRESQL.glob(f"*/bin/{program}"), key=lambda path: path.parts[-3])
    if not installed:
        raise UsageError(f"{program} is not here: install the client programs of PostgreSQL")
    return str(installed[-1])
