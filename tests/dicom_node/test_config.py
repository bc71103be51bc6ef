"""The configuration: what is accepted, and what it comes to."""

import pickle
from pathlib import Path
from typing import Literal

import pytest
from pydantic import ValidationError

from dicom_node.cli.node.opening import pipeline_of
from dicom_node.config import (
    DESTINATION_SETTINGS,
    AnyDestination,
    Caller,
    Destination,
    Reports,
    ServiceUrl,
    load,
    parse,
)
from dicom_node.config.profiles import PRESETS, STANDARD, Profile
from dicom_node.errors import ConfigError
from tests.dicom_node.configurations import of_node, to, write


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
        negative_below = 0.1
        positive_above = 0.7
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
    assert (config.models.settings.negative_below, config.models.settings.positive_above) == (
        0.1,
        0.7,
    )
    assert (config.models.lung, config.models.device) == ("fpn-resnet18", "cpu")
    assert config.equipment.device_uid == "1.2.3"


def test_urls_may_lie_in_files_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("postgresql://u:SECRET@db/cxr\n")
    (tmp_path / "broker").write_text("amqp://u:SECRET@rabbit//\n")
    path = write(tmp_path, '[node]\nstate = "s"\n[ledger]\nurl_file = "ledger"\n'
                           '[broker]\nurl_file = "broker"\n')  # fmt: skip
    config = load(path, environ={})
    assert config.ledger_url == "postgresql://u:SECRET@db/cxr"
    assert config.broker.url.get_secret_value() == "amqp://u:SECRET@rabbit//"
    assert "SECRET" not in repr(config)
    assert load(path, {"CXR_LEDGER_URL": "sqlite:///x"}).ledger_url == "sqlite:///x"


def test_nothing_of_a_file_with_a_url_is_quoted(tmp_path: Path) -> None:
    bad, binary = tmp_path / "bad", tmp_path / "binary"
    bad.write_text("mysql://u:SECRET@db")
    binary.write_bytes(b"\xffSECRET")
    for value, said in ((bad, "must begin with sqlite"), (binary, "is no text"),
                        (tmp_path / "none", "No such file")):  # fmt: skip
        with pytest.raises(ConfigError) as raised:
            parse({"node": {"state": tmp_path}, "ledger": {"url_file": str(value)}})
        assert said in str(raised.value)
        assert "SECRET" not in str(raised.value)
        assert raised.value.__cause__ is None
    with pytest.raises(ConfigError, match="url and url_file contradict"):
        parse({"node": {"state": tmp_path}, "broker": {"url": "amqp://b", "url_file": str(bad)}})


