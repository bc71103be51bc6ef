"""`cxr-node pack`: a set to learn from, small enough to carry to a borrowed machine."""

import argparse
from pathlib import Path

from dicom_node.cli.terminal.options import Commands, images_folder
from dicom_node.errors import NodeError, UsageError

_MIB = 2**20


def add(commands: Commands) -> None:
    pack = commands.add_parser(
        "pack",
        help="make a set small enough to carry to a borrowed machine",
        description="Write the images that `train` learns from, and with --more further ones, as"
        " WebP on the networks' square with 1-bit masks: OUT/Train and OUT/more, in the same class"
        " folders, for `cxr-node train --data OUT --more OUT/more`. The quality is the best that"
        " fits.",
    )
    pack.add_argument("--data", type=Path, required=True, metavar="DIR")
    pack.add_argument("--split", metavar="NAME", help="folder inside DIR (default: Train)")
    pack.add_argument("--more", action="append", type=Path, default=[], metavar="DIR",
                      help="further radiographs; those of COVID-19 are left out")  # fmt: skip
    pack.add_argument("--out", type=Path, required=True, metavar="OUT")
    pack.add_argument("--mib", type=float, default=60, metavar="N", help="limit (default 60)")
    pack.add_argument("--size", type=int, default=256, metavar="PIXELS", help="default 256")
    pack.add_argument("--limit", type=int, metavar="N", help="only N images of each, evenly spread")
    pack.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the set and say how large it is; 0 when done. Raises UsageError or NodeError."""
    from dicom_node.cli.terminal.progress import images
    from inference.datasets.cases import DatasetError, classified, read_cases, spread
    from inference.datasets.pack import pack
    from inference.decode import UndecodableImage

    try:
        sets = {"Train": spread(read_cases(images_folder(arguments)), arguments.limit)}
        if arguments.more:
            sets["more"] = spread(classified(arguments.more), arguments.limit)
        limit_bytes = round(arguments.mib * _MIB)
        packed = pack(sets, arguments.out, arguments.size, limit_bytes, images)
    except DatasetError as exc:
        raise UsageError(str(exc)) from exc
    except UndecodableImage as exc:
        raise NodeError(str(exc)) from exc
    print(
        f"{arguments.out}: {packed.files} files, {packed.bytes / _MIB:.1f} MiB, "
        f"WebP quality {packed.quality}"
    )
    return 0
