"""Run by test_routing in a network of its own: Orthanc with the rule we give its administrators.

Radiographs are sent to Orthanc, not to the node. Prints what Orthanc holds at the end and what the
node made of it, as one JSON object.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from dicom_node.demo.node import RunningNode, free_port
from dicom_node.demo.phantom import Kind, draw
from dicom_node.demo.phantom_dicom import as_dicom
from tests.conftest import ROOT
from tests.system.orthanc import Orthanc, running_orthanc, storescu
from tests.system.waiting import ended_job, wait_until

KINDS = (Kind.LEFT_OPACITY, Kind.HEALTHY, Kind.LATERAL)
#: Seconds in which a result that came round again would show itself.
QUIET_S = 5.0


def main(folder: Path) -> None:
    delivery = ROOT / "deploy" / "orthanc"
    given = json.loads((delivery / "orthanc.json").read_text())
    node_port = free_port()
    (name,) = given["DicomModalities"]
    modalities = {name: [given["DicomModalities"][name][0], "127.0.0.1", node_port]}
    scripts = [str(delivery / script) for script in given["LuaScripts"]]
    with running_orthanc(folder, DicomModalities=modalities, LuaScripts=scripts) as orthanc:
        to = [f"ORTHANC@127.0.0.1:{orthanc.dicom_port}"]
        with RunningNode(folder / "state", to, port=node_port) as node:
            jobs = [_send(kind, orthanc, node, folder) for kind in KINDS]
            results = sum(3 for job in jobs if job["state"] == "BUILT")
            held = len(KINDS) + results
            wait_until(lambda: len(orthanc.get("/instances")) >= held, 60, "results in Orthanc")
            _wait_until_quiet(orthanc)
            received = sum(json.loads(line).get("event") == "received" for line in node.log)
        instances = [_describe(orthanc, one) for one in orthanc.get("/instances")]
    print(json.dumps({"jobs": jobs, "received": received, "instances": instances}))


def _send(kind: Kind, orthanc: Orthanc, node: RunningNode, folder: Path) -> dict[str, Any]:
    dataset = as_dicom(draw(kind, rows=512, columns=426, seed=4))
    path = folder / f"{kind.value}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    sent = storescu(path, "ORTHANC", orthanc.dicom_port)
    assert sent.returncode == 0, sent.stderr
    job = ended_job(node.state, dataset.SOPInstanceUID, timeout_s=120)
    return {"kind": kind.value, "state": job.state, "study": dataset.StudyInstanceUID}


def _wait_until_quiet(orthanc: Orthanc) -> None:
    """Until nothing has happened there for a while."""
    last, since = -1, time.monotonic()
    while time.monotonic() - since < QUIET_S:
        if last != (last := orthanc.get("/changes?last")["Last"]):
            since = time.monotonic()
        time.sleep(0.1)


def _describe(orthanc: Orthanc, instance: str) -> dict[str, str]:
    tags = orthanc.get(f"/instances/{instance}/simplified-tags")
    return {"study": tags["StudyInstanceUID"], "modality": tags["Modality"]}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
