"""The sections of the configuration, nested as the file is: each part is given its own."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from dicom_node.config.destination import AnyDestination
from dicom_node.config.urls import EMBEDDED_BROKER, BrokerUrl, LedgerUrl, ServiceUrl
from dicom_node.config.values import (
    AeTitle,
    Count,
    FolderPath,
    Host,
    IpAddress,
    ListOf,
    Seconds,
    Section,
    Text,
    is_loopback,
    port_fault,
    refused,
)
from sr_writer.equipment import Equipment

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
    association_timeout_s: Seconds = 5.0  #: a connection that asks for no association is closed
    network_timeout_s: Seconds = 60.0  #: an association on which nothing comes is aborted
    #: One larger is refused, and never held in memory. An element has at most 4 GiB (PS3.5 7.1.1).
    max_instance_mb: Annotated[Count, Field(le=4096)] = 512
    no_destination: bool = False  #: meant so: results stay in the spool
    group_access: bool = False  #: the group may read and write the node's files: a shared mount

    @property
    def queue_folder(self) -> Path:
        """Where the embedded broker keeps its messages."""
        return self.state / "queue"

    @property
    def run_folder(self) -> Path:
        """Locks of the processes alive on this host."""
        return self.state / "run"


class LedgerSection(Section):
    """`[ledger]`: where the truth is."""

    url: LedgerUrl | None = None  #: SQLAlchemy's; None: SQLite in the state folder


class BrokerSection(Section):
    """`[broker]`: what carries the ids."""

    url: BrokerUrl = ServiceUrl(EMBEDDED_BROKER)
    queue_prefix: Text = "cxr"  #: names the queues, so that two nodes can share one RabbitMQ


class SpoolSection(Section):
    """`[spool]`: where DICOM files are."""

    #: None: in the state folder; on several hosts a shared mount.
    folder: FolderPath | None = None


class ModelsSection(Section):
    """`[models]`: which networks, and what they run on."""

    lung: Text = ""  #: name or path of the lung network; "": the shipped one
    infection: Text = ""
    device: Literal["auto", "cpu", "cuda"] = "auto"


class WorkerSection(Section):
    """`[worker]`."""

    #: A worker that has held a job for so long without getting any further hangs, and ends itself.
    lease_s: Seconds = 120.0


class Reports(Section):
    """`[reports]`: which instances without a result get a report that says why."""

    failed: bool = True  #: those whose analysis broke off
    not_analysed: bool = False  #: those that are no frontal chest radiograph


class EquipmentSection(Section):
    """`[equipment]`: what results say of who made them; None: as built in."""

    manufacturer: str | None = None
    model_name: str | None = None
    device_serial_number: str | None = None
    device_uid: str | None = None

    @field_validator("*")
    @classmethod
    def _fits_results(cls, value: str, info: ValidationInfo) -> str:
        """The rules are those of who writes it."""
        key = str(info.field_name)
        try:
            Equipment(**{key: value})
        except ValueError as exc:
            raise refused(str(exc).removeprefix(f"{key} ")) from exc
        return value


class Caller(Section):
    """`[[caller]]`: an Application Entity that may send to the node."""

    aet: AeTitle
    host: IpAddress | None = None  #: None: any address


class Config(Section):
    """The whole file. Paths are absolute. Only who puts a process together should ask for it."""

    node: NodeSection
    ledger: LedgerSection = LedgerSection()
    broker: BrokerSection = BrokerSection()
    spool: SpoolSection = SpoolSection()
    models: ModelsSection = ModelsSection()
    worker: WorkerSection = WorkerSection()
    reports: Reports = Reports()
    equipment: EquipmentSection = EquipmentSection()
    #: Empty: anyone, and then only on the loopback address.
    callers: ListOf[Caller] = Field(default=(), alias="caller", validate_default=True)
    destinations: ListOf[AnyDestination] = Field(default=(), alias="destination")

    @property
    def ledger_url(self) -> str:
        """With its password."""
        if self.ledger.url is None:
            return f"sqlite:///{self.node.state / 'ledger.sqlite'}"
        return self.ledger.url.get_secret_value()

    @property
    def spool_folder(self) -> Path:
        return self.spool.folder or self.node.state / "spool"

    @property
    def destination_names(self) -> tuple[str, ...]:
        return tuple(destination.name for destination in self.destinations)

    @field_validator("callers")
    @classmethod
    def _strangers_stay_out(
        cls, callers: tuple[Caller, ...], info: ValidationInfo
    ) -> tuple[Caller, ...]:
        node = info.data.get("node")
        if node and not callers and not is_loopback(node.host):
            raise refused(
                f"[node] host {node.host} needs a configuration with an allow-list ([[caller]]);"
                f" without one the node listens on {LOOPBACK} only"
            )
        return callers

    @field_validator("destinations")
    @classmethod
    def _do_not_contradict(
        cls, destinations: tuple[AnyDestination, ...], info: ValidationInfo
    ) -> tuple[AnyDestination, ...]:
        names = [destination.name for destination in destinations]
        faults = [f"[[destination]] {name!r} is named twice" for name in dict.fromkeys(names)
                  if names.count(name) > 1]  # fmt: skip
        node = info.data.get("node")
        if destinations and node and node.no_destination:
            faults.append(
                "[node] no_destination and a [[destination]] contradict each other: drop one"
            )
        if faults:
            raise refused(*faults)
        return destinations
