"""The configuration: what is accepted, and that every fault is named at once."""

import pickle
import re
import traceback
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dicom_node.cli.node.parts import pipeline_of
from dicom_node.config import (
    DESTINATION_KINDS,
    AnyDestination,
    Caller,
    Config,
    Destination,
    Reports,
    load,
    parse,
)
from dicom_node.config.profiles import PRESETS, STANDARD, Profile
from dicom_node.errors import ConfigError, UsageError


def write(folder: Path, text: str) -> Path:
    path = folder / "node.toml"
    path.write_text(text, "utf-8")
    return path


def of_node(state: Path, **keys: Any) -> Config:
    """A configuration of nothing but `[node]`."""
    return parse({"node": {"state": state, **keys}})


def to(name: str = "pacs", aet: str = "PACS", **keys: Any) -> Destination:
    return Destination(name=name, aet=aet, host="h", port=104, **keys)


def test_the_defaults_listen_on_loopback_with_nothing_installed(tmp_path: Path) -> None:
    config = of_node(tmp_path)
    assert config.node.host == "127.0.0.1"
    assert config.ledger_url == f"sqlite:///{tmp_path}/ledger.sqlite"
    assert config.broker.url.get_secret_value() == "embedded"
    assert config.spool_folder == tmp_path / "spool"


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        [node]
        aet = "CXR1"
        host = "10.1.2.3"
        port = 104
        state = "var"
        also_called = ["OLDNODE"]
        association_timeout_s = 2
        network_timeout_s = 90.5
        max_instance_mb = 64
        [ledger]
        url = "postgresql+psycopg://db/cxr"
        [broker]
        url = "amqp://rabbit//"
        [worker]
        lease_s = 60
        [models]
        lung = "fpn-resnet18"
        device = "cpu"
        [[caller]]
        aet = "PACS"
        host = "10.1.2.4"
        [[destination]]
        aet = "PACS"
        host = "pacs.example"
        port = 11112
        [[destination]]
        name = "research"
        aet = "ORTHANC"
        host = "127.0.0.1"
        port = 4242
        preset = "slicer"
        transfer_syntaxes = ["implicit"]
        next_best = false
        [reports]
        not_analysed = true
        [equipment]
        device_uid = "1.2.3"
        """,
    )
    config = load(path, environ={})
    assert config.node.state == tmp_path / "var"
    assert config.callers == (Caller(aet="PACS", host="10.1.2.4"),)
    assert [d.name for d in config.destinations] == ["PACS@pacs.example:11112", "research"]
    assert [d.profile for d in config.destinations] == [
        STANDARD,
        Profile(("SEG", "SR"), ("implicit",), next_best=False),
    ]
    assert config.reports == Reports(failed=True, not_analysed=True)
    assert config.worker.lease_s == 60.0
    assert config.node.also_called == ("OLDNODE",)
    assert (config.node.association_timeout_s, config.node.network_timeout_s) == (2.0, 90.5)
    assert config.node.max_instance_mb == 64
    assert (config.models.lung, config.models.device) == ("fpn-resnet18", "cpu")
    assert config.equipment.device_uid == "1.2.3"


def test_secrets_in_the_environment_win_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, '[node]\nstate = "s"\n[ledger]\nurl = "sqlite:///x"\n')
    environ = {"CXR_LEDGER_URL": "postgresql://u:secret@db/cxr", "CXR_BROKER_URL": "amqp://b"}
    config = load(path, environ)
    assert (config.ledger_url, config.broker.url.get_secret_value()) == tuple(environ.values())


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        [node]
        state = "s"
        prot = 104
        port = "104"
        [nodes]
        [[destination]]
        aet = "PACS"
        [[destination]]
        name = "old"
        aet = "OLD"
        host = "h"
        port = 104
        preset = "olde"
        outputs = "SC"
        [reports]
        failed = 1
        [worker]
        lease_s = "120"
        [models]
        device = "tpu"
        [ledger]
        url = 5
        [broker]
        url = ""
        [[caller]]
        aet = ""
        host = "pacs.example"
        [equipment]
        manufacturer = "B\\u00fcro"
        model_name = ""
        device_serial_number = "A\\\\B"
        device_uid = "1.02"
        """,
    )
    with pytest.raises(ConfigError) as caught:
        load(path, environ={})
    message = str(caught.value)
    for fault in (
        "[node] prot is not a known key",
        "[node] port must be a whole number",
        "[nodes] is not a known section: did you mean node?",
        "[[destination]] number 1 host is missing",
        "[[destination]] number 1 port is missing",
        "[[destination]] number 2 preset 'olde' is not one of standard, ohif",
        "[[destination]] number 2 outputs must be a list in brackets",
        "[reports] failed must be true or false",
        "[worker] lease_s must be a number of seconds",
        "[models] device must be 'auto', 'cpu' or 'cuda'",
        "[ledger] url must be text in quotes",
        "[broker] url is empty: leave it out",
        "[[caller]] number 1 aet may not be empty",
        "[[caller]] number 1 host 'pacs.example' is not an IP address",
        "[equipment] manufacturer 'B\u00fcro' is not 1 to 64 ASCII characters",
        "[equipment] model_name '' is not 1 to 64 ASCII characters",
        "[equipment] device_serial_number 'A\\\\B' is not 1 to 64 ASCII characters",
        "[equipment] device_uid '1.02' is not a UID",
    ):
        assert fault in message
    assert len(caught.value.faults) == 18


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('hots = "0.0.0.0"', "[node] hots is not a known key: did you mean host?"),
        ('ae_title = "X"', "[node] ae_title is not a known key"),
        ("port = 70000", "[node] port 70000 is not between 1 and 65535"),
        ("port = 0", "[node] port 0 is not between 1 and 65535"),
        ('aet = "A\\\\B"', "[node] aet 'A\\\\B' has a character that is not allowed"),
        ("[worker]\nlease_s = 0", "[worker] lease_s must be a number of seconds greater than 0"),
        ("[worker]\nlease_s = inf", "[worker] lease_s must be a number of seconds greater than 0"),
        ("[worker]\nlease_s = true", "[worker] lease_s must be a number of seconds"),
        ("also_called = [4242]", "[node] also_called number 1 must be text in quotes"),
        ("[caller]\naet = 'A'", "[caller] must be written [[caller]], once for each"),
        ("[destination]\naet = 'A'", "[destination] must be written [[destination]]"),
        ("[[worker]]\nlease_s = 5", "[worker] must be a table of keys"),
        (
            "[[destination]]\nkind = 'dicm'",
            "number 1 kind 'dicm' is not known: did you mean dicom?",
        ),
        ("[[destination]]\nkind = 5", "number 1 kind 5 is not known: it is one of dicom"),
    ],
)
def test_a_fault_of_a_key_says_what_it_should_be(tmp_path: Path, line: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, f'[node]\nstate = "s"\n{line}\n'), environ={})
    (said,) = caught.value.faults
    assert fault in said


