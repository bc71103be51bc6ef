"""`cxr-node config`: whether a configuration is good and what it means, and every key in effect."""

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicom_node.cli.terminal.options import Commands, add_node, node_config

if TYPE_CHECKING:
    from dicom_node.config import AnyDestination, Caller, Config

_DEFAULT = "default"
#: What callers have to speak, by `[tls] listen`.
_SPOKEN = {
    "off": "without TLS",
    "server": "TLS alone",
    "mutual": "TLS alone, with certificates of both sides",
}
#: By a destination's `verify`.
_CONFIRMED = {
    "none": "not verified",
    "query": "verified by a query",
    "commitment": "verified by storage commitment",
}
_AS_PRESET = "as the preset says"
#: Sections that may be there several times, by their name in Config.
_REPEATED = ("callers", "destinations", "users")


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "config",
        help="check a configuration, or show every key in effect",
        description="Look at a configuration without starting anything. `check` names every fault"
        " in it, or says what it means; `show` prints all of it as TOML, defaults included, with a"
        " comment beside what the file does not say. Passwords are masked by both. Folders, ports"
        " and services are not touched: a start looks at those.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    for name, run, what in (
        ("check", check, "name every fault, or say what it means; exit code 2 where there are any"),
        ("show", show, "print every key in effect, as TOML"),
    ):
        action = actions.add_parser(name, help=what, description=f"{what.capitalize()}.")
        add_node(action)
        action.set_defaults(command=run)


def check(arguments: argparse.Namespace) -> int:
    config = node_config(arguments)
    print(f"{arguments.config or 'what is built in'}: good")
    print("\n".join(_meaning(config, _origins(arguments, config))))
    return 0


def show(arguments: argparse.Namespace) -> int:
    config = node_config(arguments)
    print(f"# In effect with {arguments.config or 'nothing configured'}; passwords are masked.")
    print("\n".join(_toml(config, _origins(arguments, config))))
    return 0


def _origins(arguments: argparse.Namespace, config: "Config") -> dict[tuple[str, str], str]:
    """Where a value is from that is neither from the file nor a default, by section and key."""
    from dicom_node.config import BROKER_URL_VARIABLE, LEDGER_URL_VARIABLE

    origins = {}
    if arguments.state is not None:
        origins["node", "state"] = "from --state"
    elif arguments.config is None:
        origins["node", "state"] = _DEFAULT
    for section, variable in (("ledger", LEDGER_URL_VARIABLE), ("broker", BROKER_URL_VARIABLE)):
        if arguments.config is not None and os.environ.get(variable):
            origins[section, "url"] = f"from {variable}"
        elif (path := getattr(config, section).url_file) is not None:
            origins[section, "url"] = f"from {path}"
    return origins


def _meaning(config: "Config", origins: Mapping[tuple[str, str], str]) -> Iterator[str]:
    from dicom_node.config import PortDestination

    node = config.node
    yield f"listens as {node.aet} on {node.host}:{node.port}, {_SPOKEN[config.tls.listen]}"
    if config.callers:
        yield f"takes instances from {', '.join(map(_caller, config.callers))}"
        yield from _out_of_reach(config)
    else:
        yield "takes instances from anyone on this host, and from nowhere else"
    for destination in config.destinations:
        name, address = destination.name, destination.address
        where = "" if name == address else f" ({address})"
        over = " over TLS" if isinstance(destination, PortDestination) and destination.tls else ""
        silent = "; silent: all is held, nothing is sent" if destination.silent else ""
        gets, confirmed = _gets(destination), _CONFIRMED[destination.verify]
        yield f"{name}{where} gets{over} {gets}; {confirmed}{silent}"
    if node.no_destination:
        yield "results stay in the spool"
    elif not config.destinations:
        yield "no destination: only `listen` starts without one, or without no_destination = true"
    for what, where in (("ledger", _ledger(config)), ("broker", str(config.broker.url))):
        origin = origins.get((what, "url"))
        yield f"{what}: {where}{f' ({origin})' if origin else ''}"
    yield f"spool: {config.spool_folder}"
    yield from _workers(config)
    yield _page(config)
    monitor = config.monitor
    if config.users and monitor.pages and not (monitor.tls or monitor.is_for_this_host):
        yield (
            "warning: passwords and pictures cross the network in clear: set [monitor] tls = true,"
            " or let a proxy that speaks HTTPS be all that reaches this address"
        )


