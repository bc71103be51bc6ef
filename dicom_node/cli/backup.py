"""`cxr-node backup FOLDER`: all that a restore needs, while the node goes on."""

import argparse
from pathlib import Path

from dicom_node.cli.terminal.options import Commands, add_node, at_least_one, node_config

#: Nights until somebody notices.
KEEP = 7

DESCRIPTION = """\
Copy into FOLDER the ledger as it is at this moment, then what of the spool is not there yet, and
the file of --config. The node may run meanwhile and is not slowed down. Call it every night, always
with the same FOLDER, on another disk: only what is new is copied, the newest copies of the ledger
are kept, and what was purged is removed. `cxr-node restore FOLDER` is the way back.

PostgreSQL is copied by pg_dump, which has to be installed. Left out: the broker, which holds
nothing that the ledger does not know; passwords in the environment; the files that the
configuration names (certificates, keys, secrets). FOLDER holds patients' images: it is for its
owner alone, and to be protected as the spool is.
"""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "backup",
        help="copy ledger and spool while the node goes on",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
    )
    add_node(parser)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--keep", type=at_least_one, default=KEEP, metavar="N",
        help=f"copies of the ledger, the newest (default {KEEP})",
    )  # fmt: skip
    parser.add_argument(
        "--no-spool", action="store_true",
        help="the ledger alone: another program copies the spool, after this one",
    )  # fmt: skip
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    from dicom_node.ops.backup import back_up
    from dicom_node.ops.wording import numbered

    done = back_up(
        node_config(arguments),
        arguments.folder,
        keep=arguments.keep,
        with_spool=not arguments.no_spool,
        given=arguments.config,
    )
    said = f"{done.ledger} (schema {done.schema})"
    if not arguments.no_spool:
        files = numbered(done.files, "new file", "new files")
        said += f" and {files} of the spool, {done.size_bytes / 1e6:.0f} MB"
    if done.removed:
        said += f"; {numbered(done.removed, 'purged file', 'purged files')} removed"
    print(said)
    return 0
