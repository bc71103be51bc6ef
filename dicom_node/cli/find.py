"""`cxr-node find TEXT`: where is this patient's, this order's, this image's result?"""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dicom_node.cli.terminal.audited import person_saw
from dicom_node.cli.terminal.options import Commands, add_node, node_config, who
from dicom_node.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from dicom_node.config import Config
    from dicom_node.ledger import Delivery, Entry, FindingsRecord, JobLine, Ledger, Purged
    from dicom_node.ops.outlook import Outlook

#: Jobs shown, the newest first: a patient has some dozens of radiographs.
LIMIT = 50

DESCRIPTION = """\
Find what was received under an accession number, a Patient ID or any UID (study, series, instance;
of an image or of a result), and where its results are: received, analysed with its decision, each
result at each destination with state, time and reason. Of what was purged the UIDs of image and
study are known, and when it was received, delivered, verified and purged. Exit code 0, or 1 where
there is nothing.

The ledger holds no Patient ID but keyed hashes of it, with its issuer and without: TEXT is hashed
with this node's key and compared, and neither printed nor logged. `-` reads TEXT from standard
input, so that it is in no shell's history.
"""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "find",
        help="where an image's results are, by accession number, Patient ID or UID",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
    )
    add_node(parser)
    parser.add_argument("text", metavar="TEXT", help="accession number, Patient ID or UID; or -")
    parser.add_argument(
        "--issuer", default="", metavar="TEXT",
        help="Issuer of Patient ID, where several give out the same",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what was found; 1 where there is nothing."""
    from dicom_node.ledger import Filter
    from dicom_node.ops.status import open_existing

    config = node_config(arguments)
    text = (sys.stdin.readline() if arguments.text == "-" else arguments.text).strip()
    if not text:
        raise UsageError("say what to find: an accession number, a Patient ID or a UID")
    with closing(open_existing(config)) as ledger:
        ids = ledger.lookups.meant_by(text, _patient_hash(config, text, arguments.issuer))
        lines = ledger.lookups.jobs(Filter(ids=ids), LIMIT) if ids else []
        found = [_follow(config, ledger, line) for line in lines]
        gone = ledger.pruning.purged([text], [text])
    person_saw(config, who(), [(one.study_instance_uid, one.accession_number) for one in lines])
    if arguments.json:
        documents = [*map(_document, found), *(asdict(one) | {"state": "PURGED"} for one in gone)]
        print(json.dumps(documents, default=str, indent=2))
    else:
        said = [line for one in found for line in _lines(one)]
        said += [line for one in gone for line in _lines_of_purged(one)]
        print("\n".join(said) or "nothing was found")
    if len(ids) > LIMIT:
        print(f"the newest {LIMIT} of {len(ids)}; cxr-node jobs --accession lists more")
    return 0 if found or gone else 1


@dataclass(frozen=True, slots=True)
class _Found:
    """One job and what became of it."""

    job: "JobLine"
    calling_aet: str
    findings: "FindingsRecord | None"
    events: "list[Entry]"
    deliveries: "list[Delivery]"
    outlook: "Outlook"


def _follow(config: "Config", ledger: "Ledger", line: "JobLine") -> _Found:
    from dicom_node.ops.outlook import Outlook

    job, deliveries = ledger.jobs.get(line.id), ledger.deliveries.of_job(line.id)
    return _Found(
        line,
        job.calling_aet if job else "",
        ledger.findings.of_job(line.id),
        ledger.reports.events(line.id),
        deliveries,
        Outlook.of(config, ledger, deliveries),
    )


def _patient_hash(config: "Config", patient_id: str, issuer: str) -> str:
    """As the listener made it; "" where it has received nothing yet."""
    from dicom_node.errors import SpoolUnavailable
    from dicom_node.patients import Patients
    from dicom_node.spool import Spool

    # A spool that is not there has no key, and looking for one is no reason to make it.
    if not config.spool_folder.is_dir():
        return ""
    try:
        return Patients.of(Spool(config.spool_folder)).hash(patient_id, issuer)
    except SpoolUnavailable as exc:
        print(f"Patient IDs cannot be looked for: {exc}", file=sys.stderr)
        return ""


def _lines(found: _Found) -> Iterator[str]:
    from dicom_node.ops.asked.following import (
        analysed_line,
        delivery_lines,
        name,
        state_line,
    )
    from dicom_node.ops.wording import line, moment

    job = found.job
    yield f"job {job.id}: {state_line(job)}"
    yield f"  accession {name(job.accession_number) or '-'}"
    yield f"  study     {name(job.study_instance_uid)}"
    yield f"  instance  {name(job.sop_instance_uid)}"
    sender = name(found.calling_aet)
    yield f"  received  {moment(job.received_at)} from {sender}, {job.priority.name}"
    if found.findings:
        yield f"  analysed  {analysed_line(found.events, found.findings)}"
    if job.reason:
        yield f"  reason    {line(job.reason)}"
    sent = list(delivery_lines(found.deliveries, found.events, found.outlook))
    yield from sent or [f"  {_why_none(job)}"]
    yield f"  more: cxr-node job {job.id}"


def _lines_of_purged(gone: "Purged") -> Iterator[str]:
    from dicom_node.ops.asked.following import name
    from dicom_node.ops.wording import moment

    def at(when: "datetime | None") -> str:
        return moment(when) if when else "-"

    yield f"purged on {moment(gone.at)}: its results are where they were delivered"
    yield f"  study     {name(gone.study_instance_uid or '-')}"
    yield f"  instance  {name(gone.sop_instance_uid)}"
    yield f"  received  {at(gone.received_at)}"
    yield f"  delivered {at(gone.delivered_at)}, verified {at(gone.verified_at)}"


def _why_none(job: "JobLine") -> str:
    """Why there is no line of a delivery."""
    from dicom_node.ledger import JobState

    if job.state is JobState.RECEIVED:
        return f"not analysed yet: waits for a worker (cxr-node status){_sooner(job)}"
    if job.state is JobState.ANALYZING:
        return "not analysed yet: a worker is at work on it"
    return "no result is meant for a destination"


def _sooner(job: "JobLine") -> str:
    from dicom_node.ledger import Priority

    if job.priority is Priority.STAT:
        return ""
    return f"; cxr-node job {job.id} --priority STAT lets it go first"


def _document(found: _Found) -> dict[str, Any]:
    from dicom_node.ops.asked.following import analysed_at, delivery_document, last_times

    at = last_times(found.events)
    return asdict(found.job) | {
        "priority": found.job.priority.name,
        "calling_aet": found.calling_aet,
        "analysed_at": analysed_at(found.events),
        "findings": asdict(found.findings) if found.findings else None,
        "deliveries": [
            delivery_document(one, at.get(one.id), found.outlook) for one in found.deliveries
        ],
    }
