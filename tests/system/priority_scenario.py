"""One radiograph that is urgent behind a backlog, with a whole node.

`python -m tests.system.priority_scenario 60` prints how long its report takes from its last byte to
the PACS when so many came before it: where nobody is urgent, which is how it was before there were
priorities, and where its sender is STAT.
"""

import json
import logging
import os
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset
from pydicom.uid import generate_uid

from dicom_node.config import parse
from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from dicom_node.errors import SUCCESS
from dicom_node.ledger import Job, Ledger
from tests.system.faults.stream import SR, new_radiograph

PACS, ER = "PACS", "ER"
WITHIN_S = 900.0


@dataclass(frozen=True, slots=True)
class Waited:
    """What became of the one that is watched."""

    seconds: float  #: from its last byte to its report at the PACS
    before: int  #: reports of others that came after its last byte and before its own


def radiographs(count: int) -> list[Dataset]:
    """Instances of studies of their own. One is drawn, which takes longer than to analyse it."""
    drawn = new_radiograph()
    found = [deepcopy(drawn) for _ in range(count)]
    for one in found:
        one.StudyInstanceUID, one.SeriesInstanceUID = generate_uid(), generate_uid()
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    return found


@contextmanager
def node(folder: Path, pacs: Pacs, **priority: object) -> Iterator[RunningNode]:
    """A whole one; `priority`: keys of that section."""
    keys = {"low_after_days": 36500} | priority  # the drawn radiographs are of long ago
    section = "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
    config = folder / "node.toml"
    config.write_text(
        f'[node]\nstate = "state"\n[priority]\n{section}[[destination]]\nname = "pacs"\n'
        f'aet = "{pacs.aet}"\nhost = "{pacs.host}"\nport = {pacs.port}\n',
        "utf-8",
    )
    with RunningNode(folder / "state", config_file=config) as running:
        yield running


@contextmanager
def stopped(node: RunningNode, pid: int) -> Iterator[None]:
    """A process is, but not while it writes to the ledger: nobody else could."""
    os.kill(pid, signal.SIGSTOP)
    try:
        while not _may_be_written(node.state / "ledger.sqlite"):
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.05)
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _may_be_written(ledger: Path) -> bool:
    with closing(sqlite3.connect(ledger, timeout=2)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        return True


def store(node: RunningNode, sources: list[Dataset], aet: str) -> float:
    """Send them; when the last byte had left."""
    sent = send(sources, "127.0.0.1", node.port, calling_aet=aet)
    assert [one.status for one in sent] == [SUCCESS] * len(sources)
    return sent[-1].last_byte_at


def reports(pacs: Pacs) -> list[str]:
    """The studies whose report has arrived, in order."""
    return [one.path.parent.name for one in pacs.stored if one.sop_class_uid == SR]


def wait_for_report(pacs: Pacs, radiograph: Dataset) -> float:
    """When it was there."""
    pacs.wait_for(lambda _: radiograph.StudyInstanceUID in reports(pacs), WITHIN_S)
    return time.monotonic()


def behind(node: RunningNode, pacs: Pacs, backlog: int, aet: str) -> Waited:
    """One that `aet` sends when so many others have just been sent."""
    watched, *others = radiographs(1 + backlog)
    store(node, others, PACS)
    last_byte_at = store(node, [watched], aet)
    were_there = len(reports(pacs))
    arrived_at = wait_for_report(pacs, watched)
    place = reports(pacs).index(watched.StudyInstanceUID)
    return Waited(arrived_at - last_byte_at, place - were_there)


class Stream:
    """STAT radiographs as fast as the node takes them, until the block ends."""

    def __init__(self, node: RunningNode) -> None:
        self._node = node
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            store(self._node, radiographs(8), ER)


def jobs_of(node: RunningNode, sources: list[Dataset]) -> list[Job]:
    with closing(Ledger.open(parse({"node": {"state": node.state}}).ledger_url)) as ledger:
        return [job for one in sources for job in ledger.jobs.of_instance(one.SOPInstanceUID)]


def claims(node: RunningNode) -> list[tuple[float, int]]:
    """When each job was claimed for the first time, and which: in that order."""
    with closing(Ledger.open(parse({"node": {"state": node.state}}).ledger_url)) as ledger:
        found = []
        job_id = 1
        while ledger.jobs.get(job_id) is not None:
            for entry in ledger.reports.events(job_id):
                if entry.event == "claimed":
                    found.append((entry.at.timestamp(), job_id))
                    break
            job_id += 1
    return sorted(found)


def main(backlog: int) -> None:
    logging.disable(logging.CRITICAL)
    with (
        tempfile.TemporaryDirectory() as folder,
        Pacs(Path(folder) / "pacs") as pacs,
        node(Path(folder), pacs, stat_callers=[ER]) as running,
    ):
        # The first waits for all that came before it, and nothing is left when the second comes.
        for what, aet in (("as the others", PACS), ("STAT", ER)):
            waited = behind(running, pacs, backlog, aet)
            print(
                f"behind {backlog}, {what}: {waited.seconds:.1f} s,"
                f" after the reports of {waited.before} others",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]))
