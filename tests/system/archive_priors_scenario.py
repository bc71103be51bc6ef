"""Run by test_archive_priors in a network of its own: Orthanc holds what came before a radiograph.

Prints what happened as one JSON object.
"""

import json
import os
import signal
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.uid import Comprehensive3DSRStorage, RLELossless

from dicom_node.config import parse
from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode, free_port
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.ledger import InquiryState, JobState, Ledger
from tests.dicom_node.rejecting import predecessors, referenced
from tests.phantoms import draw
from tests.system.orthanc import Orthanc, running_orthanc
from tests.system.waiting import run_cli, wait_until

KEYS = """
[node]
state = "state"
[priors]
days = 30
ask = ["orthanc"]
[audit]
file = "audit.xml"
[[destination]]
name = "orthanc"
preset = "ohif"
"""
ADDRESS = {
    "move": 'aet = "ORTHANC"\nhost = "127.0.0.1"\nport = {orthanc.dicom_port}\nretrieve = "move"\n',
    "dicom": 'aet = "ORTHANC"\nhost = "127.0.0.1"\nport = {orthanc.dicom_port}\n',
    "dicomweb": 'kind = "dicomweb"\n'
    'stow = "http://127.0.0.1:{orthanc.http_port}/dicom-web/studies"\n',
}


def visit(day: int, kind: Kind, **overrides: object) -> Dataset:
    """On a day of March 2026, of one patient."""
    date = f"202603{day:02d}"
    dates = dict.fromkeys(("StudyDate", "SeriesDate", "ContentDate", "AcquisitionDate"), date)
    keys: dict[str, Any] = {"IssuerOfPatientID": "HOSPITAL"} | dates | overrides
    return as_dicom(draw(kind, rows=382, columns=318, seed=4), **keys)


def before() -> dict[str, Dataset]:
    """What the archive has of that Patient ID."""
    return {
        "too old": visit(1, Kind.LEFT_OPACITY, StudyDate="20260101", AcquisitionDate="20260101"),
        "first": visit(2, Kind.HEALTHY),
        "second": visit(9, Kind.LEFT_OPACITY),
        "stranger": visit(11, Kind.HEALTHY, PatientBirthDate="19010203"),
        "another issuer's": visit(12, Kind.HEALTHY, IssuerOfPatientID="ELSEWHERE"),
        "lateral": visit(13, Kind.HEALTHY, ViewPosition="LL"),
        "hand": visit(14, Kind.HEALTHY, BodyPartExamined="HAND", AnatomicRegionSequence=None),
        "somebody's": visit(15, Kind.HEALTHY, PatientID="ANOTHER"),
        "later": visit(29, Kind.HEALTHY),
    }


def main(folder: Path, kind: str) -> None:
    port = free_port()
    # What it moves goes to an address of its own, where the node listens while it asks.
    known = {"node": ["CXRNODE", "127.0.0.1", port], "inbox": ["CXRPRIORS", "127.0.0.1", 11113]}
    with running_orthanc(folder, DicomModalities=known) as orthanc:
        print(json.dumps(_run(folder, kind, orthanc, port)))


