"""The switch to a write-ahead log waits for who holds the file, which SQLite by itself does not."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from dicom_node.wal import use_wal


@contextmanager
def held(path: Path) -> Iterator[sqlite3.Connection]:
    """A database that another connection writes to."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    with closing(other):
        other.execute("CREATE TABLE things (id INTEGER)")
        other.execute("BEGIN EXCLUSIVE")
        yield other


def test_it_waits_until_the_file_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with held(path) as other, closing(sqlite3.connect(path, timeout=30)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            use_wal(connection, 0)
        threading.Timer(0.3, other.execute, ("COMMIT",)).start()
        use_wal(connection, 30)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
