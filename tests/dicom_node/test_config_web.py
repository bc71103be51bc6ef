"""`[[destination]]` of the kind "dicomweb", and deploy/dicomweb.toml, which explains its keys."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from dicom_node.config import AnyDestination, Config, WebDestination, load, parse
from dicom_node.errors import ConfigError
from tests.dicom_node.configurations import write
from tests.dicom_node.documented import examples, uncommented

FILE = Path(__file__).parents[2] / "deploy" / "dicomweb.toml"
TEXT = FILE.read_text("utf-8")
STOW = "https://archive.example/dicom-web/studies"


def parsed(**keys: Any) -> WebDestination:
    config = parse({"node": {"state": "/s"}, "destination": [{"kind": "dicomweb", **keys}]})
    (destination,) = config.destinations
    assert isinstance(destination, WebDestination)
    return destination


def faults(**keys: Any) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        parsed(**{"name": "cloud", "stow": STOW, **keys})
    return [fault.removeprefix("[[destination]] number 1 ") for fault in raised.value.faults]


# The file that explains


def test_every_key_is_there_with_its_default_or_marked_as_an_example() -> None:
    (written,) = tomllib.loads(uncommented(TEXT))["destination"]
    own = WebDestination.model_fields.keys() - AnyDestination.model_fields.keys()
    assert own | {"kind", "name", "preset"} == written.keys()
    shown = {key for key in written if ("destination", key) not in examples(TEXT)}
    assert shown == {"kind", "auth"}
    assert written["auth"] == parsed(name="a", stow=STOW).auth


def test_the_file_is_good_as_it_stands() -> None:
    (written,) = tomllib.loads(TEXT)["destination"]
    assert parsed(**written).address == STOW


# What is refused


@pytest.mark.parametrize(
    ("stow", "fault"),
    [
        ("archive.example/studies", "stow must begin with https:// (or http://) and a host"),
        ("ftp://archive.example/studies", "stow must begin with https:// (or http://) and a host"),
        ("https:///studies", "stow must begin with https:// (or http://) and a host"),
        ("https://archive.example:99999/studies", "stow is no URL, or has a port that is out of"),
        ("https://[::1/studies", "stow is no URL, or has a port that is out of range"),
        ("https://a.example/st\u00fcdies", "stow has a character that a URL may not have"),
        ("https://a.example/dicom web/studies", "stow has a character that a URL may not have"),
        ("https://archive.example/studies?token=SECRET", "stow may hold no ? and no #"),
        ("https://cxr:SECRET@archive.example/studies", "stow may hold no user and no password"),
        ("https://archive.example/dicom-web", "stow must end with /studies"),
    ],
)
def test_a_url_that_is_none_is_refused_and_not_quoted(stow: str, fault: str) -> None:
    (said,) = faults(stow=stow)
    assert said.startswith(fault)
    assert "SECRET" not in said


def test_a_slash_at_the_end_is_none() -> None:
    assert parsed(name="cloud", stow=f"{STOW}/").stow == STOW


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"auth": "basic"}, {'auth = "basic" needs user',
                             'auth = "basic" needs secret_file (or secret_variable)'}),
        ({"auth": "bearer", "secret_variable": "S", "secret_file": "f"},
         {"secret_file and secret_variable contradict each other: drop one"}),
        ({"auth": "oauth", "client_id": "c", "secret_variable": "S"},
         {'auth = "oauth" needs token_url'}),
        ({"user": "cxr", "secret_variable": "S"},
         {'user is of no use with auth = "none"',
          'secret_variable is of no use with auth = "none"'}),
        ({"auth": "bearer", "secret_variable": "S", "scope": "x"},
         {'scope is of no use with auth = "bearer"'}),
        ({"auth": "bearer", "secret_variable": "S", "stow": "http://archive.example/studies"},
         {"stow would show the secret to the network: use https"}),
        ({"key": "node.key"}, {"key needs a certificate"}),
        ({"certificate": "node.pem", "stow": "http://127.0.0.1/studies"},
         {"certificate needs a stow that begins with https://"}),
        ({"auth": "digest"}, {"auth must be 'none', 'basic', 'bearer' or 'oauth'"}),
        ({"secret_file": ""}, {"secret_file is empty: leave it out, or name a file"}),
        ({"aet": "CLOUD"}, {"aet is not a known key"}),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused(keys: dict[str, Any], said: set[str]) -> None:
    assert set(faults(**keys)) == said


def test_a_secret_may_go_to_this_host_in_clear() -> None:
    to = parsed(name="here", stow="http://127.0.0.1:8042/dicom-web/studies",
                auth="basic", user="cxr", secret_variable="S")  # fmt: skip
    assert to.auth == "basic"


def test_files_are_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    block = TEXT + 'ca_file = "ca.pem"\n'
    config: Config = load(write(tmp_path, f'[node]\nstate = "s"\n{block}'), {})
    (to,) = config.destinations
    assert isinstance(to, WebDestination)
    assert to.ca_file == tmp_path / "ca.pem"
