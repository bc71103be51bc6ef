"""`cxr-node destinations`: how each stands, and what a person does about one."""

import argparse
import logging
from contextlib import closing

from dicom_node.cli.terminal.audited import person_did
from dicom_node.cli.terminal.options import (
    Commands,
    add_node,
    node_config,
    parse_duration,
    parse_moment,
    who,
)
from dicom_node.errors import UsageError


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "destinations",
        help="how each destination stands; pause, resume, try, move or forget one",
        description="List every destination: whether it is reached, rests after failures or is"
        " paused, what waits there, its last delivery and its last error. Results wait under the"
        " name their destination had when they were built: after a new name nothing sends them."
        " All actions can be done while the node runs, on any of its hosts; what was delivered"
        " stays as it is, and the ledger keeps who did it. Times are UTC.",
    )
    add_node(parser)
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(command=show)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    pause = _add_action(
        actions, "pause", "send nothing to NAME until it is resumed",
        "Send nothing to the destination NAME. Results are built, and wait. What is just being"
        " sent is finished.",
    )  # fmt: skip
    pause.add_argument("name", metavar="NAME")
    pause.add_argument("--why", default="", metavar="TEXT", help="for whoever looks")
    end = pause.add_mutually_exclusive_group()
    end.add_argument(
        "--until", type=parse_moment, default=None, metavar="TIME",
        help="2026-11-27T08:00, UTC where no zone is said",
    )  # fmt: skip
    end.add_argument(
        "--for", dest="for_", type=parse_duration, default=None, metavar="TIME",
        help="90m, 2h, 3d",
    )  # fmt: skip
    pause.set_defaults(command=_pause)
    resume = _add_action(
        actions, "resume", "end a pause of NAME", "Send to the destination NAME again, at once."
    )
    resume.add_argument("name", metavar="NAME")
    resume.set_defaults(command=_resume)
    attempt = _add_action(
        actions, "try", "ask NAME whether it is there; if so, send what waits now",
        "Ask the destination NAME, from this host, whether it is there (by C-ECHO or QIDO-RS),"
        " and say what it answered. If it is, its rest ends and all that waits for it is sent at"
        " once; exit code 1 if it is not.",
    )  # fmt: skip
    attempt.add_argument("name", metavar="NAME")
    attempt.set_defaults(command=_try)
    forget = _add_action(
        actions, "forget", "withdraw what waits for NAME",
        "Withdraw, for good, what has not left for the destination NAME. The results stay in the"
        " spool. It cannot be undone, so a destination that is configured is forgotten only"
        " with --yes.",
    )  # fmt: skip
    forget.add_argument("name", metavar="NAME")
    forget.add_argument(
        "--yes", action="store_true", default=False, help="although it is configured"
    )
    forget.set_defaults(command=_forget)
    move = _add_action(
        actions, "move", "let what waits for OLD go to NEW",
        "Let what has not left for the destination OLD go to NEW, except what NEW gets anyway.",
    )  # fmt: skip
    move.add_argument("old", metavar="OLD")
    move.add_argument("new", metavar="NEW")
    move.set_defaults(command=_move)


def show(arguments: argparse.Namespace) -> int:
    from dicom_node.ops.running import known_destinations
    from dicom_node.ops.standing import as_json, destination_lines
    from dicom_node.ops.status import open_existing

    config = node_config(arguments)
    known = known_destinations(config)
    addresses = {destination.name: destination.address for destination in config.destinations}
    silent = [destination.name for destination in config.destinations if destination.silent]
    with closing(open_existing(config)) as ledger:
        records, now = ledger.destinations.all(), ledger.now()
        declined = ledger.pace.declined()
        given_up = ledger.inquiries.given_up_by_destination()
    lines = destination_lines(records, known, now, addresses, silent, declined, given_up)
    print(
        as_json(records, addresses, known, silent)
        if arguments.json
        else "\n".join(lines) or "no destination"
    )
    return 0


def _pause(arguments: argparse.Namespace) -> int:
    from dicom_node.ops.asked.destinations import pause
    from dicom_node.ops.status import open_existing

    config, name = node_config(arguments), arguments.name
    with closing(open_existing(config)) as ledger:
        until = arguments.until or (arguments.for_ and ledger.now() + arguments.for_)
        said = pause(config, ledger, name, arguments.by, arguments.why, until)
        person_did(config, arguments.by, f"paused the destination {name}")
    print(f"{name}: {said}")
    return 0


def _resume(arguments: argparse.Namespace) -> int:
    from dicom_node.ops.asked.destinations import resume
    from dicom_node.ops.status import open_existing

    config, name = node_config(arguments), arguments.name
    with closing(open_existing(config)) as ledger:
        said = resume(ledger, name, arguments.by)
        person_did(config, arguments.by, f"resumed the destination {name}")
    print(f"{name}: resumed; {said}")
    return 0


def _try(arguments: argparse.Namespace) -> int:
    from dicom_node.cli.node.opening import open_spool
    from dicom_node.ops.asked.destinations import assert_configured, attempt
    from dicom_node.ops.status import open_existing

    # The reason why it does not answer is said once.
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    config, name = node_config(arguments), arguments.name
    assert_configured(config, name)
    spool = open_spool(config)
    with closing(open_existing(config)) as ledger:
        answer = attempt(config, ledger, name, arguments.by, spool)
    print(f"{name}: {answer.words}")
    return 0


def _forget(arguments: argparse.Namespace) -> int:
    from dicom_node.ops.asked.destinations import assert_known
    from dicom_node.ops.running import known_destinations
    from dicom_node.ops.status import open_existing
    from dicom_node.ops.wording import numbered

    config, name = node_config(arguments), arguments.name
    with closing(open_existing(config)) as ledger:
        assert_known(name, [record.name for record in ledger.destinations.all()])
        if name in (known_destinations(config) or ()) and not arguments.yes:
            raise UsageError(
                f"{name} is configured: what waits for it would never be sent, and that cannot be"
                " undone; to keep it waiting, pause it; to forget it nevertheless, add --yes"
            )
        count = ledger.destinations.forget(name, arguments.by)
        person_did(config, arguments.by, f"forgot the destination {name}")
    print(f"{name}: {numbered(count, 'delivery', 'deliveries')} withdrawn")
    return 0


def _move(arguments: argparse.Namespace) -> int:
    from dicom_node.ops.asked.destinations import assert_configured, assert_known
    from dicom_node.ops.status import open_existing
    from dicom_node.ops.wording import numbered

    config, old, new = node_config(arguments), arguments.old, arguments.new
    assert_configured(config, new)
    with closing(open_existing(config)) as ledger:
        assert_known(old, [record.name for record in ledger.destinations.all()])
        count = ledger.destinations.move(old, new, arguments.by)
        person_did(config, arguments.by, f"moved what waits from {old} to {new}")
    print(f"{old}: {numbered(count, 'delivery goes', 'deliveries go')} to {new} now")
    return 0


def _add_action(
    actions: Commands, name: str, help_: str, description: str
) -> argparse.ArgumentParser:
    """Options that are not given (SUPPRESS) stand as they were before the action."""
    parser = actions.add_parser(
        name, argument_default=argparse.SUPPRESS, help=help_, description=description
    )
    add_node(parser)
    parser.add_argument(
        "--by", default=who(), metavar="WHO", help=f"for the ledger (default {who()})"
    )
    return parser
