"""Thousands of hostile connections on one listener, with an honest sender among them.

`python -m tests.system.storm 10000` prints what they left behind, without TLS and with it; the
suite has a short form.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from dicom_node.demo.node import free_port
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from tests.certificates import Authority, Issued
from tests.phantoms import draw
from tests.system.beside import Beside
from tests.system.storms import STORMS, Storm, tls_storms

_NO_TLS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds, as the kernel says."""

    threads: int
    files: int
    megabytes: float  #: resident

    @classmethod
    def of(cls, pid: int) -> "Footprint":
        said = Path(f"/proc/{pid}/status").read_text("ascii")
        values = dict(line.split(":\t") for line in said.splitlines() if ":\t" in line)
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        return cls(int(values["Threads"]), files, int(values["VmRSS"].split()[0]) / 1024)

    @classmethod
    def of_this(cls) -> "Footprint":
        return cls.of(os.getpid())

    def is_like(self, before: "Footprint") -> bool:
        """Nothing was left behind, but for what a pool of database connections holds."""
        return (
            self.threads <= before.threads
            and self.files <= before.files + 4
            and self.megabytes <= before.megabytes + 30
        )


class Honest(Beside):
    """A sender that keeps on sending: what it was answered, and how long each took."""

    def __init__(self, port: int, path: Path, options: Sequence[str] = ()) -> None:
        """`options`: DCMTK's, for TLS."""
        super().__init__()
        self._command = ["/usr/bin/storescu", *options, "-aec", "CXRNODE", "127.0.0.1", str(port),
                         str(path)]  # fmt: skip
        self.answers: list[int] = []  #: storescu's, 0 for Success
        self.seconds: list[float] = []

    def _run(self) -> None:
        # Once at least, however soon the storm is over.
        while not self.answers or not self._stop.wait(0.2):
            began = time.monotonic()
            run = subprocess.run(self._command, capture_output=True, timeout=120)
            self.answers.append(run.returncode)
            self.seconds.append(time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class Listening:
    """`cxr-node listen`, ready."""

    pid: int
    port: int
    errors: list[str]  #: lines of its log that tell of a fault of its own


@contextmanager
def listener(
    folder: Path, tls: Mapping[str, str] = _NO_TLS, *, port: int = 0, **keys: object
) -> Iterator[Listening]:
    """`keys`: of `[node]`. `port`: 0: any that is free."""
    port = port or free_port()
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    config = folder / "node.toml"
    lines += ["[tls]", *(f"{key} = {json.dumps(value)}" for key, value in tls.items())]
    config.write_text(f'[node]\nstate = "state"\nport = {port}\n' + "\n".join(lines), "utf-8")
    command = [sys.executable, "-m", "dicom_node", "listen", "--config", str(config),
               "--log-format", "json"]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if json.loads(line)["event"] == "ready: listen":
                    break
            errors: list[str] = []
            with ThreadPoolExecutor(1) as pool:
                pool.submit(_read, process.stderr, errors)
                try:
                    yield Listening(process.pid, port, errors)
                finally:
                    process.terminate()
        finally:
            process.terminate()


def _read(log: Iterable[str], errors: list[str]) -> None:
    for line in log:
        said = json.loads(line)
        if said["level"] in ("error", "critical") or "traceback" in said:
            errors.append(line)


def settled(pid: int, before: Footprint, within_s: float) -> Footprint:
    """What the process holds once threads and files are back, or when the time is over."""
    deadline = time.monotonic() + within_s
    while True:
        after = Footprint.of(pid)
        if after.is_like(before) or time.monotonic() > deadline:
            return after
        time.sleep(0.1)


def warm(node: Listening, radiograph: Path, options: Sequence[str] = ()) -> Footprint:
    """What it holds when it has worked for a moment: database connections among it."""
    with Honest(node.port, radiograph, options), Honest(node.port, radiograph, options):
        time.sleep(3)
    return Footprint.of(node.pid)


def drawn(folder: Path) -> Path:
    """A radiograph to send."""
    path = folder / "radiograph.dcm"
    dataset = as_dicom(draw(Kind.HEALTHY, rows=256, columns=208, seed=1))
    dataset.save_as(path, enforce_file_format=True)
    return path


def section(own: Issued) -> dict[str, str]:
    """`[tls]` of a listener whose callers show certificates."""
    return {"listen": "mutual", "certificate": str(own.certificate), "key": str(own.key),
            "trusted": str(own.trusted)}  # fmt: skip


def showing(own: Issued) -> list[str]:
    """DCMTK's options for such a caller."""
    return ["+tls", str(own.key), str(own.certificate), "+cf", str(own.trusted)]


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        authority = Authority(folder / "authority")
        node, pacs = authority.issue("node"), authority.issue("pacs")
        (folder / "plain").mkdir()
        with listener(folder / "plain", network_timeout_s=5.0) as plain:
            _storm(plain, STORMS, count, drawn(folder), [])
        (folder / "secured").mkdir()
        with listener(folder / "secured", section(node), network_timeout_s=5.0) as secured:
            print("with TLS, mutual:")
            _storm(secured, tls_storms(pacs), count, drawn(folder), showing(pacs))


def _storm(
    node: Listening, storms: dict[str, Storm], count: int, radiograph: Path, options: Sequence[str]
) -> None:
    before = warm(node, radiograph, options)
    print(f"before: {before}")
    for name, storm in storms.items():
        began = time.monotonic()
        with Honest(node.port, radiograph, options) as honest:
            storm(node.port, count)
            took_s = time.monotonic() - began
        print(
            f"{count} {name}: {took_s:.0f} s; {len(honest.answers)} radiographs sent meanwhile,"
            f" {honest.answers.count(0)} Success, the slowest {max(honest.seconds):.2f} s;"
            f" after: {settled(node.pid, before, 15)}",
            flush=True,
        )
    assert not node.errors, node.errors[:3]


if __name__ == "__main__":
    main(int(sys.argv[1]))
