"""A configuration read and validated: every fault at once, or none."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from dicom_node.config.destination import DEFAULT_KIND, AnyDestination, Destination
from dicom_node.config.faults import faults_in, faults_of, where_is, written_as_list
from dicom_node.config.handover import FhirDestination, Hl7Destination
from dicom_node.config.sections import Config
from dicom_node.config.values import CREDENTIALS, CREDENTIALS_VARIABLE, FOLDER, port_fault
from dicom_node.config.web import WebDestination
from dicom_node.errors import ConfigError
from dicom_node.spelling import did_you_mean

#: The model of each kind of destination, by the value of its key `kind`.
DESTINATION_SETTINGS: Mapping[str, type[AnyDestination]] = MappingProxyType(
    {
        DEFAULT_KIND: Destination,
        "dicomweb": WebDestination,
        "hl7": Hl7Destination,
        "fhir": FhirDestination,
    }
)
#: Secrets (URLs hold passwords) come from the environment and win over the file.
LEDGER_URL_VARIABLE = "CXR_LEDGER_URL"
BROKER_URL_VARIABLE = "CXR_BROKER_URL"
_FROM_ENVIRONMENT = {"ledger": LEDGER_URL_VARIABLE, "broker": BROKER_URL_VARIABLE}
_NOTHING: Mapping[str, Any] = MappingProxyType({})


def load(
    path: Path,
    environ: Mapping[str, str] = os.environ,
    options: Mapping[str, Any] = _NOTHING,
    destinations: tuple[AnyDestination, ...] = (),
    destination_settings: Mapping[str, type[AnyDestination]] = DESTINATION_SETTINGS,
    monitor: Mapping[str, Any] = _NOTHING,
) -> Config:
    """The configuration in `path`; raises ConfigError with every fault found.

    `options` are keys of `[node]` that win over the file, `monitor` of `[monitor]`; `destinations`
    come on top of its own.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise ConfigError([f"{path}: cannot be read: {exc.strerror}"]) from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError([f"{path}: not valid TOML: {exc}"]) from exc
    faults = []
    if isinstance(node := document.get("node", {}), dict):
        # A port of 0, any that is free, is an option for those who can ask which it came to.
        faults = [f"[node] port {port_fault(0)}"] if node.get("port") == 0 else []
        document["node"] = node | dict(options)
    if monitor and isinstance(keys := document.get("monitor", {}), dict):
        document["monitor"] = keys | dict(monitor)
    folder = path.resolve().parent
    try:
        config = parse(document, folder, environ, destinations, destination_settings)
    except ConfigError as exc:
        faults += exc.faults
    if faults:
        raise ConfigError([f"{path}: {fault}" for fault in faults])
    return config


def parse(
    document: Mapping[str, Any],
    folder: Path | None = None,
    environ: Mapping[str, str] = _NOTHING,
    destinations: tuple[AnyDestination, ...] = (),
    destination_settings: Mapping[str, type[AnyDestination]] = DESTINATION_SETTINGS,
) -> Config:
    """The configuration that a document is, as tomllib gives it; raises ConfigError.

    Relative paths are taken from `folder`, the working directory where there is none.
    """
    whole = {"node": {}} | dict(document)
    for section, variable in _FROM_ENVIRONMENT.items():
        keys = whole.get(section, {})
        if environ.get(variable) and isinstance(keys, dict):
            others = {key: value for key, value in keys.items() if key != "url_file"}
            whole[section] = others | {"url": environ[variable]}
    given = environ.get(CREDENTIALS_VARIABLE)
    context = {FOLDER: folder or Path.cwd(), CREDENTIALS: Path(given) if given else None}
    own, faults = _destinations(whole.pop("destination", []), destination_settings, context)
    whole["destination"] = [*own, *destinations]
    try:
        config = Config.model_validate(whole, context=context)
    except ValidationError as exc:
        # Not as the cause: a traceback must not show what pydantic was given.
        raise ConfigError([*faults_of(exc, Config, whole), *faults]) from None
    if faults:
        raise ConfigError(faults)
    return _with_urls_from_files(config)


def _with_urls_from_files(config: Config) -> Config:
    """With what lies in files of their own; raises ConfigError, in which nothing of them stands."""
    faults: list[str] = []
    read: dict[str, Any] = {}
    for name in _FROM_ENVIRONMENT:
        section = getattr(config, name)
        if section.url_file is None:
            continue
        try:
            url = section.url_file.read_text("utf-8").strip()
            checked = type(section).model_validate({"url": url})
        except (OSError, UnicodeDecodeError) as exc:
            why = exc.strerror if isinstance(exc, OSError) else "is no text"
            faults.append(f"[{name}] url_file {section.url_file}: {why}")
        except ValidationError as exc:
            said = faults_in(exc, type(section), f"[{name}]", {})
            faults += [f"{section.url_file}: {fault}" for fault in said]
        else:
            read[name] = section.model_copy(update={"url": checked.url})
    if faults:
        raise ConfigError(faults)
    return config.model_copy(update=read)


def _destinations(
    entries: Any, kinds: Mapping[str, type[AnyDestination]], context: dict[str, Path | None]
) -> tuple[list[AnyDestination], list[str]]:
    """Each by the model of its kind; and the faults of those that are none."""
    if not isinstance(entries, list):
        return [], [written_as_list("destination")]
    good: list[AnyDestination] = []
    faults: list[str] = []
    for number, entry in enumerate(entries, 1):
        where = where_is("destination", number)
        kind = entry.get("kind", DEFAULT_KIND) if isinstance(entry, dict) else DEFAULT_KIND
        model = kinds.get(kind) if isinstance(kind, str) else None
        if model is None:
            known = did_you_mean(str(kind), kinds) or f": it is one of {', '.join(kinds)}"
            faults.append(f"{where} kind {kind!r} is not known{known}")
            continue
        try:
            good.append(model.model_validate(entry, context=context))
        except ValidationError as exc:
            faults += faults_in(exc, model, where, entry if isinstance(entry, dict) else {})
    return good, faults
