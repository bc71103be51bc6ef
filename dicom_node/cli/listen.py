"""`cxr-node listen`: the part that takes instances in, alone in this process."""

from dicom_node.cli.node.alone import add_part
from dicom_node.cli.terminal.options import Commands


def add(commands: Commands) -> None:
    add_part(commands, "listen", "run only the listener: take instances in")
