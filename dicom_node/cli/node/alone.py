"""One part of the node in a process of its own: what `listen`, `work` and `send` have in common."""

import argparse
import logging
from pathlib import Path

from dicom_node.cli.terminal.options import Commands, add_log_format

logger = logging.getLogger(__name__)


def add_part(commands: Commands, name: str, what: str) -> None:
    """The command `name`, which runs that part until SIGTERM."""
    part = commands.add_parser(
        name,
        help=what,
        description=f"{what.capitalize()}. Run as many as wanted, on as many hosts, with one"
        " configuration: ledger in PostgreSQL, broker RabbitMQ, spool a shared mount."
        " Passwords belong in CXR_LEDGER_URL and CXR_BROKER_URL.",
    )
    part.add_argument("--config", type=Path, metavar="FILE", required=True, help="TOML file")
    add_log_format(part, piped="json")
    part.set_defaults(command=run_part, part=name)


def run_part(arguments: argparse.Namespace) -> int:
    from dicom_node.cli.node.parts import Part, run
    from dicom_node.cli.node.preflight import check
    from dicom_node.cli.node.supervisor import stop_on_signals
    from dicom_node.config import load
    from dicom_node.ops.privacy import keep_private

    part, config = Part(arguments.part), load(arguments.config)
    stop = stop_on_signals()
    keep_private(config.node.state, config.spool_folder, group_access=config.node.group_access)
    check(config, {part})
    run(part, config, stop, lambda: logger.info(f"ready: {part}"))
    return 0