def _run(folder: Path, kind: str, orthanc: Orthanc, port: int) -> dict[str, Any]:
    config = folder / "node.toml"
    config.write_text(KEYS + ADDRESS[kind].format(orthanc=orthanc), "utf-8")
    held, now = before(), visit(20, Kind.RIGHT_OPACITY)
    held["second"].compress(RLELossless, generate_instance_uid=False)
    send(held.values(), "127.0.0.1", orthanc.dicom_port, called_aet="ORTHANC")
    with RunningNode(folder / "state", config_file=config, port=port) as node:
        ledger = Ledger.open(parse({"node": {"state": folder / "state"}}).ledger_url)
        send([now], "127.0.0.1", node.port)
        wait_until(lambda: _reports(orthanc, now) != [], 120, "the first report")
        (first,) = _reports(orthanc, now)[:1]
        # Of what is fetched: whoever has it in hand is killed, and so is who asks.
        uids = [held["first"].SOPInstanceUID, held["second"].SOPInstanceUID]
        wait_until(lambda: any(map(ledger.jobs.of_instance, uids)), 120, "one to be fetched")
        for part in ("work", "send"):
            os.kill(node.pid_of(part), signal.SIGKILL)
        (job,) = ledger.jobs.of_instance(now.SOPInstanceUID)
        wait_until(lambda: _is_closed(ledger, job.id), 240, "the inquiry to be closed")
        wait_until(lambda: len(_reports(orthanc, now)) >= 2, 120, "a new report")
        wait_until(lambda: _is_quiet(ledger), 120, "all to be delivered")
    reports = _reports(orthanc, now)
    document = json.loads(run_cli("job", str(job.id), "--json", "--config", str(config)).stdout)
    lines = run_cli("job", str(job.id), "--config", str(config)).stdout
    inquiry = ledger.inquiries.of_job(job.id)[0]
    jobs = {name: ledger.jobs.of_instance(one.SOPInstanceUID) for name, one in held.items()}
    return {
        "first report compares": sorted(referenced(first, "PertinentOtherEvidenceSequence"))
        if "PertinentOtherEvidenceSequence" in first
        else [],
        "reports": len(reports),
        "predecessors": sorted(predecessors(reports[-1])),
        "first report": first.SOPInstanceUID,
        "compares": sorted(referenced(reports[-1], "PertinentOtherEvidenceSequence")),
        "fetched": sorted(uids),
        "jobs": {
            name: [[one.state, one.priority.name, one.is_fetched] for one in its]
            for name, its in jobs.items()
        },
        "sent of them": [
            one.sop_instance_uid
            for its in jobs.values()
            for job_ in its
            for one in ledger.deliveries.of_job(job_.id)
        ],
        "in their studies": sum(len(_held(orthanc, one)) for one in held.values()),
        "told": document["earlier_radiographs"],
        "lines": lines,
        "became": {
            name: [s.became for s in inquiry.shown if s.sop_instance_uid == one.SOPInstanceUID]
            for name, one in held.items()
        },
        "attempts": inquiry.attempts,
        "syntaxes": [jobs[name][0].transfer_syntax_uid for name in ("first", "second")],
        "said of whom": _said(str(now.PatientID), "".join(node.log), folder / "state"),
        "audited": (folder / "audit.xml").read_text("utf-8").count('csd-code="110112"'),
    }


def _said(patient_id: str, log: str, state: Path) -> list[str]:
    """Where the Patient ID stands, of what is to have none."""
    found = ["log"] if patient_id in log else []
    ledger = (state / "ledger.sqlite").read_bytes() + b"".join(
        path.read_bytes() for path in state.glob("ledger.sqlite-wal")
    )
    return [*found, *(["ledger"] if patient_id.encode() in ledger else [])]


def _is_closed(ledger: Ledger, job_id: int) -> bool:
    found = ledger.inquiries.of_job(job_id)
    return bool(found) and found[0].state is InquiryState.CLOSED


def _is_quiet(ledger: Ledger) -> bool:
    jobs = (ledger.jobs.get(number) for number in range(1, 20))
    return all(one is None or one.state in (JobState.BUILT, JobState.SKIPPED) for one in jobs) and (
        not ledger.reports.deliveries_waiting()
    )


def _held(orthanc: Orthanc, image: Dataset) -> list[str]:
    found = [orthanc.get(f"/instances/{one}/simplified-tags") for one in orthanc.get("/instances")]
    return [
        one["SOPInstanceUID"] for one in found if one["StudyInstanceUID"] == image.StudyInstanceUID
    ]


def _reports(orthanc: Orthanc, image: Dataset) -> list[Dataset]:
    """Structured Reports in the image's study, in the order they came."""
    found: list[Dataset] = []
    for one in orthanc.get("/changes?limit=1000")["Changes"]:
        if one["ChangeType"] == "NewInstance":
            dataset = dcmread(BytesIO(orthanc.read(f"/instances/{one['ID']}/file")))
            is_report = dataset.SOPClassUID == Comprehensive3DSRStorage
            if is_report and dataset.StudyInstanceUID == image.StudyInstanceUID:
                found.append(dataset)
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
