"""SQLite's write-ahead log, for the ledger of one host and what waits of the audit trail."""

import sqlite3
import time

_LOOK_S = 0.02


def use_wal(connection: sqlite3.Connection, within_s: float) -> None:
    """Switch to it, and wait for who holds the file; raises sqlite3.OperationalError after that.

    SQLite's own time-out does not hold for the switch, which fails at once while another process
    makes the file, or closes it as its last.
    """
    until = time.monotonic() + within_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(_LOOK_S)
