"""Run by test_orthanc in a network of its own: Orthanc, a node, DCMTK's storescu, real files.

Prints what happened as one JSON object.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from pydicom import dcmread

from dicom_node.demo.node import RunningNode
from dicom_node.demo.results import count_segmentation, read_report
from tests.system.orthanc import Orthanc, running_orthanc, storescu
from tests.system.waiting import ended_job


def main(data: Path, folder: Path) -> None:
    files = sorted(data.glob("*/*.dcm"))
    with running_orthanc(folder) as orthanc:
        with RunningNode(folder / "state", [f"ORTHANC@127.0.0.1:{orthanc.dicom_port}"]) as node:
            sent = [_send(path, node.port) for path in files]
            jobs = {path.name: _job(node, path) for path in files}
            echo = subprocess.run(["/usr/bin/echoscu", "127.0.0.1", str(node.port)])
        found = [_describe(orthanc, instance, folder) for instance in orthanc.get("/instances")]
    result = {
        "storescu": sent,
        "echoscu": echo.returncode,
        "jobs": jobs,
        "orthanc": found,
    }
    print(json.dumps(result))


def _send(path: Path, port: int) -> dict[str, Any]:
    run = storescu(path, "CXRNODE", port)
    return {"file": path.name, "exit": run.returncode, "said": run.stderr}


def _job(node: RunningNode, path: Path) -> dict[str, Any]:
    source = dcmread(path, stop_before_pixels=True)
    job = ended_job(node.state, source.SOPInstanceUID, timeout_s=180)
    return {"state": job.state, "reason": job.reason, "study": source.StudyInstanceUID}


def _describe(orthanc: Orthanc, instance: str, folder: Path) -> dict[str, Any]:
    path = folder / f"{instance}.dcm"
    path.write_bytes(orthanc.read(f"/instances/{instance}/file"))
    dataset = dcmread(path)
    described: dict[str, Any] = {
        "class": dataset.SOPClassUID,
        "study": dataset.StudyInstanceUID,
        "series_description": dataset.SeriesDescription,
    }
    if dataset.Modality == "SEG":
        counted = count_segmentation(path)
        described["percent"] = [counted.left, counted.right, counted.both]
    elif dataset.Modality == "SR":
        report = read_report(path)
        said = report.percentages
        described |= {"decision": report.decision, "percent": [said.left, said.right, said.both]}
    return described


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
