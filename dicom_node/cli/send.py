"""`cxr-node send`: the part that delivers results, alone in this process."""

from dicom_node.cli.node.alone import add_part
from dicom_node.cli.terminal.options import Commands


def add(commands: Commands) -> None:
    add_part(commands, "send", "run only the sender: deliver results")
