"""`cxr-node pack`: a set to learn from, small enough to carry to a borrowed machine."""

import argparse
from collections.abc import Iterable

from tqdm import tqdm

from dicom_node.cli.train import folder_of
from dicom_node.errors import NodeError, UsageError
from inference.datasets.cases import DatasetError, not_of_covid, read_cases, spread
from inference.datasets.pack import pack
from inference.decode import UndecodableImage

_MIB = 2**20


def pack_set(arguments: argparse.Namespace) -> int:
    """Write the set and say how large it is; 0 when done. Raises UsageError or NodeError."""
    try:
        sets = {"Train": spread(read_cases(folder_of(arguments)), arguments.limit)}
        if arguments.more:
            sets["more"] = spread(not_of_covid(arguments.more), arguments.limit)
        limit_bytes = round(arguments.mib * _MIB)
        packed = pack(sets, arguments.out, arguments.size, limit_bytes, _bar)
    except DatasetError as exc:
        raise UsageError(str(exc)) from exc
    except UndecodableImage as exc:
        raise NodeError(str(exc)) from exc
    print(
        f"{arguments.out}: {packed.files} files, {packed.bytes / _MIB:.1f} MiB, "
        f"WebP quality {packed.quality}"
    )
    return 0


def _bar(steps: Iterable[int]) -> Iterable[int]:
    bar: Iterable[int] = tqdm(steps, unit="image", disable=None)
    return bar
