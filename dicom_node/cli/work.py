"""`cxr-node work`: the part that analyses and builds results, alone in this process."""

from dicom_node.cli.node.alone import add_part
from dicom_node.cli.terminal.options import Commands


def add(commands: Commands) -> None:
    add_part(commands, "work", "run only a worker: analyse and build results")
