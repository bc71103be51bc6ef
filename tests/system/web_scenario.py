"""Run by test_orthanc_web in a network of its own: Orthanc, and senders killed in mid-STOW.

Prints what happened as one JSON object.
"""

import json
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dicom_node.config import load
from dicom_node.ledger import DeliveryState, Progress
from tests.dicom_node.certificates import authority
from tests.dicom_node.delivery.bench import Bench
from tests.dicom_node.ledger.records import progress
from tests.system.orthanc import Orthanc, running_orthanc
from tests.system.waiting import run_cli, wait_until
from tests.system.wire_cutter import WireCutter

USER, PASSWORD = "cxr", "s3cret"
#: Bytes of an output, more than fit into the buffers on the way at once.
SIZE = 300_000


def main(folder: Path, scheme: str) -> None:
    keys: dict[str, Any] = {"AuthenticationEnabled": True, "RegisteredUsers": {USER: PASSWORD}}
    # TLS ends before Orthanc, as behind a proxy: Debian's Orthanc 1.10 answered nothing with
    # SslEnabled.
    identity = authority(folder).issue("orthanc") if scheme == "https" else None
    headers = {"Authorization": "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
    with (
        running_orthanc(folder, headers=headers, **keys) as orthanc,
        WireCutter(orthanc.http_port, identity) as cutter,
    ):
        print(json.dumps(_run(folder, scheme, orthanc, cutter)))


def _run(folder: Path, scheme: str, orthanc: Orthanc, cutter: WireCutter) -> dict[str, Any]:
    (folder / "secret").write_text(PASSWORD)
    file = folder / "node.toml"
    file.write_text(
        f"""
        [node]
        state = "."
        [[destination]]
        kind = "dicomweb"
        name = "orthanc"
        outputs = ["SEG", "SR"]
        next_best = false
        verify = "query"
        stow = "{scheme}://127.0.0.1:{cutter.port}/dicom-web/studies"
        auth = "basic"
        user = "{USER}"
        secret_file = "secret"
        {'ca_file = "authority.pem"' if scheme == "https" else ""}
        """
    )
    (destination,) = load(file).destinations
    bench = Bench(folder, padding=SIZE)
    # When the sender dies: as it connects, in the middle of a SEG, before its last bytes, and once
    # all of it has arrived and nothing was answered.
    cuts = [0, SIZE // 2, SIZE, None]
    jobs = []
    for number, cut_after in enumerate(cuts):
        cutter.cut_after, cutter.cut = cut_after, threading.Event()
        jobs.append(bench.build(destination))
        with _sender(file, folder / f"killed-{number}.log") as sender:
            assert cutter.cut.wait(90), "no STOW came by"
            sender.kill()
        cutter.mend()
    with _sender(file, folder / "sender.log"):
        wait_until(
            lambda: all(progress(bench.ledger, job) is Progress.DELIVERED for job in jobs),
            120,
            "all to be verified",
        )
    doctor = run_cli("doctor", "--config", str(file))
    instances = [orthanc.get(f"/instances/{i}/simplified-tags") for i in orthanc.get("/instances")]
    deliveries = [
        delivery
        for job in jobs
        for delivery in bench.ledger.deliveries.of_job(job)
        if delivery.state is not DeliveryState.RESERVE
    ]
    bench.ledger.close()
    return {
        "wanted": sorted(delivery.sop_instance_uid for delivery in deliveries),
        "held": sorted(instance["SOPInstanceUID"] for instance in instances),
        "states": sorted({delivery.state.value for delivery in deliveries}),
        "doctor": [line for line in doctor.stdout.splitlines() if "destination orthanc" in line],
        "logs with the secret": [
            path.name for path in folder.glob("*.log") if PASSWORD in path.read_text()
        ],
    }


@contextmanager
def _sender(config: Path, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "dicom_node", "send", "--config", str(config)]
    with log.open("w") as stderr:
        sender = subprocess.Popen(command, stderr=stderr)
        try:
            yield sender
        finally:
            sender.terminate()
            sender.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
