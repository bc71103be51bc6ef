"""`cxr-node restore FOLDER`: back to what `backup` has kept, and to all that came since."""

import argparse
from pathlib import Path

from dicom_node.cli.terminal.options import Commands, add_node, node_config

DESCRIPTION = """\
Put back the newest copy of the ledger in FOLDER, and the files that the spool lacks. The node has
to be stopped, on every host. Nothing is overwritten: a SQLite ledger that is there is renamed, with
its journal, to ...before-TIME; in PostgreSQL the database that [ledger] url names has to be empty,
so make a new one. After the start the node looks for what is in the spool and unknown to the
ledger, and finishes it: what was accepted after the backup is lost only if the spool is.
"""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "restore",
        help="put back what backup has kept",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
    )
    add_node(parser)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--ledger", type=Path, metavar="FILE", help="this copy of the ledger (default: the newest)"
    )
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    from dicom_node.ops.backup import restore
    from dicom_node.ops.wording import numbered

    copy, files = restore(node_config(arguments), arguments.folder, arguments.ledger)
    print(f"put back {copy} and {numbered(files, 'file', 'files')} of the spool; start the node")
    return 0
