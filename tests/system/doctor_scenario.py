"""Run by test_doctor in a network of its own: Orthanc, a node, and `cxr-node doctor` on both.

Prints what doctor said, as one JSON object.
"""

import json
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

from dicom_node.demo.node import RunningNode, free_port
from tests.system.orthanc import Orthanc, running_orthanc
from tests.system.waiting import run_cli

USER, PASSWORD = "cxr", "s3cret"


def main(folder: Path) -> None:
    headers = {"Authorization": "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
    port = free_port()
    # It has to know whom it is to report to on storage commitments, and who may ask it.
    keys: dict[str, Any] = {
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "DicomCheckCalledAet": True,
        "DicomModalities": {"node": ["CXRNODE", "127.0.0.1", port]},
    }
    with running_orthanc(folder, headers=headers, **keys) as orthanc:
        good = _written(folder, "good", orthanc, port, PASSWORD, "ORTHANC")
        bad = _written(folder, "bad", orthanc, port, "wrong", "SOMEBODY")
        with RunningNode(folder / "state", port=port, config_file=good) as node:
            said = {"good": _doctor(good, "--round-trip"), "bad": _doctor(bad)}
            held = [
                orthanc.get(f"/instances/{one}/simplified-tags")
                for one in orthanc.get("/instances")
            ]
        print(json.dumps({"said": said, "held": held, "leaks": PASSWORD in "".join(node.log)}))


def _written(folder: Path, name: str, orthanc: Orthanc, port: int, password: str, aet: str) -> Path:
    (folder / f"{name}.secret").write_text(password)
    file = folder / f"{name}.toml"
    file.write_text(
        f"""\
[node]
state = "state"
port = {port}
[[destination]]
name = "pacs"
aet = "{aet}"
host = "127.0.0.1"
port = {orthanc.dicom_port}
verify = "commitment"
[[destination]]
kind = "dicomweb"
name = "web"
stow = "http://127.0.0.1:{orthanc.http_port}/dicom-web/studies"
outputs = ["SC"]
auth = "basic"
user = "{USER}"
secret_file = "{name}.secret"
"""
    )
    return file


def _doctor(file: Path, *options: str) -> dict[str, Any]:
    run = run_cli("doctor", "--config", str(file), "--json", *options)
    checks = {check["name"]: check for check in json.loads(run.stdout or "[]")}
    return {"exit": run.returncode, "checks": checks, "stderr": run.stderr}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
