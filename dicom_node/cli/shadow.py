"""`cxr-node shadow`: the part that tries another pipeline, alone in this process."""

from dicom_node.cli.node.alone import add_part
from dicom_node.cli.terminal.options import Commands


def add(commands: Commands) -> None:
    add_part(commands, "shadow", "run only the trial of [shadow]: analyse, and send nothing")
