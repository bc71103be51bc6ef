"""`[node]`: who this node is to others, and where it keeps its files."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from dicom_node.config.values import (
    AeTitle,
    Count,
    FolderPath,
    Host,
    ListOf,
    Processes,
    Seconds,
    Section,
    port_fault,
    refused,
)

LOOPBACK = "127.0.0.1"
#: In `also_called`: whatever the node is called.
ANY_TITLE = "*"


def _bindable(port: int) -> int:
    # 0, any free port, is for those who can ask which: `load` and the command line refuse it.
    if fault := port_fault(port, lowest=0):
        raise refused(fault)
    return port


class NodeSection(Section):
    """`[node]`: who this node is to others, and where it keeps its files."""

    state: FolderPath  #: folder of the node's own files
    aet: AeTitle = "CXRNODE"
    host: Host = LOOPBACK  #: address the listener binds
    port: Annotated[int, AfterValidator(_bindable)] = 11112
    #: Called AE titles taken besides `aet`. DCMTK and pynetdicom call whom nobody named ANY-SCP.
    also_called: ListOf[AeTitle] = ("ANY-SCP",)
    max_associations: Annotated[Count, Field(le=1000)] = 20  #: each is a thread
    max_associations_of_one_host: Annotated[Count, Field(le=1000)] = 16
    association_timeout_s: Seconds = 5.0  #: a connection that asks for no association is closed
    network_timeout_s: Seconds = 60.0  #: an association on which nothing comes is aborted
    listeners: Processes = 1  #: of one `cxr-node up`; "auto": as many as it has cores
    share_port: bool = False  #: several `listen` of this host listen on one address
    drain_s: Seconds = 5.0  #: a listener that stops aborts what has not ended by then
    #: One larger is refused, and never held in memory. An element has at most 4 GiB (PS3.5 7.1.1).
    max_instance_mb: Annotated[Count, Field(le=4096)] = 512
    no_destination: bool = False  #: meant so: results stay in the spool
    silent: bool = False  #: all is analysed and shown here, and nothing is sent to any destination
    group_access: bool = False  #: the group may read and write the node's files: a shared mount

    @model_validator(mode="after")
    def _shares_its_port_one_way(self) -> Self:
        if self.share_port and self.listeners != 1:
            raise refused(
                "[node] share_port is for `cxr-node listen`, one process a part, and listeners for"
                " `cxr-node up`: leave one of the two out"
            )
        return self

    @property
    def queue_folder(self) -> Path:
        """Where the embedded broker keeps its messages."""
        return self.state / "queue"

    @property
    def run_folder(self) -> Path:
        """Locks of the processes alive on this host."""
        return self.state / "run"
