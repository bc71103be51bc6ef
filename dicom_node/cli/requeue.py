"""`cxr-node requeue`: a way back for what ended without a result, or was refused somewhere."""

import argparse
from contextlib import closing
from typing import TYPE_CHECKING

from dicom_node.cli.options import Commands, add_node, node_config, parse_time, who
from dicom_node.errors import UsageError

if TYPE_CHECKING:
    from dicom_node.ledger import Candidate, Ledger, Selection

#: What `--outcome` may ask for; `--state` is the node's folder in every command.
STATES = ("FAILED", "SKIPPED", "REFUSED")


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "requeue",
        help="let begin again what failed, was skipped or was refused",
        description="Let images that FAILED or were SKIPPED be analysed again, by today's networks,"
        " and let what a destination refused be sent again. All conditions given must be met. An"
        " image that was rejected only where --job or --sop-instance-uid names it. Who asked and"
        " when is kept in the ledger. The last line says how many; exit code 0 if there were any, 1"
        " if none, 2 if it cannot be understood.",
    )
    add_node(parser)
    parser.add_argument(
        "--job", type=int, action="append", default=[], metavar="ID", help="a job, by its id"
    )
    parser.add_argument(
        "--sop-instance-uid", action="append", default=[], metavar="UID", help="of an image"
    )
    parser.add_argument(
        "--study", action="append", default=[], metavar="UID", help="images of a study"
    )
    parser.add_argument(
        "--outcome", dest="states", action="append", default=[], choices=STATES,
        help="FAILED and SKIPPED: analysed again; REFUSED: what a destination refused is sent again"
        " (default: each of them)",
    )  # fmt: skip
    parser.add_argument(
        "--since", type=parse_time, metavar="TIME",
        help="only what ended since: 2026-11-27T08:00, or 90m, 2h, 3d ago",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="say which, and change nothing")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Let what is asked for begin again; 0, or 1 where there is nothing that can."""
    from dicom_node.cli.node.parts import pipeline_of
    from dicom_node.ops.status import open_existing

    selection, config = _selection(arguments), node_config(arguments)
    with closing(open_existing(config)) as ledger:
        found = ledger.requeue.candidates(selection)
        for one in found:
            what = "send again what was refused" if one.is_built else "analyse again"
            print(f"{one.job_id} {one.sop_instance_uid} {one.state}: {what} ({one.reason})")
        if arguments.dry_run:
            print(f"would requeue {len(found)} jobs")
        else:
            print(_begin_again(ledger, found, pipeline_of(config)))
    return 0 if found else 1


def _begin_again(ledger: "Ledger", found: "list[Candidate]", pipeline: str) -> str:
    """Do it; one line that says what was done."""
    again = ledger.requeue.repeat(
        [one.job_id for one in found if not one.is_built], pipeline, who()
    )
    sent = ledger.repairs.redeliver([one.job_id for one in found if one.is_built])
    left = sum(not one.is_built for one in found) - len(again)
    said = f"requeued {len(again)} jobs and {sent} deliveries"
    if left:
        said += f"; left out {left} whose image has a job of today's pipeline"
    return said


def _selection(arguments: argparse.Namespace) -> "Selection":
    # Here, so that `--help` of other commands does not pay for the ledger.
    from dicom_node.ledger import Selection

    asked = (arguments.job, arguments.sop_instance_uid, arguments.study, arguments.states)
    if not any(asked) and arguments.since is None:
        raise UsageError(
            "say what to requeue: --job, --sop-instance-uid, --study, --outcome, --since"
        )
    return Selection(
        job_ids=arguments.job,
        sop_instance_uids=arguments.sop_instance_uid,
        study_instance_uids=arguments.study,
        states=arguments.states or STATES,
        since=arguments.since,
    )
