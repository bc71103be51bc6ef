"""Run by test_orthanc in a network of its own: Orthanc, a node, DCMTK's storescu, real files.

Orthanc 1.10 listens on every address whatever it is told, hence the network of its own. Prints
what happened as one JSON object.
"""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.uid import JPEGBaseline8Bit, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from dicom_node.demo.node import RunningNode, free_port
from dicom_node.demo.results import count_segmentation, read_report
from tests.system.waiting import ended_job, wait_until

STORESCU = "/usr/bin/storescu"
PROPOSE = {
    JPEGLosslessSV1: ["--propose-lossless"],
    JPEGBaseline8Bit: ["--propose-jpeg8"],
    JPEGLSLossless: ["--propose-jls-lossless"],
    RLELossless: ["--propose-rle"],
}


def main(data: Path, folder: Path) -> None:
    files = sorted(data.glob("*/*.dcm"))
    with _orthanc(folder) as (orthanc, dicom_port):
        with RunningNode(folder / "state", [f"ORTHANC@127.0.0.1:{dicom_port}"]) as node:
            storescu = [_storescu(path, node.port) for path in files]
            jobs = {path.name: _job(node, path) for path in files}
            echo = subprocess.run(["/usr/bin/echoscu", "127.0.0.1", str(node.port)])
        found = [_describe(orthanc, instance, folder) for instance in orthanc.get("/instances")]
    result = {
        "storescu": storescu,
        "echoscu": echo.returncode,
        "jobs": jobs,
        "orthanc": found,
    }
    print(json.dumps(result))


def _storescu(path: Path, port: int) -> dict[str, Any]:
    """Send one file as it is: storescu proposes only uncompressed syntaxes unless told."""
    syntax = dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
    command = [STORESCU, *PROPOSE.get(syntax, ()), "-aec", "CXRNODE", "127.0.0.1", str(port), path]
    run = subprocess.run(command, capture_output=True, text=True)
    return {"file": path.name, "exit": run.returncode, "said": run.stderr}


def _job(node: RunningNode, path: Path) -> dict[str, Any]:
    source = dcmread(path, stop_before_pixels=True)
    job = ended_job(node.state, source.SOPInstanceUID, timeout_s=180)
    return {"state": job.state, "reason": job.reason, "study": source.StudyInstanceUID}


class Orthanc:
    """Its REST API."""

    def __init__(self, port: int) -> None:
        self._root = f"http://127.0.0.1:{port}"

    def read(self, path: str) -> bytes:
        with urllib.request.urlopen(self._root + path, timeout=30) as answer:
            return bytes(answer.read())

    def get(self, path: str) -> Any:
        return json.loads(self.read(path))

    def is_up(self) -> bool:
        try:
            return bool(self.get("/system"))
        except OSError:
            return False


@contextmanager
def _orthanc(folder: Path) -> Iterator[tuple[Orthanc, int]]:
    http_port, dicom_port = free_port(), free_port()
    configuration = {
        "StorageDirectory": str(folder / "orthanc"),
        "IndexDirectory": str(folder / "orthanc"),
        "HttpPort": http_port,
        "DicomPort": dicom_port,
        "DicomAet": "ORTHANC",
        "DicomAlwaysAllowStore": True,
        "RemoteAccessAllowed": False,
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(configuration))
    with (folder / "orthanc.log").open("w") as log:
        process = subprocess.Popen(["Orthanc", str(path)], stdout=log, stderr=log)
        try:
            orthanc = Orthanc(http_port)
            wait_until(orthanc.is_up, 60, "Orthanc to answer")
            yield orthanc, dicom_port
        finally:
            process.terminate()
            process.wait()


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
