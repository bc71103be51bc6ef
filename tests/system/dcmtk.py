"""DCMTK's storescp, a real Storage SCP of others' making."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dicom_node.demo.node import free_port
from tests.system.waiting import wait_until


@contextmanager
def storescp(folder: Path, *options: str | Path) -> Iterator[int]:
    """Its port; it writes into `folder`. `options`: its own."""
    process, port = _started(folder, *options)
    with process:
        try:
            yield port
        finally:
            process.terminate()


def _started(folder: Path, *options: str | Path) -> "tuple[subprocess.Popen[bytes], int]":
    """DCMTK's storescp once it listens, and its port: another where somebody was there before."""
    for _ in range(5):
        port = free_port()
        command = ["/usr/bin/storescp", *map(str, options), "--output-directory", str(folder)]
        # Not through a pipe: nobody would read what it has to say of each connection.
        log = folder / "storescp.log"
        with log.open("wb") as out:
            process = subprocess.Popen([*command, str(port)], stdout=out, stderr=out)
        try:
            wait_until(
                lambda one=process, at=port: one.poll() is not None or is_open(at),  # type: ignore[misc]
                60,
                "storescp to listen",
            )
        except BaseException:
            process.kill()
            raise
        if process.poll() is None:
            return process, port
    raise AssertionError(log.read_text("utf-8", "replace"))


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
