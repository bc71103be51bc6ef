"""Messages that no target has yet: kept on the disk of this host, in order, so many at most.

All processes of a node put theirs in; whichever holds the lock tells them. SQLite, since that is
whole after any crash; a folder of its own, since it names patients.
"""

import fcntl
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dicom_node.wal import use_wal

#: Seconds that one process waits for another's writing.
_LOCKED_S = 5.0
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS messages"
    " (id INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL, text TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS ix_messages_target ON messages (target, id)",
)


class Backlog:
    """Used by one thread. Raises OSError or sqlite3.Error where the disk does not take it."""

    def __init__(self, folder: Path, most: int) -> None:
        """`most`: messages for one target."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._most = most
        self._lock_path = folder / "telling.lock"
        self._connection = sqlite3.connect(folder / "backlog.sqlite", timeout=_LOCKED_S)
        use_wal(self._connection, _LOCKED_S)
        # The last moment may be lost with the power; the file is whole.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        with self._connection:
            for statement in _SCHEMA:
                self._connection.execute(statement)

    def add(self, rows: Sequence[tuple[str, str]]) -> int:
        """Keep each (target, text); how many of the oldest had to go for them."""
        lost = 0
        with self._connection as connection:
            connection.executemany("INSERT INTO messages (target, text) VALUES (?, ?)", rows)
            for target in {target for target, _ in rows}:
                if (excess := self.waiting(target) - self._most) > 0:
                    lost += excess
                    connection.execute(
                        "DELETE FROM messages WHERE id IN"
                        " (SELECT id FROM messages WHERE target = ? ORDER BY id LIMIT ?)",
                        (target, excess),
                    )
        return lost

    def oldest(self, target: str, limit: int) -> list[tuple[int, str]]:
        """At most `limit` of them, with their numbers."""
        query = "SELECT id, text FROM messages WHERE target = ? ORDER BY id LIMIT ?"
        return self._connection.execute(query, (target, limit)).fetchall()

    def told(self, target: str, last: int) -> None:
        """The target has all up to this number."""
        with self._connection as connection:
            connection.execute("DELETE FROM messages WHERE target = ? AND id <= ?", (target, last))

    def waiting(self, target: str) -> int:
        query = "SELECT count(*) FROM messages WHERE target = ?"
        (count,) = self._connection.execute(query, (target,)).fetchone()
        return int(count)

    @contextmanager
    def telling(self) -> Iterator[bool]:
        """Whether this process is the one that may tell, for as long as the block runs."""
        with self._lock_path.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def close(self) -> None:
        self._connection.close()
