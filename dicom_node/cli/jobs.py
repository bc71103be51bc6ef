"""`cxr-node jobs`: what came and how it stands, the newest first, a line for each."""

import argparse
import json
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

from dicom_node.cli.terminal.options import (
    Commands,
    add_node,
    at_least_one,
    node_config,
    parse_time,
)
from dicom_node.errors import UsageError

if TYPE_CHECKING:
    from dicom_node.ledger import JobLine

LIMIT = 50

DESCRIPTION = """\
List jobs, one line each: number, when it came, state, priority, accession number, SOP Instance UID,
decision, results by the state of their delivery, reason. All conditions given must be met.
`cxr-node job NUMBER` says more of one. Exit code 0, or 1 where there is none.
"""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "jobs",
        help="what came and how it stands, the newest first",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
    )
    add_node(parser, has_states=True)
    parser.add_argument(
        "--state", dest="states", action="append", default=[], type=str.upper, metavar="STATE",
        help="RECEIVED, ANALYZING, BUILT, SKIPPED or FAILED; WAITING: a result is on its way;"
        " REFUSED: one was refused, given up or lost; SENT: one is to be verified; UNVERIFIED: one"
        " was not; may be repeated",
    )  # fmt: skip
    for option, metavar, what in (
        ("--accession", "NUMBER", "of this accession number; may be repeated"),
        ("--study", "UID", "of this study; may be repeated"),
    ):
        parser.add_argument(option, action="append", default=[], metavar=metavar, help=what)
    parser.add_argument(
        "--since", type=parse_time, metavar="TIME",
        help="only what came since: 2026-11-27T08:00 (UTC), or 90m, 2h, 3d ago",
    )  # fmt: skip
    parser.add_argument(
        "--limit", type=at_least_one, default=LIMIT, metavar="N", help=f"default {LIMIT}"
    )
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the jobs that are meant; 1 where there is none."""
    from dicom_node.ledger import JOB_STATES, Filter
    from dicom_node.ops.status import open_existing

    if unknown := [state for state in arguments.states if state not in JOB_STATES]:
        raise UsageError(f"--state {unknown[0]}: there are {', '.join(JOB_STATES)}")
    asked = Filter(
        states=arguments.states,
        accession_numbers=arguments.accession,
        study_instance_uids=arguments.study,
        since=arguments.since,
    )
    with closing(open_existing(node_config(arguments))) as ledger:
        found = ledger.lookups.jobs(asked, arguments.limit)
    if arguments.json:
        said = [asdict(job) | {"priority": job.priority.name} for job in found]
        print(json.dumps(said, default=str, indent=2))
    else:
        print("\n".join(map(_line, found)) or "none")
    return 0 if found else 1


def _line(job: "JobLine") -> str:
    from dicom_node.ops.asked.following import name
    from dicom_node.ops.standing import deliveries_by_state
    from dicom_node.ops.wording import line, moment

    said = [str(job.id), moment(job.received_at), job.state, job.priority.name]
    said += [name(job.accession_number) or "-", name(job.sop_instance_uid), job.decision or "-"]
    said += filter(None, [deliveries_by_state(job.deliveries)])
    return "  ".join(said) + (f"  ({line(job.reason)})" if job.reason else "")
