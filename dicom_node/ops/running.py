"""One `cxr-node up` a state folder, and what it is: a lock that dies with its process."""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from dicom_node.config import Config, NodeSection
from dicom_node.errors import UsageError

_FILE = "up.lock"


@dataclass(frozen=True, slots=True)
class Running:
    """A node that `up` runs, or ran last, on a state folder."""

    pid: int
    since: str  #: ISO 8601, UTC
    aet: str
    host: str
    port: int
    destinations: tuple[str, ...]  #: their names
    is_alive: bool = True


@contextmanager
def only_one(node: NodeSection, destinations: Sequence[str]) -> Iterator[None]:
    """Hold the state folder for as long as the block runs; UsageError where another `up` does."""
    with FileIO(node.state / _FILE, "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = last_run(node.state)
            who = f" (pid {other.pid}, port {other.port})" if other else ""
            raise UsageError(
                f"another cxr-node up{who} runs on {node.state}: stop it, or choose another"
                " state folder"
            ) from None
        told = Running(
            pid=os.getpid(),
            since=datetime.now(UTC).isoformat(timespec="seconds"),
            aet=node.aet,
            host=node.host,
            port=node.port,
            destinations=tuple(destinations),
        )
        file.truncate(0)
        file.write(f"{json.dumps(asdict(told))}\n".encode())
        yield


def last_run(state: Path) -> Running | None:
    """What runs on this folder, or ran last; None where `up` never did."""
    try:
        with FileIO(state / _FILE, "r") as file:
            told = json.loads(file.read() or b"")
            alive = _is_locked(file)
        return Running(**told | {"destinations": tuple(told["destinations"]), "is_alive": alive})
    except (FileNotFoundError, PermissionError, ValueError, TypeError, KeyError):
        return None


def _is_locked(file: FileIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def known_destinations(config: Config) -> tuple[str, ...] | None:
    """Names of the destinations configured, or that `up` was given here; None: nobody says."""
    if config.destinations or config.node.no_destination:
        return config.destination_names
    running = last_run(config.node.state)
    return None if running is None else running.destinations
