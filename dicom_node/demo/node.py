"""A whole node in processes of its own, as `cxr-node up` runs it: for the demo, tests and bench."""

import json
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from dicom_node.errors import NodeError

#: Loading torch on a machine with two cores and four times as much to do has taken ninety.
START_WITHIN_S = 240.0


class RunningNode:
    """`cxr-node up` as a child process, a context manager; entered, it is ready.

    Raises NodeError with the node's log when it does not start.
    """

    def __init__(
        self,
        state: Path,
        destinations: Sequence[str] = (),
        port: int = 0,
        config_file: Path | None = None,
        monitor: str = "",
    ) -> None:
        """`destinations` are AET@HOST:PORT, unless a `config_file` has them; `port` 0 picks a free
        one. `monitor`: HOST:PORT of its page, which it has none of by itself.
        """
        self.state = state
        self.port = port or free_port()
        self.log: list[str] = []  #: lines so far
        self._command = [
            *(sys.executable, "-m", "dicom_node", "up", "--log-format", "json"),
            *("--state", str(state), "--port", str(self.port), "--monitor", monitor),
            *(part for destination in destinations for part in ("--destination", destination)),
            *(() if destinations or config_file else ("--no-destination",)),
            *(("--config", str(config_file)) if config_file else ()),
        ]
        self._changed = threading.Condition()
        self._ended = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._ended = False
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self.wait_for_log(lambda line: '"event": "ready:' in line, START_WITHIN_S):
            self.stop()
            raise NodeError("the node did not start:\n" + "".join(self.log))

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        return self._process.pid

    def pid_of(self, part: str) -> int:
        """Of the child that last began to run "listen", "work" or "send"."""
        events = [json.loads(line) for line in self.log if '"started a part"' in line]
        return int([event["pid"] for event in events if event["part"] == part][-1])

    def stop(self) -> int:
        """SIGTERM, and wait; the exit code."""
        self._process.terminate()
        return self.join()

    def kill(self) -> None:
        """SIGKILL to the supervisor; its children find themselves orphaned and end."""
        self._process.kill()
        self.join()

    def join(self) -> int:
        code = self._process.wait()
        self._reader.join()
        return code

    def wait_for_log(self, matches: Callable[[str], bool], timeout_s: float) -> bool:
        """Whether a line that `matches` has been logged, waiting for it; False when it ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or any(map(matches, self.log)), timeout_s)
            return any(map(matches, self.log))

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._changed:
                self.log.append(line)
                self._changed.notify_all()
        self._process.stderr.close()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


def free_port() -> int:
    """None that a connection from here may take meanwhile: on Linux they begin at 32768."""
    while True:
        port = 20000 + secrets.randbelow(12000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
