"""The node's configuration: one TOML file, secrets from the environment, validated whole.

`deploy/node.toml` comments every key. Nothing starts until every fault has been named.
"""

import ipaddress
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dicom_node.delivery.profiles import KEYS as PROFILE_KEYS
from dicom_node.delivery.profiles import STANDARD, Profile, read_profile
from dicom_node.errors import ConfigError, UsageError
from dicom_node.toml_tables import Tables

#: Kombu's embedded transport: nothing to install, one host. Any other URL is given to kombu.
EMBEDDED_BROKER = "embedded"
LOOPBACK = "127.0.0.1"
#: In `also_called`: whatever the node is called.
ANY_TITLE = "*"
#: Secrets (URLs hold passwords) come from the environment and win over the file.
LEDGER_URL_VARIABLE = "CXR_LEDGER_URL"
BROKER_URL_VARIABLE = "CXR_BROKER_URL"


@dataclass(frozen=True, slots=True)
class Caller:
    """An Application Entity that may send to the node."""

    aet: str
    host: str | None = None  #: its IP address; None: any address


@dataclass(frozen=True, slots=True)
class Destination:
    """An Application Entity that results go to."""

    name: str  #: the ledger knows the destination by this: keep it when its address changes
    aet: str
    host: str
    port: int
    profile: Profile = STANDARD  #: what it gets
    kind: str = "dicom"

    @property
    def address(self) -> str:
        """Where it is, for a person."""
        return f"{self.aet}@{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "Destination":
        """From `AET@HOST:PORT`; raises UsageError."""
        aet, at, address = text.partition("@")
        host, colon, port = address.rpartition(":")
        if not (at and colon and host and port.isdigit()):
            raise UsageError(f"destination {text!r} is not AET@HOST:PORT")
        destination = cls(name=text, aet=aet, host=host.strip("[]"), port=int(port))
        if faults := _destination_faults(destination):
            raise UsageError(f"destination {text!r}: {'; '.join(faults)}")
        return destination


@dataclass(frozen=True, slots=True)
class Reports:
    """Which instances without a result get a report that says why."""

    failed: bool = True  #: those whose analysis broke off
    not_analysed: bool = False  #: those that are no frontal chest radiograph


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the parts need to be built. Paths are absolute."""

    state: Path  #: folder of the node's own files
    aet: str = "CXRNODE"
    host: str = LOOPBACK  #: address the listener binds
    port: int = 11112
    ledger_url: str = ""  #: SQLAlchemy URL; default: SQLite in the state folder
    broker_url: str = EMBEDDED_BROKER
    queue_prefix: str = "cxr"  #: names the queues, so that two nodes can share one RabbitMQ
    spool: Path = Path()  #: default: state/spool; on several hosts a shared mount
    callers: tuple[Caller, ...] = ()  #: empty: anyone, and then only on the loopback address
    destinations: tuple[Destination, ...] = ()
    no_destination: bool = False  #: meant so: results stay in the spool
    group_access: bool = False  #: the group may read and write the node's files: a shared mount
    reports: Reports = Reports()
    lung_model: str = ""  #: name or path of the lung network; default: the shipped one
    infection_model: str = ""
    device: str = "auto"  #: "auto" | "cpu" | "cuda"
    #: Called AE titles taken besides `aet`. DCMTK and pynetdicom call whom nobody named ANY-SCP.
    also_called: tuple[str, ...] = ("ANY-SCP",)
    max_associations: int = 20
    association_timeout_s: float = 5.0  #: a connection that asks for no association is closed
    network_timeout_s: float = 60.0  #: an association on which nothing comes is aborted
    max_instance_mb: int = 512  #: one larger is refused, and never held in memory
    lease_s: float = 120.0  #: a job not finished this long after its claim is given to another
    sources: tuple[Path, ...] = field(default=())  #: the file this was read from, for messages

    def __post_init__(self) -> None:
        # A default that depends on another field; frozen, hence object.__setattr__.
        if not self.ledger_url:
            object.__setattr__(self, "ledger_url", f"sqlite:///{self.state / 'ledger.sqlite'}")
        if self.spool == Path():
            object.__setattr__(self, "spool", self.state / "spool")
        if faults := _faults(self):
            raise ConfigError(faults)

    @property
    def queue_folder(self) -> Path:
        """Where the embedded broker keeps its messages."""
        return self.state / "queue"

    @property
    def run_folder(self) -> Path:
        """Locks of the processes alive on this host."""
        return self.state / "run"


def load(
    path: Path,
    environ: Mapping[str, str] = os.environ,
    options: Mapping[str, Any] = MappingProxyType({}),
    destinations: tuple[Destination, ...] = (),
) -> Config:
    """The configuration in `path`; raises ConfigError with every fault found.

    `options` are fields of Config that win over the file; `destinations` come on top of its own.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise ConfigError([f"{path}: cannot be read: {exc.strerror}"]) from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError([f"{path}: not valid TOML: {exc}"]) from exc
    tables = Tables(document)
    values = _config_values(tables, path.resolve().parent, environ)
    values = values | dict(options)
    values["destinations"] += destinations
    if tables.faults:
        raise ConfigError([f"{path}: {fault}" for fault in tables.faults])
    try:
        return Config(**values, sources=(path,))
    except ConfigError as exc:
        raise ConfigError([f"{path}: {fault}" for fault in exc.faults]) from exc


