"""`cxr-node job ID`: all that happened to one job, where its results are, what to do."""

import argparse
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dicom_node.cli.terminal.audited import person_saw
from dicom_node.cli.terminal.options import Commands, add_node, at_least_one, node_config, who

if TYPE_CHECKING:
    from dicom_node.ops.asked.story import Story

#: What `--priority` may ask for, the most urgent first.
PRIORITIES = ("STAT", "ROUTINE", "LOW")


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "job",
        help="what happened to one job, and where its results are",
        description="Show one job, by the number that `jobs`, `find`, `status` and the log give:"
        " its state with the reason and what to do, everything that happened to it with the time"
        " each step took, and each result at each destination with attempts and last answer.",
    )
    add_node(parser)
    parser.add_argument(
        "--priority", type=str.upper, choices=PRIORITIES,
        help="let it, and its results, go before or after others from now on; who asked and when is"
        " an event of it",
    )  # fmt: skip
    parser.add_argument("id", type=at_least_one, metavar="ID", help="number of a job")
    parser.add_argument("--all", action="store_true", help="every event, however many")
    parser.add_argument("--json", action="store_true", help="for machines; with tracebacks")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the job; NodeError where there is none."""
    from dicom_node.ledger import Priority
    from dicom_node.ops.asked.story import Story
    from dicom_node.ops.status import open_existing

    config = node_config(arguments)
    with closing(open_existing(config)) as ledger:
        if arguments.priority:
            ledger.ranking.rank(arguments.id, Priority[arguments.priority], who())
        story = Story.of(config, ledger, arguments.id)
    person_saw(config, who(), [(story.job.study_instance_uid, story.at_a_glance.accession_number)])
    if arguments.json:
        print(json.dumps(_document(story), default=str, indent=2))
    else:
        print("\n".join(_lines(story, whole=arguments.all)))
    return 0


def _lines(story: "Story", *, whole: bool) -> Iterator[str]:
    from dicom_node.ops.asked.archives import archive_lines
    from dicom_node.ops.asked.earlier import earlier_lines
    from dicom_node.ops.asked.following import (
        analysed_line,
        delivery_lines,
        event_lines,
        name,
    )
    from dicom_node.ops.asked.readers import reader_lines
    from dicom_node.ops.remedies import remedy
    from dicom_node.ops.wording import line, moment

    job = story.job
    yield f"job {job.id}: {job.state} since {moment(job.updated_at)}"
    if job.reason:
        yield f"  reason: {line(job.reason)}"
    if story.failure:
        yield f"  to do: {remedy(story.failure)}"
    if asked := story.override:
        yield f"  asked for although refused ({line(asked.refusal)}), as {name(asked.by)} asked"
        yield f"    {moment(asked.at)}: {line(asked.why)}"
    yield f"  accession {name(story.at_a_glance.accession_number) or '-'}"
    yield f"  study     {name(job.study_instance_uid)}"
    yield f"  instance  {name(job.sop_instance_uid)}"
    yield f"  received  {moment(job.received_at)} from {name(job.calling_aet)}, {job.priority.name}"
    if job.is_fetched:
        yield "  fetched   so that others are compared with it; nothing of it is sent"
    if story.findings:
        yield f"  analysed  {analysed_line(story.events, story.findings)}"
    if story.corrections:
        yield "drawn by readers"
        yield from reader_lines(story.corrections, job)
    if story.assessments:
        yield "said by readers"
        for said in story.assessments:
            which = f" (pipeline {said.pipeline[:12]})" if said.pipeline else ""
            note = f": {line(said.note)}" if said.note else ""
            yield f"  {name(said.reader)}, {moment(said.at)}: {said.verdict}{which}{note}"
    if story.progression:
        yield "earlier radiographs"
        yield from earlier_lines(story.progression, story.findings)
    if story.inquiries:
        yield "archives asked for earlier radiographs"
        yield from archive_lines(story.inquiries)
    yield "timeline (UTC)"
    yield from event_lines(story.events, story.deliveries, whole=whole)
    yield "deliveries"
    yield from list(delivery_lines(story.deliveries, story.events, story.outlook)) or ["  none"]


def _document(story: "Story") -> dict[str, Any]:
    from dicom_node.ops.asked.following import delivery_document, event_document, last_times
    from dicom_node.ops.remedies import remedy

    job, at = story.job, last_times(story.events)
    return {
        "id": job.id,
        "state": job.state,
        "since": job.updated_at,
        "reason": job.reason,
        "remedy": remedy(story.failure) if story.failure else None,
        "received_at": job.received_at,
        "priority": job.priority.name,
        "calling_aet": job.calling_aet,
        "accession_number": story.at_a_glance.accession_number,
        "findings": asdict(story.findings) if story.findings else None,
        "override": asdict(story.override) if story.override else None,
        "corrections": [asdict(one) for one in story.corrections],
        "assessments": [asdict(one) for one in story.assessments],
        "earlier_radiographs": asdict(story.progression) if story.progression else None,
        "archives_asked": [asdict(one) for one in story.inquiries],
        "is_fetched": job.is_fetched,
        "sop_instance_uid": job.sop_instance_uid,
        "study_instance_uid": job.study_instance_uid,
        "attempts": job.attempts,
        "events": [event_document(event) for event in story.events],
        "deliveries": [
            delivery_document(one, at.get(one.id), story.outlook) for one in story.deliveries
        ],
    }
