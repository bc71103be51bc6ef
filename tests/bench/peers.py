"""`python -m tests.bench.peers`: the node beside what a hospital would use instead.

Storing is compared with DCMTK's storescp and with Orthanc, by one sender that costs next to nothing
(`replay`). An analysis is compared with a process for each radiograph, as orchestrators that start
a container a job do; what the container itself takes to start is not counted. All take turns, in
one run on one machine, in a network of their own. Prints both as Markdown.
"""

import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom import Dataset

from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from tests.bench.latency import COLUMNS, ROWS, when_idle
from tests.bench.replay import Instance, replay
from tests.phantoms import draw
from tests.system.dcmtk import storescp
from tests.system.orthanc import ISOLATE, running_orthanc
from tests.system.storm import listener

ISOLATED = "--isolated"
#: Associations at a time, and how many images each stores: of 15.6 MB, of 0.13 MB.
LARGE = {1: 12, 8: 3, 32: 1}
SMALL = {1: 100, 8: 40, 32: 15}
ROUNDS = 3
#: Of `[node]`: places for all associations.
ENOUGH: dict[str, Any] = {"max_associations": 64, "max_associations_of_one_host": 64}
#: Radiographs of one run of the node, and of one of processes.
SUSTAINED, PROCESSES = 40, 8


def main() -> None:
    """Everything, in a network where Orthanc, which listens everywhere, is alone."""
    if ISOLATED not in sys.argv:
        sys.exit(
            subprocess.run([*ISOLATE, sys.executable, "-m", __spec__.name, ISOLATED]).returncode
        )
    logging.disable(logging.CRITICAL)
    storing()
    analysing()


def storing() -> None:
    """Images a second, the median of the rounds."""
    large = Instance.of(_drawn(ROWS, COLUMNS))
    small = Instance.of(_drawn(256, 256))
    print("| C-STORE, images a second | " + " | ".join(f"{n} at a time" for n in LARGE), end="")
    print(" | " + " | ".join(f"{n} at a time" for n in SMALL) + " |")
    print("|---" * (1 + len(LARGE) + len(SMALL)) + "|")
    cases = [*((large, n, each) for n, each in LARGE.items()),
             *((small, n, each) for n, each in SMALL.items())]  # fmt: skip
    rates: dict[str, list[list[float]]] = {}
    for _ in range(ROUNDS):
        for name, peer in PEERS.items():
            with tempfile.TemporaryDirectory() as folder, peer(Path(folder)) as (port, aet):
                replay(small, port, aet, 1, 1)
                found = [replay(one, port, aet, n, each).per_second for one, n, each in cases]
            rates.setdefault(name, []).append(found)
    for name, rounds in rates.items():
        medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
        print(f"| {name} | " + " | ".join(f"{median:.1f}" for median in medians) + " |")


def analysing() -> None:
    """A radiograph's way by the node, and by a process of its own."""
    source = _drawn(ROWS, COLUMNS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "radiograph.dcm"
        source.save_as(path, enforce_file_format=True)
        alone = [_process(path, Path(folder) / "alone") for _ in range(PROCESSES)]
        cores = len(os.sched_getaffinity(0))
        with ThreadPoolExecutor(cores) as pool:
            began = time.monotonic()
            outs = [Path(folder) / f"beside-{number}" for number in range(2 * PROCESSES)]
            list(pool.map(_process, [path] * len(outs), outs))
            many = len(outs) / (time.monotonic() - began)
    idle, _ = when_idle(1 + PROCESSES)
    sustained = {workers: _sustained(source, workers) for workers in (1, cores)}
    print(f"\n| {COLUMNS} x {ROWS}, 16 bit | one, until its report is there | sustained |")
    print("|---|---|---|")
    print(f"| this node | {statistics.median(idle):.2f} s | {sustained[1]:.2f} a second |")
    print(f"| with {cores} workers | | {sustained[cores]:.2f} a second |")
    print(f"| a process each | {statistics.median(alone):.2f} s | {many:.2f} a second |")


def _process(path: Path, out: Path) -> float:
    """Seconds of `cxr-node analyze`, from nothing to written results."""
    command = [sys.executable, "-m", "dicom_node", "analyze", str(path), "--out", str(out)]
    began = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - began


def _sustained(source: Dataset, workers: int) -> float:
    """Radiographs a second through `up`, from the first sent to the last result at the PACS."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Pacs(Path(folder) / "pacs") as pacs,
        RunningNode(
            Path(folder) / "state",
            [f"{pacs.aet}@{pacs.host}:{pacs.port}"],
            config_file=_with_workers(Path(folder), workers),
        ) as node,
    ):
        instance = Instance.of(source)
        send([source], "127.0.0.1", node.port)
        pacs.wait_for(lambda stored: len(stored) == 3)
        began = time.monotonic()
        replay(instance, node.port, "CXRNODE", 1, SUSTAINED)
        expected = 3 * (1 + SUSTAINED)
        pacs.wait_for(lambda stored: len(stored) == expected, timeout_s=600)
        return SUSTAINED / (time.monotonic() - began)


def _with_workers(folder: Path, count: int) -> Path:
    file = folder / "node.toml"
    file.write_text(f'[node]\nstate = "state"\n[worker]\nprocesses = {count}\n', "utf-8")
    return file


def _drawn(rows: int, columns: int) -> Dataset:
    return as_dicom(
        draw(Kind.BILATERAL_OPACITIES, rows=rows, columns=columns, seed=1), bits_stored=16
    )


@contextmanager
def _node(folder: Path) -> Iterator[tuple[int, str]]:
    with listener(folder, **ENOUGH) as node:
        yield node.port, "CXRNODE"


@contextmanager
def _listeners(folder: Path) -> Iterator[tuple[int, str]]:
    """As `up` starts them with `listeners = 2`, without the workers, who would take the cores."""
    keys = ENOUGH | {"share_port": True}
    with (
        listener(folder, **keys) as first,
        listener(folder, port=first.port, **keys),
    ):
        yield first.port, "CXRNODE"


@contextmanager
def _dcmtk(folder: Path) -> Iterator[tuple[int, str]]:
    with storescp(folder, "--fork", "-aet", "STORESCP") as port:
        yield port, "STORESCP"


@contextmanager
def _orthanc(folder: Path) -> Iterator[tuple[int, str]]:
    with running_orthanc(folder) as orthanc:
        yield orthanc.dicom_port, "ORTHANC"


PEERS = {
    "this node": _node,
    "two listeners": _listeners,
    "DCMTK --fork": _dcmtk,
    "Orthanc": _orthanc,
}

if __name__ == "__main__":
    main()