def _config_values(tables: Tables, folder: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    node = tables.one("node", {"aet": str, "host": str, "port": int, "state": str,
                               "also_called": list, "max_associations": int,
                               "association_timeout_s": float, "network_timeout_s": float,
                               "max_instance_mb": int, "no_destination": bool,
                               "group_access": bool})  # fmt: skip
    ledger = tables.one("ledger", {"url": str})
    broker = tables.one("broker", {"url": str, "queue_prefix": str})
    spool = tables.one("spool", {"folder": str})
    models = tables.one("models", {"lung": str, "infection": str, "device": str})
    worker = tables.one("worker", {"lease_s": float})
    reports = tables.one("reports", {"failed": bool, "not_analysed": bool})
    callers = tables.many("caller", {"aet": str, "host": str}, {"aet"})
    destination_keys = {"name": str, "aet": str, "host": str, "port": int} | PROFILE_KEYS
    destinations = tables.many("destination", destination_keys, {"aet", "host", "port"})
    tables.finish()
    if "state" not in node and not tables.faults:
        tables.faults.append("[node] state is missing: the folder for the node's own files")
    if node.get("port") == 0:
        tables.faults.append(f"[node] {not_a_port(0)}")
    values: dict[str, Any] = dict(node)
    values["state"] = folder / node.get("state", "")
    values |= {"also_called": tuple(node["also_called"])} if "also_called" in node else {}
    if "folder" in spool:
        values["spool"] = folder / spool["folder"]
    values["ledger_url"] = environ.get(LEDGER_URL_VARIABLE) or ledger.get("url", "")
    values["broker_url"] = environ.get(BROKER_URL_VARIABLE) or broker.get("url", EMBEDDED_BROKER)
    values |= {"queue_prefix": broker["queue_prefix"]} if "queue_prefix" in broker else {}
    values |= {f"{key}_model": models[key] for key in ("lung", "infection") if key in models}
    values |= {"device": models["device"]} if "device" in models else {}
    values |= worker
    values["reports"] = Reports(**reports)
    values["callers"] = tuple(Caller(**caller) for caller in callers)
    values["destinations"] = tuple(_destination(entry, tables.faults) for entry in destinations)
    return values


def _destination(entry: Mapping[str, Any], faults: list[str]) -> Destination:
    address = {key: entry[key] for key in ("aet", "host", "port")}
    name = entry.get("name", "{aet}@{host}:{port}".format(**address))
    profile = STANDARD
    try:
        profile = read_profile({key: entry[key] for key in PROFILE_KEYS if key in entry})
    except ConfigError as exc:
        faults += [f"destination {name!r}: {fault}" for fault in exc.faults]
    return Destination(name=name, **address, profile=profile)


def _faults(config: Config) -> list[str]:
    faults = [f"this node's AE title: {fault}" for fault in _aet_faults(config.aet)]
    # 0, any free port, is for those who can ask which: `load` and the command line refuse it.
    if not 0 <= config.port <= 65535:
        faults.append(not_a_port(config.port))
    faults += [
        f"also_called: {fault}"
        for title in config.also_called
        for fault in _aet_faults(title if isinstance(title, str) else "")
    ]
    for key in ("max_associations", "max_instance_mb"):
        if getattr(config, key) < 1:
            faults.append(f"{key} must be at least 1")
    for key in ("association_timeout_s", "network_timeout_s", "lease_s"):
        if getattr(config, key) < 1:
            faults.append(f"{key} must be at least 1 second")
    if config.device not in ("auto", "cpu", "cuda"):
        faults.append(f"device {config.device!r} is not one of auto, cpu, cuda")
    if not _is_loopback(config.host) and not config.callers:
        faults.append(
            f"listening on {config.host} needs a configuration with an allow-list ([[caller]]);"
            f" without one the node listens on {LOOPBACK} only"
        )
    for caller in config.callers:
        faults += [f"caller {caller.aet!r}: {fault}" for fault in _aet_faults(caller.aet)]
        if caller.host is not None and not _is_address(caller.host):
            faults.append(f"caller {caller.aet!r}: host {caller.host!r} is not an IP address")
    for destination in config.destinations:
        faults += [f"destination {destination.name!r}: {fault}"
                   for fault in _destination_faults(destination)]  # fmt: skip
    if config.destinations and config.no_destination:
        faults.append("no_destination and a destination contradict each other: drop one")
    faults += _doubles("destination", [destination.name for destination in config.destinations])
    return faults


def _doubles(kind: str, names: list[str]) -> list[str]:
    return [f"{kind} {name!r} is named twice" for name in dict.fromkeys(names)
            if names.count(name) > 1]  # fmt: skip


def _destination_faults(destination: Destination) -> list[str]:
    faults = _aet_faults(destination.aet)
    if not 1 <= destination.port <= 65535:
        faults.append(not_a_port(destination.port))
    if not destination.host:
        faults.append("host is empty")
    return faults


def not_a_port(port: int) -> str:
    return f"port {port} is not between 1 and 65535"


def _aet_faults(aet: str) -> list[str]:
    """PS3.5 6.2, VR AE: 1 to 16 characters of the default repertoire, no backslash or control."""
    if not aet.strip():
        return ["an AE title may not be empty"]
    if len(aet) > 16:
        return [f"AE title {aet!r} is longer than 16 characters"]
    if not aet.isascii() or not aet.isprintable() or "\\" in aet:
        return [f"AE title {aet!r} has a character that is not allowed"]
    return []


def _is_address(host: str) -> bool:
    return _try_address(host, lambda _: True)


def _is_loopback(host: str) -> bool:
    return host == "localhost" or _try_address(host, lambda address: address.is_loopback)


def _try_address(
    host: str, ask: Callable[[ipaddress.IPv4Address | ipaddress.IPv6Address], bool]
) -> bool:
    try:
        return ask(ipaddress.ip_address(host))
    except ValueError:
        return False
