"""What is around the node: its port, its destinations, the clock, the versions it runs with."""

import ctypes
import platform
import tempfile
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dicom_node.cli.checks.check import Check, fault, ok, warning
from dicom_node.cli.node.preflight import fault_of_address, missing_destination
from dicom_node.config import AnyDestination, Config, Destination
from dicom_node.delivery.kinds import DESTINATION_KINDS
from dicom_node.errors import DestinationUnavailable
from dicom_node.ops.liveness import living_processes
from dicom_node.ops.running import last_run
from dicom_node.spool import Spool

#: What a fault report should name.
_LIBRARIES = ("pydicom", "pynetdicom", "highdicom", "numpy", "torch", "sqlalchemy", "kombu")
#: Of adjtimex(2): the kernel has been told of no other clock to follow.
_TIME_ERROR = 5
#: Larger than its `struct timex` on any architecture.
_TIMEX_BYTES = 1024


def port(config: Config) -> Check:
    """Free for a listener, or held by ours."""
    node = config.node
    name, address = "port", f"{node.host}:{node.port}"
    faults = list(fault_of_address(node.host, node.port))
    if not faults:
        return ok(name, f"{address} is free: no listener runs")
    running = last_run(node.state)
    if running and running.is_alive:
        if running.port == node.port:
            return ok(name, f"{address} is ours: cxr-node up, pid {running.pid}")
    elif pids := living_processes(node.run_folder, "listen"):
        return ok(name, f"{address} is ours: cxr-node listen, pid {pids[0]}")
    # Of this host alone, so it is no network that is asked.
    if _answers_as_ours(config):
        return ok(name, f"{address} is a listener that answers as {node.aet}")
    return fault(name, faults[0], "stop the other program, or choose another port in [node]")


def destinations(config: Config, *, network: bool) -> Iterator[Check]:
    """Each asked whether it is there, as the node will call it."""
    for said in missing_destination(config):
        yield fault("destinations", said, "name one in node.toml")
    for destination in config.destinations:
        name = f"destination {destination.name}"
        if not network:
            yield ok(name, f"{destination.address}, not asked")
            continue
        try:
            yield ok(name, f"{destination.address} {_ask(config, destination)}")
        except DestinationUnavailable as exc:
            yield fault(
                name, str(exc),
                "see that it runs and knows this node's AE title; what waits is sent once it does",
            )  # fmt: skip


def _ask(config: Config, destination: AnyDestination) -> str:
    kind = DESTINATION_KINDS[destination.kind]
    # Nothing is sent, and the node's own spool may not be there yet.
    with tempfile.TemporaryDirectory() as nowhere:
        return kind.carrier(destination, config.node.aet, Spool(Path(nowhere))).test()


def clock() -> Check:
    """Reports say when they were made, and deliveries are tried again by the clock."""
    now = datetime.now().astimezone()
    said = f"{now:%Y-%m-%d %H:%M:%S} {now.tzname()} (UTC{now:%z})"
    if not _is_synchronised():
        return warning(
            "clock", f"{said}, synchronised with no other", "run chrony or systemd-timesyncd"
        )
    return ok("clock", f"{said}, synchronised")


def versions() -> Check:
    said = [f"cxr-node {_version('cxr-node')}", f"Python {platform.python_version()}"]
    said += [f"{name} {_version(name)}" for name in _LIBRARIES]
    return ok("versions", ", ".join(said))


def _answers_as_ours(config: Config) -> bool:
    node = config.node
    host = "127.0.0.1" if node.host in ("", "0.0.0.0", "::") else node.host
    ours = Destination(name="this node", aet=node.aet, host=host, port=node.port)
    try:
        return bool(_ask(config, ours))
    except DestinationUnavailable:
        return False


def _is_synchronised() -> bool:
    """As the kernel says; True where it does not."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return True
    # All zero: asks, and sets nothing.
    return bool(adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)) != _TIME_ERROR)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
