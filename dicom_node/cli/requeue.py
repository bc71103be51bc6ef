"""`cxr-node requeue`: a way back for what ended without a result, or was refused somewhere."""

import argparse
import sys
from collections.abc import Collection, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from dicom_node.cli.terminal.audited import person_did
from dicom_node.cli.terminal.options import (
    Commands,
    add_node,
    at_least_one,
    node_config,
    parse_time,
    who,
)
from dicom_node.errors import UsageError

if TYPE_CHECKING:
    from dicom_node.config import Config
    from dicom_node.ledger import Candidate, JobLine, Ledger, Selection

#: What `--state` may ask for.
STATES = ("FAILED", "SKIPPED", "REFUSED", "UNVERIFIED", "DELIVERED", "WITHDRAWN", "HELD")

DELIVERED = "DELIVERED"
#: Jobs that are named and cannot begin again, of which it is said why.
WHY_NOT_LIMIT = 50

DESCRIPTION = """\
Let images that FAILED or were SKIPPED be analysed again, by today's networks, and let what a
destination REFUSED, or has not confirmed to keep, be sent again. All conditions given must be met;
without any nothing is done. An image that was rejected only where --job or --sop-instance-uid names
it. At a terminal it shows which and asks before it begins more than one. What was delivered is sent
again only for --state DELIVERED, where an archive has lost it: the same objects under the same
UIDs, unless they were purged. Of what is named and does not begin again it says why. Who asked and
when is an event of each job.

With --anyway, one image that was SKIPPED for what its header says (not the chest, not a frontal
view, ...) is analysed all the same: its results say so, and decide nothing.
"""
EXIT_CODES = """\
The last line says how many.

exit codes:
  0    there were any
  1    there were none, or nobody said yes
  2    it cannot be understood
"""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "requeue",
        help="let begin again what failed, was skipped or was refused",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
        epilog=EXIT_CODES,
    )
    add_node(parser, has_states=True)
    which = parser.add_argument_group("which; each may be repeated")
    for option, metavar, what in (
        ("--sop-instance-uid", "UID", "of an image"),
        ("--study", "UID", "images of a study"),
        ("--accession", "NUMBER", "images of an accession number"),
    ):
        which.add_argument(option, action="append", default=[], metavar=metavar, help=what)
    which.add_argument(
        "--job", type=at_least_one, action="append", default=[], metavar="ID", help="a job"
    )
    which.add_argument(
        "--state", dest="states", action="append", default=[], type=str.upper, choices=STATES,
        help="FAILED and SKIPPED: analysed again; REFUSED: what a destination refused, or what was"
        " given up or lost, is sent again; UNVERIFIED: so is what it did not confirm to keep"
        " (default: each of these); DELIVERED: what it has; WITHDRAWN: what was withdrawn when the"
        " destination was forgotten; HELD: what was built while it was silent",
    )  # fmt: skip
    which.add_argument(
        "--since", type=parse_time, metavar="TIME",
        help="only what ended since: 2026-11-27T08:00 (UTC), or 90m, 2h, 3d ago",
    )  # fmt: skip
    which.add_argument(
        "--until", type=parse_time, metavar="TIME", help="only what ended before that"
    )
    which.add_argument(
        "--destination", dest="destinations", action="append", default=[], metavar="NAME",
        help="only what is sent there again; nothing is analysed then",
    )  # fmt: skip
    which.add_argument(
        "--limit", type=at_least_one, metavar="N", help="at most N, the oldest: to try one first"
    )
    parser.add_argument(
        "--anyway", metavar="WHY",
        help="analyse the one image that --job or --sop-instance-uid names although it was refused;"
        " why is kept with it: no names",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="say which, and change nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Let what is asked for begin again; 0, or 1 where there is nothing that can."""
    from dicom_node.cli.node.opening import pipeline_of
    from dicom_node.ops.asked.requeueing import begin_again, would_begin
    from dicom_node.ops.status import open_existing

    selection, config = _selection(arguments), node_config(arguments)
    if arguments.anyway is not None:
        return _analyse_anyway(arguments, selection, config)
    _assert_may_leave(config, selection)
    with closing(open_existing(config)) as ledger:
        can = ledger.requeue.candidates(selection)
        found = can[: arguments.limit]
        said = [*map(_line, found), *_why_not(ledger, selection, {one.job_id for one in can})]
        print("\n".join(said), end="\n" if said else "")
        if arguments.dry_run:
            print(would_begin(ledger, found, selection).planned)
        elif (
            len(found) > 1
            and not arguments.yes
            and not _is_wanted(f"requeue these {len(found)} jobs?")
        ):
            print("nothing was changed")
            return 1
        else:
            print(begin_again(ledger, found, selection, pipeline_of(config), who()).words)
            jobs = ", ".join(str(one.job_id) for one in found)
            person_did(config, who(), f"requeued the jobs {jobs or 'of none'}")
    return 0 if found else 1


def _analyse_anyway(arguments: argparse.Namespace, selection: "Selection", config: "Config") -> int:
    """What was refused, all the same."""
    from dicom_node.cli.node.opening import pipeline_of
    from dicom_node.ops.asked.override import analyse_anyway, reason_of, why_not
    from dicom_node.ops.status import open_existing
    from dicom_node.ops.wording import line

    why = reason_of(arguments.anyway)
    if not selection.is_by_name or arguments.states or selection.destinations:
        raise UsageError("--anyway goes with --job or --sop-instance-uid alone: look at the image")
    with closing(open_existing(config)) as ledger:
        named = ledger.requeue.named(selection)
        can = [job_id for job_id in named if ledger.requeue.can_override(job_id)]
        if len(can) > 1:
            raise UsageError(f"--anyway is for one image at a time: these are {len(can)}")
        if not can:
            for job_id in named:
                print(line(why_not(ledger, job_id)))
            print("no such job here: cxr-node jobs lists them" if not named else "nothing to do")
            return 1
        (job,) = filter(None, map(ledger.jobs.get, can))
        print(f"{job.id} {line(job.sop_instance_uid)} refused: {line(job.reason or '')}")
        print("its results will say so, and decide nothing: the verdict is undetermined")
        if arguments.dry_run:
            print(f"would analyse job {job.id} anyway")
            return 0
        if not arguments.yes and not _is_wanted("analyse it anyway?"):
            print("nothing was changed")
            return 1
        print(analyse_anyway(ledger, job.id, pipeline_of(config), who(), why))
    person_did(config, who(), f"had job {job.id} analysed although refused ({job.reason}): {why}")
    return 0


def _assert_may_leave(config: "Config", selection: "Selection") -> None:
    """What is held for who is silent would only be held again."""
    from dicom_node.ledger import HELD

    silent = {to.name for to in config.destinations if to.silent}
    if (meant := silent & set(selection.destinations or silent)) and HELD in selection.states:
        raise UsageError(
            f"{', '.join(sorted(meant))}: silent, nothing is sent there; end that first"
            " (silent under [node] or [[destination]], then a restart), or say --destination"
        )


def _line(one: "Candidate") -> str:
    from dicom_node.ops.asked.following import name
    from dicom_node.ops.wording import line

    what = "send again" if one.is_built else "analyse again"
    why = f" ({line(one.reason)})" if one.reason else ""
    return f"{one.job_id} {name(one.sop_instance_uid)} {one.state}: {what}{why}"


def _why_not(ledger: "Ledger", selection: "Selection", can: Collection[int]) -> Iterator[str]:
    """Why a job that is meant by name does not begin again, a line for each."""
    from dicom_node.ledger import Filter
    from dicom_node.ops.wording import line, moment, numbered

    if selection.has_time and DELIVERED in selection.states:
        count = ledger.pruning.count_purged(selection.since, selection.until)
        if count:
            yield f"of {numbered(count, 'image', 'images')} delivered then, the results were purged"
    if not selection.is_of_some:
        return
    named = ledger.requeue.named(selection)
    for gone in ledger.pruning.purged(selection.sop_instance_uids, selection.study_instance_uids)[
        :WHY_NOT_LIMIT
    ]:
        yield (
            f"{line(gone.sop_instance_uid)}: its results were purged {moment(gone.at)}; send the"
            " image again, then requeue it"
        )
    if not named:
        yield "no such job here: cxr-node jobs lists them"
    ids = [job_id for job_id in named if job_id not in can]
    for job in ledger.lookups.jobs(Filter(ids=ids), WHY_NOT_LIMIT) if ids else ():
        yield f"job {job.id}: {_why_it_stays(job, selection)}"


def _why_it_stays(job: "JobLine", selection: "Selection") -> str:
    from dicom_node.ledger import HELD, REFUSED, UNVERIFIED, WITHDRAWN, Progress
    from dicom_node.ops.asked.following import state_line
    from dicom_node.ops.wording import line

    said = state_line(job)
    if job.state == "RECEIVED":
        return f"{said}: it waits for a worker already"
    if job.state == "ANALYZING":
        return f"{said}: a worker is at work on it"
    # What was built and was not refused is not to begin again, whatever was asked.
    if job.progress not in (None, Progress.INCOMPLETE, Progress.UNVERIFIED):
        states = {Progress.DELIVERED: DELIVERED, Progress.SENT: DELIVERED,
                  Progress.WITHDRAWN: WITHDRAWN, Progress.HELD: HELD}  # fmt: skip
        by_state = states.get(job.progress) if job.progress else None
        if by_state and by_state not in selection.states:
            return f"{said}: nothing to send again, but for --state {by_state}"
        return f"{said}: nothing to send again"
    by_progress = {Progress.INCOMPLETE: REFUSED, Progress.UNVERIFIED: UNVERIFIED}
    asked_for = by_progress[job.progress] if job.progress else job.state
    if asked_for not in selection.states or selection.has_time or selection.destinations:
        return f"{said}: not what --state, --since, --until and --destination ask for"
    return f"{said} ({line(job.reason or '')}): only --job or --sop-instance-uid begins it again"


def _is_wanted(question: str) -> bool:
    """Asked where somebody can answer; a script has said what it wants by its conditions."""
    if not sys.stdin.isatty():
        return True
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _selection(arguments: argparse.Namespace) -> "Selection":
    # Here, so that `--help` of other commands does not pay for the ledger.
    from dicom_node.ledger import USUAL, Selection

    named = (arguments.job, arguments.sop_instance_uid, arguments.study, arguments.accession)
    times = arguments.since, arguments.until
    if not any((*named, arguments.states, arguments.destinations)) and times == (None, None):
        raise UsageError(
            "say what to requeue: --job, --sop-instance-uid, --study, --accession, --state,"
            " --destination, --since, --until"
        )
    return Selection(
        job_ids=arguments.job,
        sop_instance_uids=arguments.sop_instance_uid,
        study_instance_uids=arguments.study,
        accession_numbers=arguments.accession,
        states=arguments.states or USUAL,
        since=arguments.since,
        until=arguments.until,
        destinations=arguments.destinations,
    )
