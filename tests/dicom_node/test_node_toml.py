"""deploy/node.toml: every key there is, each with the value it has where it is left out.

How such a file is read, `documented` says.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from dicom_node.config import Caller, Config, Destination, User, parse
from inference.pipeline import Task
from inference.weights import DEFAULT_NETWORK
from sr_writer.equipment import Equipment
from tests.dicom_node.documented import examples, uncommented

FILE = Path(__file__).parents[2] / "deploy" / "node.toml"
TEXT = FILE.read_text("utf-8")
WRITTEN: dict[str, Any] = tomllib.loads(uncommented(TEXT))
MODELS: Mapping[str, type[BaseModel]] = {
    name: field.annotation
    for name, field in Config.model_fields.items()
    if isinstance(field.annotation, type)
} | {"caller": Caller, "destination": Destination, "user": User}


def entry(section: str) -> dict[str, Any]:
    found = WRITTEN[section]
    (keys,) = found if isinstance(found, list) else [found]
    return dict(keys)


def default(section: str, key: str) -> Any:
    """What the node does where the key is left out."""
    address = {"aet": "A", "host": "h", "port": 1}
    config = parse({"node": {"state": "/s"}, "destination": [address]})
    (destination,) = config.destinations
    match section, key:
        case (
            "destination",
            (
                "kind"
                | "preset"
                | "tls"
                | "verify"
                | "verify_within_s"
                | "give_up_days"
                | "silent"
                | "retrieve"
            ),
        ):
            return getattr(destination, key)
        case "destination", "sr":
            # The class of which a report is in the standard's outputs.
            return {"SR": "comprehensive-3d", "SR2D": "comprehensive"}[
                destination.profile.outputs[1]
            ]
        case "destination", _:
            return getattr(destination.profile, key)
        case "models", ("lung" | "infection"):
            return DEFAULT_NETWORK[Task(key)]
        case "equipment", _:
            return getattr(Equipment(), key)
        case "broker", "url":
            return config.broker.url.get_secret_value()
    return getattr(getattr(config, section), key)


@pytest.mark.parametrize("section", MODELS)
def test_every_key_of_every_section_is_there_and_no_other(section: str) -> None:
    assert entry(section).keys() == MODELS[section].model_fields.keys()


def test_the_file_has_no_section_that_there_is_not() -> None:
    assert WRITTEN.keys() == MODELS.keys()


SHOWN = [
    (section, key)
    for section in WRITTEN
    for key in entry(section)
    if (section, key) not in examples(TEXT)
    and not ((section, "*") in examples(TEXT) and MODELS[section].model_fields[key].is_required())
]


@pytest.mark.parametrize(("section", "key"), SHOWN)
def test_a_key_shows_the_value_it_has_where_it_is_left_out(section: str, key: str) -> None:
    meant = default(section, key)
    assert entry(section)[key] == (list(meant) if isinstance(meant, tuple) else meant)


def test_what_is_no_default_is_marked() -> None:
    assert examples(TEXT) == {
        *(("node", "state"), ("ledger", "url"), ("spool", "folder")),
        *(("ledger", "url_file"), ("broker", "url_file")),
        *(("retention", f"{what}_days") for what in ("delivered", "skipped", "held")),
        *(("caller", "*"), ("caller", "host"), ("destination", "*"), ("destination", "name")),
        *(
            (section, key)
            for section in ("tls", "destination")
            for key in ("certificate", "key", "trusted", "revoked")
        ),
        ("destination", "tls_name"),
        *(("shadow", key) for key in ("lung", "infection", "negative_below", "positive_above")),
        *(
            ("audit", key)
            for key in (
                *("file", "syslog", "source", "site"),
                *("tls_name", "trusted", "certificate", "key"),
            )
        ),
        *(
            ("notify", key)
            for key in (
                "email_to",
                "email_from",
                "smtp_host",
                "smtp_user",
                "smtp_password_file",
                "smtp_ca_file",
                "webhook_file",
                "webhook_ca_file",
                "command",
            )
        ),
        *(
            ("audit", key)
            for key in (
                *("file", "syslog", "source", "site"),
                *("tls_name", "trusted", "certificate", "key"),
            )
        ),
        *(("monitor", "proxy"), ("user", "*")),
    }


def test_the_file_is_good_as_it_is_and_with_every_key_in_effect() -> None:
    # A URL is there, or in a file.
    once = {name: {key: value for key, value in entry(name).items() if key != "url_file"}
            for name in ("ledger", "broker")}  # fmt: skip
    as_it_is, whole = parse(tomllib.loads(TEXT)), parse(WRITTEN | once)
    assert as_it_is.destinations[0].profile == whole.destinations[0].profile
    assert as_it_is.reports == whole.reports


def test_the_machine_uncomments_keys_and_leaves_prose() -> None:
    text = '[a]\n# b is = this.\n# It is so. (example)\n# c = 1\nd = 2\n# Prose\n#   "e" = 3\n'
    assert tomllib.loads(uncommented(text)) == {"a": {"c": 1, "d": 2}}
    assert examples(text) == {("a", "c")}