def test_a_key_that_is_already_there_is_not_what_was_meant(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, '[node]\nstate = "s"\nhost = "127.0.0.1"\nhots = "x"\n'), environ={})
    assert "did you mean" not in str(caught.value)


def test_options_win_over_the_file_and_destinations_add_to_its_own(tmp_path: Path) -> None:
    text = '[node]\nstate = "s"\nport = 104\n[[destination]]\naet = "A"\nhost = "h"\nport = 1\n'
    options = {"state": tmp_path / "other", "port": 0}
    config = load(write(tmp_path, text), {}, options, (Destination.parse("B@h:2"),))
    assert (config.node.state, config.node.port) == (tmp_path / "other", 0)
    assert config.ledger_url == f"sqlite:///{tmp_path}/other/ledger.sqlite"
    assert config.destination_names == ("A@h:1", "B@h:2")


def test_another_address_than_loopback_needs_an_allow_list(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a configuration with an allow-list"):
        of_node(tmp_path, host="0.0.0.0")
    node = {"state": tmp_path, "host": "0.0.0.0"}
    assert parse({"node": node, "caller": [{"aet": "PACS"}]}).node.host == "0.0.0.0"


@pytest.mark.parametrize(
    ("aet", "fault"),
    [("", "empty"), ("   ", "empty"), ("A" * 17, "longer than 16"), ("A\\B", "not allowed")],
)
def test_an_ae_title_must_be_one(tmp_path: Path, aet: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        of_node(tmp_path, aet=aet)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"also_called": ("A" * 17,)}, "also_called 'A+' is longer than 16"),
        ({"also_called": ("",)}, "also_called may not be empty: it is an AE title"),
        ({"association_timeout_s": 0.5}, "association_timeout_s must be at least 1 second"),
        ({"network_timeout_s": 0.0}, "network_timeout_s must be a number of seconds greater"),
        ({"max_instance_mb": 0}, "max_instance_mb must be at least 1"),
    ],
)
def test_limits_of_associations_must_be_possible(
    tmp_path: Path, options: dict[str, Any], fault: str
) -> None:
    with pytest.raises(ConfigError, match=fault):
        of_node(tmp_path, **options)


