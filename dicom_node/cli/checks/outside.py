"""What is around the node: its port, certificates, audit trail, the versions it runs with."""

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from dicom_node.audit.targets import targets_of
from dicom_node.audit.trail import waiting
from dicom_node.cli.checks.check import Check, Key, fault, ok, warning
from dicom_node.cli.checks.destinations import ask
from dicom_node.cli.node.preflight import fault_of_address
from dicom_node.config import Config, Destination
from dicom_node.errors import DestinationUnavailable, UsageError
from dicom_node.ops.certificates import certificate_warnings, certificates_of
from dicom_node.ops.liveness import living_processes
from dicom_node.ops.running import last_run

#: What a fault report should name.
_LIBRARIES = ("pydicom", "pynetdicom", "highdicom", "numpy", "torch", "sqlalchemy", "kombu")


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
        return ok(name, f"{address} is ours: cxr-node listen, pid {', '.join(map(str, pids))}")
    # Of this host alone, so it is no network that is asked.
    if _answers_as_ours(config):
        return ok(name, f"{address} is a listener that answers as {node.aet}")
    key = Key("node", "host" if "no address" in faults[0] or "not an" in faults[0] else "port")
    return fault(name, faults[0], "stop the other program, or choose another port in [node]", key)


def tls(config: Config) -> Check:
    """The certificates, the node's own and those it believes."""
    name = "certificates"
    try:
        found = certificates_of(config)
    except UsageError as exc:
        return fault(name, str(exc), "correct [tls], or whose files those are",
                     Key("tls", "certificate"))  # fmt: skip
    if said := certificate_warnings(config, datetime.now(UTC)):
        return warning(name, "; ".join(said), "have it renewed: the new file is taken by itself")
    ends = [one.expires_at for one in found if one.expires_at is not None]
    if not ends:
        return ok(name, "none: DICOM without TLS")
    return ok(name, f"{len(found)}, the first to expire on {min(ends):%Y-%m-%d}")


def audit(config: Config) -> Check:
    """Whether its targets take messages: the file is opened, the receiver's TLS is spoken."""
    name = "audit trail"
    if not config.audit.is_on:
        return ok(name, "none is asked for ([audit])")
    for target in targets_of(config.audit):
        try:
            # Nothing is told, but all that leads there is gone through.
            target.tell(())
        except OSError as exc:
            key = Key("audit", "file" if target.name.startswith("file") else "syslog")
            return fault(name, f"{target.name}: {exc.strerror or exc}",
                         "correct [audit], or mend what it names; messages are kept meanwhile",
                         key)  # fmt: skip
    try:
        counts = waiting(config.audit, config.node.state)
    except OSError as exc:
        return fault(name, str(exc), "chown it to the node's user", Key("node", "state"))
    left = sum(counts.values())
    return ok(name, f"{', '.join(counts)}: taken; {left} messages wait")


def versions() -> Check:
    said = [f"cxr-node {_version('cxr-node')}", f"Python {platform.python_version()}"]
    said += [f"{name} {_version(name)}" for name in _LIBRARIES]
    return ok("versions", ", ".join(said))


def this_node(config: Config) -> Destination:
    """The node's own listener, as somebody on this host calls it."""
    node = config.node
    host = "127.0.0.1" if node.host in ("", "0.0.0.0", "::") else node.host
    here = Destination(name="this node", aet=node.aet, host=host, port=node.port)
    if config.tls.listen == "off":
        return here
    secured = {"tls": True, "tls_name": "*", "trusted": config.tls.certificate}
    return here.model_copy(update=secured).secured_by(config.tls)


def _answers_as_ours(config: Config) -> bool:
    try:
        return bool(ask(config, this_node(config)))
    except DestinationUnavailable:
        return False


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