def _workers(config: "Config") -> Iterator[str]:
    """Of more than one, which is a host's own choice."""
    from dicom_node.cli.node.room import WORKER_BYTES, free_memory, workers_of

    asked = config.worker.processes
    if asked == 1:
        return
    count, free = workers_of(config), free_memory()
    yield f"workers: {count}" + (
        ", by the cores and memory of this host now" if asked == "auto" else ""
    )
    if asked != "auto" and count * WORKER_BYTES > free:
        yield (
            f"warning: {count} workers may take {count * WORKER_BYTES / 2**30:.1f} GiB, and"
            f" {free / 2**30:.1f} GiB are free here"
        )


def _page(config: "Config") -> str:
    monitor = config.monitor
    if not monitor.listen:
        return "no page, and nothing for a monitor to ask"
    where = f"at {monitor.scheme}://{monitor.listen}"
    if not monitor.pages:
        return f"no page; /healthz and /readyz {where}"
    who = [f"{user.name} ({user.role})" for user in config.users]
    who += [f"whom the proxy {monitor.proxy} names"] if monitor.proxy else []
    return f"page {where}, for {', '.join(who) or 'this host: cxr-node page link lets you in'}"


def _out_of_reach(config: "Config") -> Iterator[str]:
    """Callers on other hosts, of a node that listens on this one alone."""
    from dicom_node.config.values import is_loopback

    away = [one for one in config.callers if one.host and not is_loopback(str(one.host))]
    if away and is_loopback(config.node.host):
        yield (
            f"warning: {', '.join(map(_caller, away))} cannot reach {config.node.host}: set [node]"
            " host to this host's address in their network, or to 0.0.0.0, all that it has"
        )


def _caller(caller: "Caller") -> str:
    return f"{caller.aet} at {caller.host or 'any address'}"


def _gets(destination: "AnyDestination") -> str:
    profile = destination.profile
    instead = [f"{new} for {old}" for new, old in profile.reserves.items()]
    reserves = f"; where that is not accepted, {', '.join(instead)}" if instead else ""
    return f"{', '.join(profile.outputs)}{reserves}"


def _ledger(config: "Config") -> str:
    return str(config.ledger.url or config.ledger_url)


def _toml(config: "Config", origins: Mapping[tuple[str, str], str]) -> Iterator[str]:
    effective = _effective(config)
    for name in type(config).model_fields:
        if name in _REPEATED:
            continue
        section = getattr(config, name)
        yield f"\n[{name}]"
        for key in type(section).model_fields:
            default = None if key in section.model_fields_set else _DEFAULT
            value = effective.get((name, key), getattr(section, key))
            if value is None and key == "url_file":
                continue
            if value is None:
                yield f"# {key} left out: {'never' if name == 'retention' else 'none'}"
                continue
            yield _line(key, value, origins.get((name, key), default))
    for caller in config.callers:
        yield "\n[[caller]]"
        yield _line("aet", caller.aet)
        yield _line("host", caller.host) if caller.host else "# host left out: any address"
    for user in config.users:
        yield "\n[[user]]"
        yield from (_line(key, getattr(user, key)) for key in type(user).model_fields)
    for destination in config.destinations:
        yield "\n[[destination]]"
        yield from _destination(destination)


def _effective(config: "Config") -> dict[tuple[str, str], Any]:
    """What is used where the file leaves a key open."""
    from dicom_node.cli.node.opening import equipment_of
    from inference.weights import DEFAULT_NETWORK

    equipment = equipment_of(config)
    made_by = {("equipment", key): getattr(equipment, key)
               for key in type(config.equipment).model_fields}  # fmt: skip
    networks = {("models", task.value): getattr(config.models, task.value) or name
                for task, name in DEFAULT_NETWORK.items()}  # fmt: skip
    places = {("ledger", "url"): _ledger(config), ("spool", "folder"): config.spool_folder}
    return made_by | networks | places


def _destination(destination: "AnyDestination") -> Iterator[str]:
    for key in type(destination).model_fields:
        value, comment = getattr(destination, key), None
        if value is None:
            # The class of the report shows in the outputs.
            value, comment = getattr(destination.profile, key, None), _AS_PRESET
        elif key not in destination.model_fields_set or (key, value) == (
            "name",
            destination.address,
        ):
            comment = _DEFAULT
        if value is not None:
            yield _line(key, value, comment)


def _line(key: str, value: Any, comment: str | None = None) -> str:
    return f"{key} = {_value(value)}{f'  # {comment}' if comment else ''}"


def _value(value: Any) -> str:
    """As TOML writes it. JSON's texts are TOML's, but for one control character."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case tuple():
            return f"[{', '.join(map(_value, value))}]"
        case Path() | str():
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
        case _:
            return _value(str(value))