def test_a_destination_named_twice_is_a_fault(tmp_path: Path) -> None:
    twice = to("pacs", "A"), to("pacs", "B")
    with pytest.raises(ConfigError, match="named twice"):
        parse({"node": {"state": tmp_path}}, destinations=twice)


def test_rules_between_sections_are_named_with_the_faults_within_them(tmp_path: Path) -> None:
    node = {"state": tmp_path, "host": "0.0.0.0", "no_destination": True}
    document = {"node": node, "worker": {"lease_s": "x"}, "destination": [{"aet": "A"}]}
    with pytest.raises(ConfigError) as caught:
        parse(document, destinations=(to("pacs"), to("pacs")))
    assert [fault.split()[-1] for fault in caught.value.faults] == [
        "seconds", "only", "twice", "one", "missing", "missing",
    ]  # fmt: skip


class Shelf(AnyDestination):
    """A kind of destination that the project does not have."""

    kind: Literal["shelf"]
    board: int


def test_another_kind_of_destination_brings_its_own_keys(tmp_path: Path) -> None:
    text = '[node]\nstate = "s"\n[[destination]]\nkind = "shelf"\nname = "S"\nboard = 3\n'
    kinds = {**DESTINATION_KINDS, "shelf": Shelf}
    config = load(write(tmp_path, text + 'preset = "slicer"\n'), {}, destination_kinds=kinds)
    (shelf,) = config.destinations
    assert (shelf, shelf.profile) == (
        Shelf(kind="shelf", name="S", board=3, preset="slicer"),
        PRESETS["slicer"],
    )
    with pytest.raises(ConfigError, match=r"number 1 bord is not a known key: did you mean board"):
        load(write(tmp_path, text.replace("board", "bord")), {}, destination_kinds=kinds)
    with pytest.raises(ConfigError, match="kind 'shelf' is not known: it is one of dicom"):
        load(write(tmp_path, text), {})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("embedded", "embedded"),
        ("sqlite:////var/lib/ledger.sqlite", "sqlite:////var/lib/ledger.sqlite"),
        ("postgresql+psycopg://cxr@db/cxr", "postgresql+psycopg://cxr@db/cxr"),
        ("postgresql://cxr:SECRET@db/cxr", "postgresql://cxr:***@db/cxr"),
        ("amqp://cxr:SECRET/w@i:th#odd?ones@rabbit//", "amqp://cxr:***@rabbit//"),
        ("redis://:SECRET@host", "redis://:***@host"),
        ("postgresql://db/cxr?user=u&password=SECRET&a=b", "postgresql://db/cxr?user=u&password=***&a=b"),
        ("amqp://a:SECRET@h1//;amqp://b:SECRET@h2//", "amqp://a:***@h1//;amqp://b:***@h2//"),
    ],
)  # fmt: skip
def test_a_password_is_shown_nowhere(tmp_path: Path, url: str, shown: str) -> None:
    environ = {"CXR_BROKER_URL": url, "CXR_LEDGER_URL": url}
    config = parse({"node": {"state": tmp_path}}, environ=environ)
    assert config.broker.url.get_secret_value() == config.ledger_url == url
    assert str(config.broker.url) == str(config.ledger.url) == shown
    for text in (repr(config), str(config), f"{config.broker}", str(config.model_dump())):
        assert "SECRET" not in text


