"""`cxr-node job ID`: all that happened to one job, where its results are, what to do."""

import argparse
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dicom_node.cli.terminal.options import Commands, add_node, at_least_one, node_config
from dicom_node.errors import NodeError

if TYPE_CHECKING:
    from dicom_node.config import Config
    from dicom_node.ledger import Delivery, Entry, Failure, FindingsRecord, Job, Ledger
    from dicom_node.ops.outlook import Outlook


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "job",
        help="what happened to one job, and where its results are",
        description="Show one job, by the number that `jobs`, `find`, `status` and the log give:"
        " its state with the reason and what to do, everything that happened to it with the time"
        " each step took, and each result at each destination with attempts and last answer.",
    )
    add_node(parser)
    parser.add_argument("id", type=at_least_one, metavar="ID", help="number of a job")
    parser.add_argument("--all", action="store_true", help="every event, however many")
    parser.add_argument("--json", action="store_true", help="for machines; with tracebacks")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the job; NodeError where there is none."""
    from dicom_node.ops.status import open_existing

    config = node_config(arguments)
    with closing(open_existing(config)) as ledger:
        story = _read(config, ledger, arguments.id)
    if arguments.json:
        print(json.dumps(_document(story), default=str, indent=2))
    else:
        print("\n".join(_lines(story, whole=arguments.all)))
    return 0


@dataclass(frozen=True, slots=True)
class _Story:
    """What the ledger knows of one job."""

    job: "Job"
    failure: "Failure | None"  #: None: it has not FAILED
    events: "list[Entry]"
    deliveries: "list[Delivery]"
    accession_number: str  #: "" where the header does not say
    findings: "FindingsRecord | None"  #: None: not analysed
    outlook: "Outlook"


def _read(config: "Config", ledger: "Ledger", job_id: int) -> _Story:
    from dicom_node.ledger import Filter
    from dicom_node.ops.outlook import Outlook

    job = ledger.jobs.get(job_id)
    if job is None:
        raise NodeError(f"no job {job_id} here: cxr-node jobs lists them")
    (at_a_glance,) = ledger.lookups.jobs(Filter(ids=[job_id]), 1)
    deliveries = ledger.deliveries.of_job(job_id)
    return _Story(
        job,
        ledger.reports.failure(job_id),
        ledger.reports.events(job_id),
        deliveries,
        at_a_glance.accession_number,
        ledger.findings.of_job(job_id),
        Outlook.of(config, ledger, deliveries),
    )


def _lines(story: _Story, *, whole: bool) -> Iterator[str]:
    from dicom_node.cli.terminal.following import (
        analysed_line,
        delivery_lines,
        event_lines,
        name,
    )
    from dicom_node.ops.remedies import remedy
    from dicom_node.ops.wording import line, moment

    job = story.job
    yield f"job {job.id}: {job.state} since {moment(job.updated_at)}"
    if job.reason:
        yield f"  reason: {line(job.reason)}"
    if story.failure:
        yield f"  to do: {remedy(story.failure)}"
    yield f"  accession {name(story.accession_number) or '-'}"
    yield f"  study     {name(job.study_instance_uid)}"
    yield f"  instance  {name(job.sop_instance_uid)}"
    yield f"  received  {moment(job.received_at)} from {name(job.calling_aet)}"
    if story.findings:
        yield f"  analysed  {analysed_line(story.events, story.findings)}"
    yield "timeline (UTC)"
    yield from event_lines(story.events, story.deliveries, whole=whole)
    yield "deliveries"
    yield from list(delivery_lines(story.deliveries, story.events, story.outlook)) or ["  none"]


def _document(story: _Story) -> dict[str, Any]:
    from dicom_node.cli.terminal.following import delivery_document, event_document, last_times
    from dicom_node.ops.remedies import remedy

    job, at = story.job, last_times(story.events)
    return {
        "id": job.id,
        "state": job.state,
        "since": job.updated_at,
        "reason": job.reason,
        "remedy": remedy(story.failure) if story.failure else None,
        "received_at": job.received_at,
        "calling_aet": job.calling_aet,
        "accession_number": story.accession_number,
        "findings": asdict(story.findings) if story.findings else None,
        "sop_instance_uid": job.sop_instance_uid,
        "study_instance_uid": job.study_instance_uid,
        "attempts": job.attempts,
        "events": [event_document(event) for event in story.events],
        "deliveries": [
            delivery_document(one, at.get(one.id), story.outlook) for one in story.deliveries
        ],
    }