def test_a_secret_of_systemd_is_named_by_the_folder_that_systemd_says(tmp_path: Path) -> None:
    (tmp_path / "ledger-url").write_text("postgresql://cxr:secret@db/cxr")
    document = {
        "node": {"state": tmp_path},
        "ledger": {"url_file": "$CREDENTIALS_DIRECTORY/ledger-url"},
    }
    config = parse(document, environ={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert config.ledger_url == "postgresql://cxr:secret@db/cxr"
    with pytest.raises(ConfigError, match=r"names \$CREDENTIALS_DIRECTORY, which nobody"):
        parse(document)


def test_secrets_in_the_environment_win_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, '[node]\nstate = "s"\n[ledger]\nurl = "sqlite:///x"\n')
    environ = {"CXR_LEDGER_URL": "postgresql://u:secret@db/cxr", "CXR_BROKER_URL": "amqp://b"}
    config = load(path, environ)
    assert (config.ledger_url, config.broker.url.get_secret_value()) == tuple(environ.values())


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


class Shelf(AnyDestination):
    """A kind of destination that the project does not have."""

    kind: Literal["shelf"]
    board: int


def test_another_kind_of_destination_brings_its_own_keys(tmp_path: Path) -> None:
    text = '[node]\nstate = "s"\n[[destination]]\nkind = "shelf"\nname = "S"\nboard = 3\n'
    kinds: dict[str, type[AnyDestination]] = {**DESTINATION_SETTINGS, "shelf": Shelf}
    config = load(write(tmp_path, text + 'preset = "slicer"\n'), {}, destination_settings=kinds)
    (shelf,) = config.destinations
    assert (shelf, shelf.profile) == (
        Shelf(kind="shelf", name="S", board=3, preset="slicer"),
        PRESETS["slicer"],
    )
    with pytest.raises(ConfigError, match=r"number 1 bord is not a known key: did you mean board"):
        load(write(tmp_path, text.replace("board", "bord")), {}, destination_settings=kinds)
    with pytest.raises(ConfigError, match="kind 'shelf' is not known: it is one of dicom"):
        load(write(tmp_path, text), {})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////var/lib/le:d@ger.sqlite", "sqlite:////var/lib/le:d@ger.sqlite"),
        ("postgresql+psycopg://cxr@db/cxr", "postgresql+psycopg://cxr@db/cxr"),
        ("postgresql://cxr:SECRET@db/cxr", "postgresql://cxr:***@db/cxr"),
        ("postgresql://cxr:SECRET/w:ith#odd?ones@db/cxr", "postgresql://cxr:***@db/cxr"),
        ("postgresql://cxr:SECRET@[::1]:5432/cxr", "postgresql://cxr:***@[::1]:5432/cxr"),
        ("postgresql://db/cxr?user=u&password=SECRET&a=b", "postgresql://db/cxr?user=u&password=***&a=b"),
    ],
)  # fmt: skip
def test_the_ledgers_password_is_shown_nowhere(tmp_path: Path, url: str, shown: str) -> None:
    config = parse({"node": {"state": tmp_path}}, environ={"CXR_LEDGER_URL": url})
    assert config.ledger_url == url
    assert str(config.ledger.url) == shown
    for text in (repr(config), str(config), f"{config.ledger}", str(config.model_dump())):
        assert "SECRET" not in text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("embedded", "embedded"),
        ("amqp://rabbit//", "amqp://rabbit//"),
        ("amqps://cxr:SECRET%2F%40@rabbit:5671/cxr", "amqps://cxr:***@rabbit:5671/cxr"),
        ("amqp://a:SECRET@h1//;amqp://b:SECRET@h2//", "amqp://a:***@h1//;amqp://b:***@h2//"),
    ],
)
def test_the_brokers_password_is_shown_nowhere(tmp_path: Path, url: str, shown: str) -> None:
    config = parse({"node": {"state": tmp_path}}, environ={"CXR_BROKER_URL": url})
    assert config.broker.url.get_secret_value() == url
    assert str(config.broker.url) == shown
    for text in (repr(config), str(config), f"{config.broker}", str(config.model_dump())):
        assert "SECRET" not in text


@pytest.mark.parametrize(
    "url",
    ["guest:SECRET@host", "amqp:/u:SECRET@h", "amqp://u:SECRET", "redis://u:SECRET;redis://zz@h",
     "amqp://u?SECRET@h", "amqp://u:12/SECRET@h", "SECRET"],
)  # fmt: skip
def test_of_a_url_that_is_not_understood_nothing_is_shown(url: str) -> None:
    assert "SECRET" not in str(ServiceUrl(url))


def test_a_configuration_cannot_be_changed_and_goes_to_another_process(tmp_path: Path) -> None:
    config = parse({"node": {"state": tmp_path}}, destinations=(to(),))
    with pytest.raises(ValidationError, match="frozen"):
        config.node.port = 104
    assert pickle.loads(pickle.dumps(config)) == config


def test_a_destination_is_parsed() -> None:
    assert Destination.parse("PACS@[::1]:104") == Destination(
        name="PACS@[::1]:104", aet="PACS", host="::1", port=104
    )


def test_a_changed_profile_makes_no_new_jobs(tmp_path: Path) -> None:
    """A job is an instance and a pipeline, and a pipeline is how an instance is analysed."""
    configs = [
        parse({"node": {"state": tmp_path}}, destinations=(to(preset=preset),))
        for preset in PRESETS
    ]
    assert len({pipeline_of(config) for config in configs}) == 1
