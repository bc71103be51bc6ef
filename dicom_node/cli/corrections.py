"""`cxr-node corrections`: what readers have drawn, and a way to learn from it."""

import argparse
import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from dicom_node.cli.terminal.audited import person_did, person_saw
from dicom_node.cli.terminal.options import Commands, add_node, node_config, who

DESCRIPTION = """\
List what readers have drawn on radiographs that are here ([corrections] accept), the one of each
radiograph that counts: who, when, the infected percentages beside the node's, and Dice between the
masks, 1 where they are the same. `cxr-node job NUMBER` has all that were drawn on one radiograph.
"""

EXPORT = """\
Write each radiograph with the Segmentation that counts, both as they were received, a folder a
radiograph: four fifths of the patients into FOLDER/Train, which `cxr-node train --data FOLDER`
learns from, the others into FOLDER/Val, for `cxr-node evaluate --data FOLDER --split Val`. No
patient is in both, and each is always in the same one. What a reader excluded on the page is left
out. Done again, what is there is replaced, and what counts no longer is removed; what [retention]
has removed here stays in FOLDER. The files hold patients' images: they are for their owner alone.
"""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "corrections",
        help="what readers have drawn, beside what the node found; write it to learn from",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
    )
    add_node(parser)
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(command=show)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    exporting = actions.add_parser(
        "export",
        help="write radiographs with what was drawn into FOLDER",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=EXPORT,
    )
    add_node(exporting)
    exporting.add_argument("folder", type=Path, metavar="FOLDER")
    exporting.add_argument(
        "--accepted",
        action="store_true",
        help="and those whose results readers accept on the page, with the node's own Segmentation",
    )
    exporting.set_defaults(command=_export)


def show(arguments: argparse.Namespace) -> int:
    from dicom_node.ops.asked.readers import correction_line
    from dicom_node.ops.status import open_existing

    with closing(open_existing(node_config(arguments))) as ledger:
        found = ledger.corrections.latest()
    if arguments.json:
        print(json.dumps([asdict(one) for one in found], default=str, indent=2))
    else:
        print("\n".join(map(correction_line, found)) or "none")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    """1 where a file is lost."""
    from dicom_node.cli.node.opening import open_spool
    from dicom_node.errors import UsageError
    from dicom_node.ops.asked.pairs import TRAIN, export
    from dicom_node.ops.status import open_existing
    from dicom_node.ops.wording import line, numbered

    config, folder = node_config(arguments), arguments.folder
    # A file may stand where the folder is to be, or one above it.
    for place in (folder, *folder.parents):
        if place.exists() and not place.is_dir():
            raise UsageError(f"{place} is a file: name a FOLDER, new or of an export before")
    with closing(open_existing(config)) as ledger:
        pairs = list(
            export(ledger, open_spool(config), arguments.folder, accepted=arguments.accepted)
        )
    written = [one for one in pairs if not one.fault]
    person_did(config, who(), f"exported {len(written)} corrected radiographs")
    person_saw(config, who(), [(one.image.study_instance_uid, "") for one in written])
    for one in pairs:
        if one.fault:
            print(f"left out: {one.image.sop_instance_uid}: {line(one.fault)}")
    said = numbered(len(written), "radiograph", "radiographs")
    to_learn = sum(one.split == TRAIN for one in written)
    parts = f"{to_learn} to learn from (Train), {len(written) - to_learn} to evaluate by (Val)"
    print(f"{said} with what was drawn in {arguments.folder}: {parts}")
    return 0 if len(written) == len(pairs) else 1
