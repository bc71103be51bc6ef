"""Run by test_retention with mounts of its own: a listener whose small disk fills up.

Prints, for each radiograph sent, how much room there was, the status, what the log said, and a
monitor.
"""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, redirect_stdout
from io import StringIO
from pathlib import Path

from dicom_node.__main__ import main as main_of_node
from dicom_node.config import RetentionSection
from dicom_node.demo.phantom import Kind, draw
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.ledger import Process
from dicom_node.ops.processes import PARTS
from dicom_node.ops.retention import Retention
from tests.dicom_node.listening import Running

SIZE_MB = 100
#: What is left by a file that fills the rest, in MB; 10, a tenth, is what must be free.
STEPS = (("room", 90), ("little", 25), ("too little", 6), ("room", 90))


class Words(logging.Handler):
    """What was logged since it was last asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def main(folder: Path) -> None:
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "none", str(disk)]
    subprocess.run(mount, check=True)
    print(json.dumps(list(_filling(disk))))


def _filling(disk: Path) -> Iterator[dict[str, object]]:
    asked = RetentionSection(min_free_mb=500)
    words = Words()
    logger = logging.getLogger("dicom_node.ops.retention")
    logger.addHandler(words)
    logger.setLevel(logging.INFO)
    with closing(Running(disk, min_free_bytes=asked.min_free_bytes)) as node:
        for part in PARTS:
            node.ledger.workers.beat(Process(part, part, "host", 1, "1.0"))
        retention = Retention(node.ledger, node.spool, asked)
        for number, (what, left_mb) in enumerate(STEPS):
            filler = disk / "filler"
            filler.unlink(missing_ok=True)
            free = node.spool.room().free_bytes
            filler.write_bytes(bytes(max(0, free - left_mb * 1024 * 1024)))
            words.said.clear()
            retention.look_at_disk()
            source = as_dicom(draw(Kind.HEALTHY, rows=382, columns=318, seed=number))
            (status,) = node.send(source)
            # What cannot be indexed is kept for a person to look at, and must not fill the disk.
            source.StudyInstanceUID = ""
            (refused,) = node.send(source)
            yield {
                "with": what,
                "status": status,
                "no study": refused,
                "log": list(words.said),
                "check": _check(disk),
            }


def _check(state: Path) -> str:
    """What a monitor is told first, where that is of the disk."""
    with redirect_stdout(StringIO()) as said:
        main_of_node(["status", "--check", "--state", str(state)])
    first, of_the_disk, _ = said.getvalue().partition("disk of the spool")
    return first + of_the_disk if first.endswith(" - ") else ""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
