"""Run by test_operators_minute in a network of its own: Orthanc stops, and a person is called.

The person has the command line and nothing else. Prints what each command said, as one JSON object.
"""

import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from dicom_node.demo.node import RunningNode, free_port
from dicom_node.demo.phantom import Kind, draw
from dicom_node.demo.phantom_dicom import as_dicom
from tests.system.orthanc import running_orthanc, storescu
from tests.system.waiting import run_cli, wait_until

ACCESSION, PATIENT = "A-4711", "PID-0815"


class Desk:
    """A terminal on the node's host, and what was typed and said there."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self.said: dict[str, dict[str, Any]] = {}

    def __call__(self, step: str, command: str) -> "subprocess.CompletedProcess[str]":
        run = run_cli(*shlex.split(command), "--state-dir", str(self._state))
        self.said[step] = {"exit": run.returncode, "out": run.stdout, "err": run.stderr}
        return run

    def states(self) -> set[str]:
        (found,) = json.loads(self("last look", f"find {ACCESSION} --json").stdout or "[{}]")
        return {one["state"] for one in found.get("deliveries", [])} - {"RESERVE"}

    def met_a_failure(self) -> bool:
        found = json.loads(self("last look", f"find {ACCESSION} --json").stdout or "[]")
        return any(one["reason"] for job in found for one in job["deliveries"])


def main(folder: Path) -> None:
    port = free_port()
    desk = Desk(folder / "state")
    with RunningNode(folder / "state", [f"ORTHANC@127.0.0.1:{port}"]) as node:
        _send(folder, node.port)
        wait_until(desk.met_a_failure, 90, "a delivery to fail")
        desk("alarm", "status --check --max-wait 0")
        desk("glance", "status")
        desk("jobs", "jobs --state WAITING")
        told = desk("find", f"find {ACCESSION}").stdout
        desk("patient", f"find {PATIENT}")
        job = re.search(r"cxr-node job (\d+)", told)
        desk("job", f"job {job[1] if job else ''}")
        remedy = re.search(r"cxr-node (destinations try \S+)", told)
        repair = remedy[1] if remedy else ""
        desk("too early", repair)
        with running_orthanc(folder, dicom_port=port) as orthanc:
            began = time.monotonic()
            desk("repair", repair)
            wait_until(lambda: desk.states() == {"DELIVERED"}, 30, "the results to arrive")
            took_s = time.monotonic() - began
            held = len(orthanc.get("/instances"))
        desk("found again", f"find {ACCESSION}")
        desk("all clear", "status --check --max-wait 600")
        desk("who did it", "destinations --json")
        logged = "".join(node.log)
    result = {"said": desk.said, "took_s": took_s, "held": held, "leaks": PATIENT in logged}
    print(json.dumps(result))


def _send(folder: Path, port: int) -> None:
    dataset = as_dicom(draw(Kind.LEFT_OPACITY, rows=512, columns=426, seed=7))
    dataset.AccessionNumber, dataset.PatientID = ACCESSION, PATIENT
    path = folder / "radiograph.dcm"
    dataset.save_as(path, enforce_file_format=True)
    sent = storescu(path, "CXRNODE", port)
    assert sent.returncode == 0, sent.stderr


if __name__ == "__main__":
    main(Path(sys.argv[1]))
