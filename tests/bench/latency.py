"""From the last byte of a radiograph in to its SR stored at the PACS, the node idle before."""

import json
import statistics
import tempfile
from pathlib import Path

from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind, draw
from dicom_node.demo.phantom_dicom import as_dicom

ROWS, COLUMNS = 3056, 2544
RUNS = 15
SR = "1.2.840.10008.5.1.4.1.1.88.34"


def when_idle(runs: int) -> tuple[list[float], list[str]]:
    """Seconds of each run but the first, and the node's log."""
    kinds = (Kind.HEALTHY, Kind.BILATERAL_OPACITIES)
    phantoms = [draw(kind, rows=ROWS, columns=COLUMNS, seed=1) for kind in kinds]
    seconds = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Pacs(Path(folder) / "pacs") as pacs,
        RunningNode(Path(folder) / "state", [f"{pacs.aet}@{pacs.host}:{pacs.port}"]) as node,
    ):
        for run in range(runs):
            uid = f"2.25.{run + 1}"
            source = as_dicom(phantoms[run % 2], bits_stored=16, SOPInstanceUID=uid)
            (sent,) = send([source], "127.0.0.1", node.port)
            expected = 3 * (run + 1)
            arrivals = pacs.wait_for(lambda stored, n=expected: len(stored) == n)  # type: ignore[misc]  # mypy infers no lambda that has a default
            report = [a for a in arrivals if a.sop_class_uid == SR][-1]
            seconds.append(report.at_monotonic - sent.last_byte_at)
        return seconds[1:], list(node.log)


def latency_when_idle() -> None:
    """Print the median and the range, and where the time goes."""
    warm, log = when_idle(RUNS)
    stages = [json.loads(line) for line in log if '"analysed"' in line]
    print(f"last byte of a {COLUMNS} x {ROWS} 16-bit DX in to SR stored, {len(warm)} runs, idle")
    print(f"  median {statistics.median(warm):.2f} s  ({min(warm):.2f} to {max(warm):.2f})")
    # The first has built more: nothing was known yet of the PACS.
    for stage in stages[-1]["durations_ms"]:
        median = statistics.median(line["durations_ms"][stage] for line in stages[1:])
        print(f"  {stage:<20} {median:7.0f} ms")
    visits = [json.loads(line)["duration_ms"] for line in log if '"event": "sent"' in line]
    print(f"  {'sender, one visit':<20} {statistics.median(visits[1:]):7.0f} ms")
    total = statistics.median(line["total_ms"] for line in stages[1:])
    print(f"  {'worker, all':<20} {total:7.0f} ms")
