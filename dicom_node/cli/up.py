"""`cxr-node up`: the whole node on one host."""

import argparse

from dicom_node.cli.terminal.options import Commands, add_node, node_config, wants_json_logs


def add(commands: Commands) -> None:
    up = commands.add_parser(
        "up",
        help="run the whole node on this host, nothing else installed",
        description="Run the whole node on this host: listener, worker, sender and page, with a"
        " SQLite ledger, an embedded broker and a spool folder under --state. Without --config it"
        " listens on 127.0.0.1 only and takes any caller there. Stops cleanly on SIGTERM and"
        " Ctrl-C.",
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
    up.add_argument(
        "--monitor", metavar="HOST:PORT",
        help="where the page answers (default 127.0.0.1:9112; '' for none)",
    )  # fmt: skip
    up.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    from dicom_node.cli.node.supervisor import up

    return up(node_config(arguments), json_logs=wants_json_logs(arguments))
