"""`cxr-node up`, the whole node on one host; `listen`, `work` and `send`, one part a process."""

import argparse
import logging
from pathlib import Path

from dicom_node.cli.options import (
    Commands,
    add_log_format,
    add_node,
    node_config,
    wants_json_logs,
)

logger = logging.getLogger(__name__)


def add(commands: Commands) -> None:
    up = commands.add_parser(
        "up",
        help="run the whole node on this host, nothing else installed",
        description="Run the whole node on this host: listener, worker and sender, with a SQLite"
        " ledger, an embedded broker and a spool folder under --state. Without --config it listens"
        " on 127.0.0.1 only and takes any caller there. Stops cleanly on SIGTERM and Ctrl-C.",
    )
    add_node(up, piped="json")
    up.add_argument(
        "--port", type=int, metavar="PORT", help="TCP port to listen on (default 11112)"
    )
    up.add_argument("--aet", metavar="AET", help="this node's AE title (default CXRNODE)")
    up.add_argument(
        "--destination", action="append", default=[], metavar="AET@HOST:PORT",
        help="where results go; may be given more than once",
    )  # fmt: skip
    up.add_argument(
        "--no-destination", action="store_true", default=None,
        help="results are meant to stay in the spool",
    )  # fmt: skip
    up.set_defaults(command=run)
    for name, what in (
        ("listen", "run only the listener: take instances in"),
        ("work", "run only a worker: analyse and build results"),
        ("send", "run only the sender: deliver results"),
    ):
        _add_part(commands, name, what)


def run(arguments: argparse.Namespace) -> int:
    from dicom_node.cli.supervisor import up

    return up(node_config(arguments), json_logs=wants_json_logs(arguments))


def _add_part(commands: Commands, name: str, what: str) -> None:
    part = commands.add_parser(
        name,
        help=what,
        description=f"{what.capitalize()}. Run as many as wanted, on as many hosts, with one"
        " configuration: ledger in PostgreSQL, broker RabbitMQ, spool a shared mount."
        " Passwords belong in CXR_LEDGER_URL and CXR_BROKER_URL.",
    )
    part.add_argument("--config", type=Path, metavar="FILE", required=True, help="TOML file")
    add_log_format(part, piped="json")
    part.set_defaults(command=_run_part, part=name)


def _run_part(arguments: argparse.Namespace) -> int:
    from dicom_node.cli.parts import Part, run
    from dicom_node.cli.preflight import check
    from dicom_node.cli.supervisor import stop_on_signals
    from dicom_node.config import load
    from dicom_node.ops.privacy import keep_private

    part, config = Part(arguments.part), load(arguments.config)
    stop = stop_on_signals()
    keep_private(config.node.state, config.spool_folder, group_access=config.node.group_access)
    check(config, {part})
    run(part, config, stop, lambda: logger.info(f"ready: {part}"))
    return 0