def test_a_password_is_not_in_a_fault(tmp_path: Path) -> None:
    environ = {"CXR_BROKER_URL": "amqp://u:SECRET@h", "CXR_LEDGER_URL": "sqlite:///x"}
    with pytest.raises(ConfigError) as caught:
        parse({"node": {"state": tmp_path}, "broker": {"ulr": "SECRET"}}, environ=environ)
    told = "".join(traceback.format_exception(caught.value))
    assert "[broker] ulr is not a known key" in told
    assert "SECRET" not in told.replace('"SECRET"', "")


_SECTIONS = {field.alias or name for name, field in Config.model_fields.items()}
_KEYS = ("state", "aet", "host", "port", "url", "kind", "name", "outputs", "lease_s", "preset",
         "also_called", "device_uid", "transfer_syntaxes")  # fmt: skip
#: What tomllib can give.
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.text(max_size=5) | st.integers() | st.floats() | st.booleans() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner),
    max_leaves=8,
)
_TABLES = st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=5), _VALUES, max_size=6)


@given(
    st.dictionaries(
        st.sampled_from(sorted(_SECTIONS)) | st.text(max_size=5),
        _TABLES | st.lists(_TABLES, max_size=3) | _VALUES,
        max_size=5,
    )
)
def test_whatever_is_written_is_a_configuration_or_faults_in_words(
    document: dict[str, Any],
) -> None:
    faults = faults_of(document)
    assert all(re.match(r"\[+.*\]+ ", fault, re.S) for fault in faults)
    assert "pydantic" not in "".join(faults)
    assert "Input should" not in "".join(faults)


def faults_of(document: dict[str, Any]) -> list[str]:
    try:
        parse(document)
    except ConfigError as exc:
        return exc.faults
    return []


def test_a_configuration_cannot_be_changed_and_goes_to_another_process(tmp_path: Path) -> None:
    config = parse({"node": {"state": tmp_path}}, destinations=(to(),))
    with pytest.raises(ValidationError, match="frozen"):
        config.node.port = 104
    assert pickle.loads(pickle.dumps(config)) == config


@pytest.mark.parametrize("text", ["PACS", "PACS@host", "PACS@:104", "@host:104", "PACS@h:port"])
def test_a_malformed_destination_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not AET@HOST:PORT|empty"):
        Destination.parse(text)


def test_a_destination_is_parsed() -> None:
    assert Destination.parse("PACS@[::1]:104") == Destination(
        name="PACS@[::1]:104", aet="PACS", host="::1", port=104
    )


def test_a_file_that_is_not_there_or_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "absent.toml", environ={})
    with pytest.raises(ConfigError, match="not valid TOML"):
        load(write(tmp_path, "[node"), environ={})


def test_a_changed_profile_makes_no_new_jobs(tmp_path: Path) -> None:
    """A job is an instance and a pipeline, and a pipeline is how an instance is analysed."""
    configs = [
        parse({"node": {"state": tmp_path}}, destinations=(to(preset=preset),))
        for preset in PRESETS
    ]
    assert len({pipeline_of(config) for config in configs}) == 1
