"""What is wrong with a configuration: every fault is named at once, in words, without a secret."""

import re
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.config import Config, Destination, load, parse
from dicom_node.errors import ConfigError, UsageError
from tests.dicom_node.configurations import of_node, to, write


def test_a_port_is_shared_by_parts_run_by_themselves_or_by_one_up() -> None:
    with pytest.raises(ConfigError, match="leave one of the two out"):
        parse({"node": {"state": "/s", "share_port": True, "listeners": 2}})
    assert parse({"node": {"state": "/s", "share_port": True}}).node.share_port
    assert parse({"node": {"state": "/s", "listeners": "auto"}}).node.listeners == "auto"


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
        ("[models]\npositive_above = 1.5", "positive_above must be at most 1"),
        (
            "[models]\nnegative_below = 0.6\npositive_above = 0.4",
            "[models] positive_above 0.4 is less than negative_below, 0.6",
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


@pytest.mark.parametrize("text", ["PACS", "PACS@host", "PACS@:104", "@host:104", "PACS@h:port"])
def test_a_malformed_destination_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not AET@HOST:PORT|empty"):
        Destination.parse(text)


def test_a_file_that_is_not_there_or_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "absent.toml", environ={})
    with pytest.raises(ConfigError, match="not valid TOML"):
        load(write(tmp_path, "[node"), environ={})
