"""`cxr-node doctor`: is all there that the node needs? For an installer, and whoever is on call."""

import argparse
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from dicom_node.cli.terminal.options import Commands, add_node, node_config
from dicom_node.errors import ConfigError

if TYPE_CHECKING:
    from dicom_node.cli.checks.check import Check

DESCRIPTION = """\
Look at all that the node needs, and change nothing: configuration, folders and their disks,
ledger, broker, models, device, decoders, port, destinations (asked by C-ECHO), clock, versions.
One line for each: ok, warning or fault, what was found, what to do. The node may run meanwhile.
"""
EXIT_CODES = """\
exit codes:
  0    all is well
  1    at least one warning, no fault
  2    at least one fault: the node does not work, or not all of it
"""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "doctor",
        help="look at all that the node needs, and say what to do",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
        epilog=EXIT_CODES,
    )
    add_node(parser)
    parser.add_argument(
        "--no-network", action="store_true", help="do not ask the destinations by C-ECHO"
    )
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each check; 0, 1 or 2 as the worst of them is."""
    from dicom_node.cli.checks.check import Level, worst
    from dicom_node.ops.wording import line

    # The reason why a destination does not answer stands in its check.
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    made: list[Check] = []
    for check in _checks(arguments):
        made.append(check)
        if not arguments.json:
            to_do = f"; to do: {check.to_do}" if check.to_do else ""
            print(f"{check.level:<8} {check.name}: {line(check.found)}{to_do}", flush=True)
    if arguments.json:
        print(json.dumps([asdict(check) for check in made], indent=2))
    return list(Level).index(worst(made))


def _checks(arguments: argparse.Namespace) -> "Iterator[Check]":
    """Each as soon as it is made, the quick ones first."""
    from dicom_node.cli.checks import networks, outside, places
    from dicom_node.cli.checks.check import fault, ok

    try:
        config = node_config(arguments)
    except ConfigError as exc:
        # Without one there is nothing to look at.
        for said in exc.faults:
            yield fault("configuration", said, "correct it: deploy/node.toml explains every key")
        return
    asks = not arguments.no_network
    node, file = config.node, arguments.config or "no file, options and defaults"
    yield ok("configuration", f"{file}; {node.aet} on {node.host}:{node.port}")
    yield outside.versions()
    yield outside.clock()
    yield from places.folders(config)
    yield places.ledger(config)
    yield places.broker(config)
    yield outside.port(config)
    yield from networks.models(config)
    yield networks.decoders()
    yield networks.device(config)
    yield from outside.destinations(config, network=asks)
