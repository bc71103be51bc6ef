"""`cxr-node destinations`: what waits where, and what to do when a destination has gone."""

import argparse
import json
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

from dicom_node.cli.terminal.options import Commands, add_node, node_config, who
from dicom_node.errors import UsageError
from dicom_node.spelling import did_you_mean

if TYPE_CHECKING:
    from dicom_node.config import Config


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "destinations",
        help="what waits for which destination; forget or move one",
        description="List every destination that results were built for, with its deliveries by"
        " state. Results wait under the name their destination had when they were built: after a"
        " new name nothing sends them. `move OLD NEW` lets them go to NEW, `forget NAME` withdraws"
        " them. Both can be done while the node runs; what was delivered stays as it is, and the"
        " ledger keeps who did it.",
    )
    add_node(parser)
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(command=show)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    forget = actions.add_parser(
        "forget",
        argument_default=argparse.SUPPRESS,
        help="withdraw what waits for NAME",
        description="Withdraw, for good, what has not left for the destination NAME. The results"
        " stay in the spool.",
    )
    forget.add_argument("name", metavar="NAME")
    _add_options(forget)
    forget.set_defaults(command=_forget)
    move = actions.add_parser(
        "move",
        argument_default=argparse.SUPPRESS,
        help="let what waits for OLD go to NEW",
        description="Let what has not left for the destination OLD go to NEW, except what NEW gets"
        " anyway.",
    )
    move.add_argument("old", metavar="OLD")
    move.add_argument("new", metavar="NEW")
    _add_options(move)
    move.set_defaults(command=_move)


def show(arguments: argparse.Namespace) -> int:
    from dicom_node.ops.status import known_destinations, open_existing

    config = node_config(arguments)
    known = known_destinations(config)
    with closing(open_existing(config)) as ledger:
        found = {record.name: record for record in ledger.destinations.all()}
    if arguments.json:
        rows = [asdict(record) | {"configured": known and name in known}
                for name, record in found.items()]  # fmt: skip
        print(json.dumps(rows, default=str, indent=2))
        return 0
    for name in sorted({*found, *(known or ())}):
        counts = found[name].counts if name in found else {}
        said = ", ".join(f"{count} {state}" for state, count in counts.items()) or "nothing yet"
        strange = "" if known is None or name in known else "  (not configured)"
        print(f"{name}: {said}{strange}")
    if not found and not known:
        print("no destination")
    return 0


def _forget(arguments: argparse.Namespace) -> int:
    from dicom_node.ops.status import open_existing

    config = node_config(arguments)
    with closing(open_existing(config)) as ledger:
        _assert_known(arguments.name, [record.name for record in ledger.destinations.all()])
        count = ledger.destinations.forget(arguments.name, arguments.by)
    print(f"{arguments.name}: {count} deliveries withdrawn")
    return 0


def _move(arguments: argparse.Namespace) -> int:
    from dicom_node.ops.status import open_existing

    config, old, new = node_config(arguments), arguments.old, arguments.new
    _assert_configured(config, new)
    with closing(open_existing(config)) as ledger:
        _assert_known(old, [record.name for record in ledger.destinations.all()])
        count = ledger.destinations.move(old, new, arguments.by)
    print(f"{old}: {count} deliveries go to {new} now")
    return 0


def _assert_known(name: str, names: list[str]) -> None:
    if name not in names:
        hint = did_you_mean(name, names)
        raise UsageError(f"nothing was ever built for a destination {name!r}{hint}")


def _assert_configured(config: "Config", name: str) -> None:
    from dicom_node.ops.status import known_destinations

    known = known_destinations(config)
    if known is not None and name not in known:
        hint = did_you_mean(name, known)
        raise UsageError(f"no destination {name!r} is configured{hint}")


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Where they are not given (SUPPRESS) those before the action stand."""
    add_node(parser)
    parser.add_argument(
        "--by", default=who(), metavar="WHO", help=f"for the ledger (default {who()})"
    )
