"""`cxr-node prune`: remove now what `[retention]` says need not be kept any longer."""

import argparse
import threading
from contextlib import closing

from dicom_node.cli.terminal.options import Commands, add_node, node_config
from dicom_node.errors import UsageError

DESCRIPTION = """\
Remove, with their results and all that the ledger knows of them, the images that were delivered
[retention] delivered_days ago, and those not analysed skipped_days ago. The node does the same by
itself every hour, and may run meanwhile. What is waiting, refused, given up or not verified stays.
"""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "prune",
        help="remove now what need not be kept any longer",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
    )
    add_node(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="say how much that would be, remove nothing"
    )
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    from dicom_node.cli.node.opening import open_spool
    from dicom_node.ops.retention import Retention
    from dicom_node.ops.status import open_existing
    from dicom_node.ops.wording import numbered

    config = node_config(arguments)
    asked = config.retention
    if (asked.delivered_days, asked.skipped_days, asked.held_days) == (None, None, None):
        raise UsageError(
            "everything is kept for ever: set delivered_days, skipped_days or held_days under"
            " [retention]"
        )
    with closing(open_existing(config)) as ledger:
        retention = Retention(ledger, open_spool(config), config.retention)
        purge = retention.purge(threading.Event(), dry_run=arguments.dry_run)
    images = numbered(purge.jobs, "image", "images")
    verb = "would go" if arguments.dry_run else "removed"
    print(f"{images} {verb}, {purge.size_bytes / 1e6:.0f} MB with their results")
    return 0
