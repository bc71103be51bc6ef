"""Run by test_verification in a network of its own: a node, and three archives of other people's.

Orthanc commits itself (Storage Commitment SCP), DCMTK's dcmqrscp shows what it holds (C-FIND),
DCMTK's storescp does neither. Prints what became of it as one JSON object.
"""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dicom_node.config import Destination, NodeSection
from dicom_node.delivery.commitment import DicomCommitment
from dicom_node.delivery.query import DicomQuery
from dicom_node.delivery.verifying import VerificationLoop
from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode, free_port
from dicom_node.demo.phantom import Kind, draw
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.intake.listener import Listener
from dicom_node.ledger import DeliveryState
from dicom_node.queueing import Queues
from tests.dicom_node.delivery.bench import Bench
from tests.dicom_node.listening import INSTALLATION
from tests.system.orthanc import Orthanc, running_orthanc
from tests.system.waiting import run_cli, wait_until

DCMQRSCP, STORESCP = "/usr/bin/dcmqrscp", "/usr/bin/storescp"
_DCMQRSCP_CONFIGURATION = """\
NetworkTCPPort = {port}
MaxPDUSize = 16384
MaxAssociations = 16
HostTable BEGIN
cxr = (CXRNODE, localhost, 11112)
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
DCMQRSCP {folder} RW (200, 1024mb) ANY
AETable END
"""
_NODE = """\
[node]
state = "state"
[[destination]]
name = "commits"
aet = "ORTHANC"
host = "127.0.0.1"
port = {orthanc}
verify = "commitment"
[[destination]]
name = "shows"
aet = "DCMQRSCP"
host = "127.0.0.1"
port = {dcmqrscp}
verify = "query"
[[destination]]
name = "does neither"
aet = "STORESCP"
host = "127.0.0.1"
port = {storescp}
verify = "query"
"""


def main(folder: Path) -> None:
    node_port, ports = free_port(), {name: free_port() for name in ("dcmqrscp", "storescp")}
    modality: dict[str, Any] = {"DicomModalities": {"cxr": ["CXRNODE", "127.0.0.1", node_port]}}
    with (
        running_orthanc(folder, **modality) as orthanc,
        dcmqrscp(folder / "dcmqrscp", ports["dcmqrscp"]),
        storescp(folder / "storescp", ports["storescp"]),
    ):
        config = folder / "node.toml"
        config.write_text(_NODE.format(orthanc=orthanc.dicom_port, **ports), "utf-8")
        with RunningNode(folder / "state", port=node_port, config_file=config):
            result = _whole_node(config, node_port)
        result["orthanc"] = len(orthanc.get("/instances"))
        result["lost"] = _what_orthanc_loses(folder / "bench", orthanc, node_port)
    print(json.dumps(result))


def _whole_node(config: Path, port: int) -> dict[str, Any]:
    """One radiograph through all of it, and what the commands say then."""
    send([as_dicom(draw(Kind.LEFT_OPACITY, rows=382, columns=318, seed=7))], "127.0.0.1", port)
    wait_until(lambda: _states(config) == _ENDS, 120, "every delivery to end")
    asked = ("status", "jobs", "job 1", "status --check", "destinations")
    said = {one: run_cli(*one.split(), "--config", str(config)).stdout for one in asked}
    return {"said": said, "states": {name: sorted(all_) for name, all_ in _ENDS.items()}}


_ENDS = {"commits": {"VERIFIED"}, "shows": {"VERIFIED"}, "does neither": {"UNVERIFIED"}}


def _states(config: Path) -> dict[str, set[str]]:
    run = run_cli("job", "1", "--json", "--config", str(config))
    found: dict[str, set[str]] = {}
    for one in json.loads(run.stdout or "{}").get("deliveries", []):
        if one["state"] != "RESERVE":
            found.setdefault(one["destination"], set()).add(one["state"])
    return found


def _what_orthanc_loses(folder: Path, orthanc: Orthanc, port: int) -> dict[str, Any]:
    """An instance that it has stored is gone before it is asked to commit itself."""
    folder.mkdir()
    bench = Bench(folder)
    to = Destination(
        name="commits", aet="ORTHANC", host="127.0.0.1", port=orthanc.dicom_port,
        outputs=("SEG", "SR"), next_best=False, verify="commitment",
    )  # fmt: skip
    node = NodeSection(state=folder, port=port)
    queues = Queues("filesystem://", node.queue_folder, prefetch=1)
    listener = Listener(node, [], bench.spool, bench.ledger, queues, INSTALLATION)
    verifying = VerificationLoop(
        to, bench.ledger, DicomQuery(to, "CXRNODE"), DicomCommitment(to, "CXRNODE", bench.ledger)
    )
    listener.start()
    try:
        before = set(orthanc.get("/instances"))
        job_id = bench.build(to)
        bench.deliver_all(to)
        lost = sorted(set(orthanc.get("/instances")) - before)[0]
        _delete(orthanc, f"/instances/{lost}")
        _verify(bench, verifying, lambda: DeliveryState.SENT not in bench.states(job_id))
        reported = sorted(bench.states(job_id))
        bench.deliver_all(to)
        _verify(bench, verifying, lambda: set(bench.states(job_id)) == {DeliveryState.VERIFIED})
        held = len(set(orthanc.get("/instances")) - before)
        return {"reported": reported, "then": sorted(bench.states(job_id)), "held": held}
    finally:
        listener.stop()
        queues.close()
        bench.ledger.close()


def _verify(bench: Bench, verifying: VerificationLoop, condition: Any) -> None:
    bench.clock.advance(5)
    verifying.verify_due()
    wait_until(condition, 30, f"Orthanc to report: {bench.ledger.reports.summary().unverified}")


def _delete(orthanc: Orthanc, path: str) -> None:
    url = f"http://127.0.0.1:{orthanc.http_port}{path}"
    urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=30).close()


@contextmanager
def dcmqrscp(folder: Path, port: int) -> Iterator[None]:
    storage = folder / "DB"
    storage.mkdir(parents=True)
    file = folder / "dcmqrscp.cfg"
    file.write_text(_DCMQRSCP_CONFIGURATION.format(port=port, folder=storage))
    with _running([DCMQRSCP, "-c", str(file), str(port)], folder / "log"):
        yield


@contextmanager
def storescp(folder: Path, port: int) -> Iterator[None]:
    folder.mkdir()
    with _running([STORESCP, "-od", str(folder), str(port)], folder / "log"):
        yield


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
        try:
            yield
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
