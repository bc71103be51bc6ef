"""`cxr-node conformance`: the DICOM Conformance Statement of a node; its work is in `statement`."""

import argparse
import sys
from pathlib import Path

from dicom_node.cli.terminal.options import Commands, add_node, node_config

DESCRIPTION = """\
Print the DICOM Conformance Statement (PS3.2 Annex A) of the node that is configured, as Markdown:
what it takes, from whom and how, what it sends to each destination, and every attribute of its
objects. Tables are made from the code, and from objects built here of drawn radiographs. Without a
configuration it is that of any node, deploy/CONFORMANCE.md.
"""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "conformance",
        help="print the node's DICOM Conformance Statement",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
    )
    add_node(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write it there instead")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    from dicom_node.cli.statement import statement

    text = statement(node_config(arguments))
    if arguments.out is None:
        sys.stdout.write(text)
    else:
        arguments.out.write_text(text, "utf-8")
        print(arguments.out)
    return 0
