"""The configuration: what is accepted, and that every fault is named at once."""

from pathlib import Path
from typing import Any

import pytest

from dicom_node.cli.node.parts import pipeline_of
from dicom_node.config import Caller, Config, Destination, Reports, load
from dicom_node.delivery.profiles import PRESETS, STANDARD, Profile
from dicom_node.errors import ConfigError, UsageError


def write(folder: Path, text: str) -> Path:
    path = folder / "node.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_defaults_listen_on_loopback_with_nothing_installed(tmp_path: Path) -> None:
    config = Config(state=tmp_path)
    assert config.host == "127.0.0.1"
    assert config.ledger_url == f"sqlite:///{tmp_path}/ledger.sqlite"
    assert config.broker_url == "embedded"
    assert config.spool == tmp_path / "spool"


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
        """,
    )
    config = load(path, environ={})
    assert config.state == tmp_path / "var"
    assert config.callers == (Caller("PACS", "10.1.2.4"),)
    assert [d.name for d in config.destinations] == ["PACS@pacs.example:11112", "research"]
    assert [d.profile for d in config.destinations] == [
        STANDARD,
        Profile(("SEG", "SR"), ("implicit",), next_best=False),
    ]
    assert config.reports == Reports(failed=True, not_analysed=True)
    assert config.lease_s == 60.0
    assert config.also_called == ("OLDNODE",)
    assert (config.association_timeout_s, config.network_timeout_s) == (2.0, 90.5)
    assert config.max_instance_mb == 64
    assert (config.lung_model, config.device) == ("fpn-resnet18", "cpu")


def test_secrets_in_the_environment_win_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, '[node]\nstate = "s"\n[ledger]\nurl = "sqlite:///x"\n')
    environ = {"CXR_LEDGER_URL": "postgresql://u:secret@db/cxr", "CXR_BROKER_URL": "amqp://b"}
    config = load(path, environ)
    assert (config.ledger_url, config.broker_url) == tuple(environ.values())


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
        "destination 'old': preset 'olde' is not one of standard, ohif",
        "[[destination]] number 2 outputs must be a list in brackets",
        "[reports] failed must be true or false",
        "[worker] lease_s must be a number of seconds",
    ):
        assert fault in message


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('hots = "0.0.0.0"', "[node] hots is not a known key: did you mean host?"),
        ('ae_title = "X"', "[node] ae_title is not a known key"),
        ("port = 70000", "port 70000 is not between 1 and 65535"),
        ("port = 0", "port 0 is not between 1 and 65535"),
        ('aet = "A\\\\B"', "has a character that is not allowed"),
        ("[worker]\nlease_s = 0", "[worker] lease_s must be a number of seconds greater than 0"),
        ("[worker]\nlease_s = inf", "[worker] lease_s must be a number of seconds greater than 0"),
        ("[worker]\nlease_s = true", "[worker] lease_s must be a number of seconds"),
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
    assert (config.state, config.port) == (tmp_path / "other", 0)
    assert config.ledger_url == f"sqlite:///{tmp_path}/other/ledger.sqlite"
    assert [destination.aet for destination in config.destinations] == ["A", "B"]


def test_another_address_than_loopback_needs_an_allow_list(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a configuration with an allow-list"):
        Config(state=tmp_path, host="0.0.0.0")
    assert Config(state=tmp_path, host="0.0.0.0", callers=(Caller("PACS"),)).host == "0.0.0.0"


@pytest.mark.parametrize(
    ("aet", "fault"),
    [("", "empty"), ("   ", "empty"), ("A" * 17, "longer than 16"), ("A\\B", "not allowed")],
)
def test_an_ae_title_must_be_one(tmp_path: Path, aet: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        Config(state=tmp_path, aet=aet)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"also_called": ("A" * 17,)}, "also_called: AE title 'A+' is longer than 16"),
        ({"also_called": (4242,)}, "also_called: an AE title may not be empty"),
        ({"association_timeout_s": 0.5}, "association_timeout_s must be at least 1 second"),
        ({"network_timeout_s": 0.0}, "network_timeout_s must be at least 1 second"),
        ({"max_instance_mb": 0}, "max_instance_mb must be at least 1"),
    ],
)
def test_limits_of_associations_must_be_possible(
    tmp_path: Path, options: dict[str, Any], fault: str
) -> None:
    with pytest.raises(ConfigError, match=fault):
        Config(state=tmp_path, **options)


def test_a_destination_named_twice_is_a_fault(tmp_path: Path) -> None:
    twice = Destination("pacs", "A", "h", 1), Destination("pacs", "B", "h", 2)
    with pytest.raises(ConfigError, match="named twice"):
        Config(state=tmp_path, destinations=twice)


@pytest.mark.parametrize("text", ["PACS", "PACS@host", "PACS@:104", "@host:104", "PACS@h:port"])
def test_a_malformed_destination_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not AET@HOST:PORT|empty"):
        Destination.parse(text)


def test_a_destination_is_parsed() -> None:
    assert Destination.parse("PACS@[::1]:104") == Destination("PACS@[::1]:104", "PACS", "::1", 104)


def test_a_file_that_is_not_there_or_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "absent.toml", environ={})
    with pytest.raises(ConfigError, match="not valid TOML"):
        load(write(tmp_path, "[node"), environ={})


def test_the_commented_file_says_the_defaults() -> None:
    config = load(Path(__file__).parents[2] / "deploy" / "node.toml", environ={})
    (destination,) = config.destinations
    assert destination.profile == STANDARD
    assert config.reports == Reports()
    for key in ("also_called", "max_associations", "association_timeout_s", "network_timeout_s",
                "max_instance_mb"):  # fmt: skip
        assert getattr(config, key) == getattr(Config(state=config.state), key)


def test_a_changed_profile_makes_no_new_jobs(tmp_path: Path) -> None:
    """A job is an instance and a pipeline, and a pipeline is how an instance is analysed."""
    address = ("pacs", "PACS", "h", 104)
    configs = [
        Config(state=tmp_path, destinations=(Destination(*address, profile),))
        for profile in PRESETS.values()
    ]
    assert len({pipeline_of(config) for config in configs}) == 1
