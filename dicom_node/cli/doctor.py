"""`cxr-node doctor`: is all there that the node needs? For an installer, and whoever is on call."""

import argparse
import json
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dicom_node.cli.terminal.options import Commands, add_node, node_config, seconds
from dicom_node.errors import ConfigError

if TYPE_CHECKING:
    from dicom_node.cli.checks.check import Check

#: Seconds that a round trip may take: a worker that is just busy, a PACS that is slow.
ROUND_TRIP_S = 120.0

DESCRIPTION = """\
Look at all that the node needs, and change nothing: configuration, versions, folders and their
disks, ledger, broker, clocks, port, certificates, audit trail, models, decoders, engine, and each
destination: is it there (C-ECHO, or QIDO-RS and an empty STOW-RS), does it accept what it will get,
which certificate does it show, how does it confirm that it keeps something. One line for each: ok,
warning or fault, what was found, what to do, and which line of the configuration says it. The node
may run meanwhile.

With --round-trip a drawn radiograph of a patient that is none (Patient ID CXR-NODE-TEST) is sent
through the listener of the running node, and waited for until each destination has its report. It
stays in the PACS: what is left there, and how it is removed, is said at the end.
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
    parser.add_argument("--no-network", action="store_true", help="do not ask the destinations")
    parser.add_argument(
        "--round-trip", action="store_true",
        help="send a drawn radiograph through the running node, to its destinations",
    )  # fmt: skip
    parser.add_argument(
        "--calling", metavar="AET", default="",
        help="AE title to send it as (default: that of the first [[caller]])",
    )  # fmt: skip
    parser.add_argument(
        "--within", type=seconds, metavar="SECONDS", default=ROUND_TRIP_S,
        help=f"how long the round trip may take (default {ROUND_TRIP_S:g})",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each check; 0, 1 or 2 as the worst of them is."""
    from dicom_node.cli.checks.check import Level, worst
    from dicom_node.cli.checks.lines import Lines

    # The reason why a destination does not answer stands in its check.
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    made: list[Check] = []
    documents: list[dict[str, str]] = []
    lines: Lines | None = None
    for check in _checks(arguments):
        made.append(check)
        # Only once it has been read as a configuration.
        if check.key and lines is None:
            lines = Lines(arguments.config)
        where = lines.where(check.key) if check.key and lines else ""
        if arguments.json:
            documents.append(_document(check, where))
        else:
            print(_line(check, where), flush=True)
    if arguments.json:
        print(json.dumps(documents, indent=2))
    return list(Level).index(worst(made))


def _line(check: "Check", where: str) -> str:
    from dicom_node.ops.wording import line

    said = f"{check.level:<8} {check.name}: {line(check.found)}"
    said += f"; to do: {check.to_do}" if check.to_do else ""
    return f"{said} ({where})" if where else said


def _document(check: "Check", where: str) -> dict[str, str]:
    said = {"name": check.name, "level": check.level.value, "found": check.found}
    return said | {"to_do": check.to_do, "where": where}


def _checks(arguments: argparse.Namespace) -> "Iterator[Check]":
    """Each as soon as it is made, the quick ones first."""
    from dicom_node.cli.checks import archives, clocks, destinations, networks, outside, places
    from dicom_node.cli.checks.check import Level, fault, ok

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
    yield from places.folders(config)
    yield places.ledger(config)
    yield places.broker(config)
    yield from clocks.clocks(config)
    yield outside.port(config)
    yield outside.tls(config)
    yield outside.audit(config)
    yield networks.decoders()
    runs = [*networks.models(config), networks.device(config)]
    yield from runs
    if all(check.level is Level.OK for check in runs):
        yield networks.engine(config)
    yield from destinations.destinations(config, network=asks)
    yield from archives.archives(config, network=asks)
    if arguments.round_trip:
        from dicom_node.cli.checks.round_trip import round_trip

        yield from round_trip(config, arguments.calling, arguments.within)
