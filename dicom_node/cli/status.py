"""`cxr-node status`: the health of the node at a glance, or in one line for a monitor."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from dicom_node.cli.terminal.options import Commands, add_node, node_config, parse_time, seconds
from dicom_node.errors import NodeError

#: Seconds. A radiograph comes back in seconds; that nothing does for minutes is worth a call.
MAX_WAIT_S = 300.0

DESCRIPTION = """\
What the ledger knows: the parts alive on any host, instances by state, the age of the oldest that
waits, how each destination stands, the last days, the last failures with what to do. With --check,
one line with performance data for Nagios, Icinga and whoever calls their plugins.
"""
EXIT_CODES = """\
exit codes of --check:
  0    OK
  1    WARNING: more than --max-failed images FAILED, or had a result refused, since --since and
       are not repaired; the others come out. Or a certificate ends within 30 days, or the disk of
       the spool is nearly full (four times [retention] min_free_mb)
  2    CRITICAL: an image or a result has waited longer than --max-wait, no listener, worker or
       sender is alive on any host, the ledger does not answer, or the disk of the spool is so full
       that nothing is received (min_free_mb)
  3    UNKNOWN: it cannot be said, because of the options, the configuration or the folder that was
       named
"""


def add(commands: Commands) -> None:
    status = commands.add_parser(
        "status",
        help="counts by state, what waits, the last failures",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
        epilog=EXIT_CODES,
    )
    add_node(status)
    status.add_argument("--json", action="store_true", help="for machines")
    check = status.add_argument_group("for a monitor")
    check.add_argument("--check", action="store_true", help="one line, and an exit code")
    check.add_argument(
        "--max-wait", type=seconds, default=MAX_WAIT_S, metavar="SECONDS",
        help=f"since the image came (default {MAX_WAIT_S:.0f})",
    )  # fmt: skip
    check.add_argument("--max-failed", type=int, default=0, metavar="N", help="default 0")
    check.add_argument(
        "--since", type=parse_time, metavar="TIME",
        help="count what failed since: 2026-11-27T08:00 (UTC), or 90m, 2h, 3d ago (default 24h, so"
        " that nothing is forgotten at midnight)",
    )  # fmt: skip
    status.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    if arguments.check:
        return _check(arguments)
    from dicom_node.ops.status import show_status

    return show_status(node_config(arguments), as_json=arguments.json)


def _check(arguments: argparse.Namespace) -> int:
    from dicom_node.ops.monitor import Limits, check_node

    since = arguments.since or datetime.now(UTC) - timedelta(days=1)
    try:
        config = node_config(arguments)
        return check_node(config, Limits(arguments.max_wait, arguments.max_failed, since))
    except (NodeError, OSError, ModuleNotFoundError) as exc:
        return say_wrongly_asked(str(exc))


def is_check(words: Sequence[str]) -> bool:
    """Whether a monitor asks: it takes argparse's exit code 2 for CRITICAL."""
    return "status" in words and "--check" in words


def say_wrongly_asked(what: str) -> int:
    from dicom_node.ops.monitor import say_unknown

    return say_unknown(what)
