"""Who is alive on this host: an owner of leases holds a lock that dies with its process.

The kernel releases an flock whatever ends a process, kill -9 and out-of-memory included, so a
worker's death is known at once and not only when its lease has run out.

`python -m dicom_node.ops.liveness STATE PART...` asks for a container's health check or a probe:
without a word, and with exit code 0, where each of these parts lives here and has what it needs.
"""

import fcntl
import os
import secrets
import socket
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self


class Owner:
    """A name for this process's leases, alive for as long as the `with` block runs."""

    def __init__(self, folder: Path, role: str) -> None:
        self.name = f"{socket.gethostname()}:{role}:{secrets.token_hex(4)}"
        self._folder = folder
        self._file: FileIO | None = None
        self._leaves_something = False

    def abandon(self) -> None:
        """What it holds could not be given back: at its end that is to count as a dead one's."""
        self._leaves_something = True

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        # Locked before it gets its name: nobody may find it there unlocked.
        unlocked = self._folder / f".{self.name}"
        self._file = FileIO(unlocked, "w")
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._file.write(f"{os.getpid()}\n".encode())
        unlocked.rename(self._folder / self.name)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._file is not None
        # After an exception too the lock stays, unlocked: what is still held counts as the dead's.
        if exc_type is None and not self._leaves_something:
            (self._folder / self.name).unlink(missing_ok=True)
        self._file.close()


def dead_owners(folder: Path) -> list[str]:
    """The owners that ended without leaving: their locks can be taken."""
    if not folder.is_dir():
        return []
    return sorted(
        file.name
        for file in folder.iterdir()
        if not file.name.startswith(".") and _can_be_locked(file)
    )


def living_processes(folder: Path, role: str) -> list[int]:
    """Of this host: the ids of the owners with that role that are alive, as far as one may see."""
    found = []
    for file in sorted(folder.glob(f"{socket.gethostname()}:{role}:*")):
        # One may go while it is looked at, and another user's is not ours to see.
        with suppress(OSError, ValueError):
            pid = int(file.read_text())
            if not _can_be_locked(file):
                found.append(pid)
    return found


def forget_owners(folder: Path, owners: Iterable[str]) -> None:
    """Remove the traces of dead owners, once what they held is free."""
    for owner in owners:
        (folder / owner).unlink(missing_ok=True)


def _can_be_locked(path: Path) -> bool:
    """False as well while another process asks the same: it will do what is to be done."""
    try:
        with FileIO(path, "r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except (BlockingIOError, FileNotFoundError):
        return False


def main(argv: Sequence[str]) -> int:
    """0 where all parts named live on this host, else 1 and a line that says which do not.

    A part has its lock once its networks are loaded and its ledger answers; one that hangs ends
    itself. So this needs to ask neither a database nor a port.
    """
    state, *parts = argv
    missing = [part for part in parts if not living_processes(Path(state) / "run", part)]
    if missing:
        print(f"not alive: {', '.join(missing)}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
