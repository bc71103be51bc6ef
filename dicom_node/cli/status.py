"""`cxr-node status`: the health of the node at a glance; its work is in `dicom_node/ops/status`."""

import argparse

from dicom_node.cli.options import Commands, add_node, node_config


def add(commands: Commands) -> None:
    status = commands.add_parser(
        "status",
        help="counts by state, what waits, the last failures",
        description="What the ledger knows: instances by state, the age of the oldest that waits,"
        " deliveries waiting for each destination, the last failures with their reasons.",
    )
    add_node(status)
    status.add_argument("--json", action="store_true", help="for machines")
    status.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    from dicom_node.ops.status import show_status

    return show_status(node_config(arguments), as_json=arguments.json)
