"""Values that cannot be: hosts, URLs, numbers, names, attributes; refused, and no secret quoted."""

import traceback
from pathlib import Path
from typing import Any

import pytest

from dicom_node.config import Destination, parse
from dicom_node.errors import ConfigError


@pytest.mark.parametrize(
    "host",
    ["pacs..example", ".", "p" * 64, f"pacs.{'p' * 64}.example", "pa cs", "pa\0cs", "pacs\n"],
)
def test_a_host_that_nobody_can_look_up_is_refused(tmp_path: Path, host: str) -> None:
    entry = {"aet": "PACS", "host": host, "port": 104}
    with pytest.raises(ConfigError, match=r"\[\[destination\]\] number 1 host .* is no host"):
        parse({"node": {"state": tmp_path}, "destination": [entry]})


@pytest.mark.parametrize(
    "host", ["pacs", "pacs.example.", "10.1.2.3", "fe80::1%eth0", "büro.example"]
)
def test_a_host_that_can_be_one_is_taken(tmp_path: Path, host: str) -> None:
    entry = {"aet": "PACS", "host": host, "port": 104}
    assert parse({"node": {"state": tmp_path}, "destination": [entry]}).destinations


_NOT_UNDERSTOOD = "cannot be understood: special characters in a password must be percent-encoded"


@pytest.mark.parametrize(
    ("section", "url", "fault"),
    [
        ("broker", "guest:SECRET@host", 'must be "embedded" or begin with amqp://'),
        ("broker", "amqp:/u:SECRET@h", 'must be "embedded" or begin with amqp://'),
        ("broker", "redis://u:SECRET@h", 'must be "embedded" or begin with amqp://'),
        ("broker", "amqp://h;redis://u:SECRET@h", 'must be "embedded" or begin with amqp://'),
        ("broker", "amqp://u:SECRET", _NOT_UNDERSTOOD),
        ("broker", "amqp://u:SECRET#x@h", _NOT_UNDERSTOOD),
        ("broker", "amqp://u:SECRET/x@h", _NOT_UNDERSTOOD),
        ("broker", "amqp://u:12/SECRET@h", _NOT_UNDERSTOOD),
        ("broker", "amqp://u:SECRET@x@h", _NOT_UNDERSTOOD),
        ("broker", "amqp://u:SECRET;x@h", _NOT_UNDERSTOOD),
        ("broker", "amqp://u:SECRET\0@h", _NOT_UNDERSTOOD),
        ("broker", "amqp://u:SECRET@h:70000", "has a port that is out of range"),
        ("broker", f"amqp://u:{9 * '9999'}", "has a port that is out of range"),
        ("ledger", "postgres://u:SECRET@h/db", "must begin with sqlite:///FILE or postgresql://"),
        ("ledger", "sqlite://u:SECRET@h/db", "must begin with sqlite:///FILE or postgresql://"),
        ("ledger", "embedded", "must begin with sqlite:///FILE or postgresql://"),
        ("ledger", "postgresql://u:pw@x:SECRET@h/db", _NOT_UNDERSTOOD),
        ("ledger", "postgresql://h/db?SECRET=1", _NOT_UNDERSTOOD),
        ("ledger", "postgresql://h/db?SECRET", _NOT_UNDERSTOOD),
        ("ledger", "postgresql://u:SECRET@h:0/db", "has a port that is out of range"),
    ],
)
def test_a_url_that_is_not_understood_is_refused_and_not_quoted(
    tmp_path: Path, section: str, url: str, fault: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse({"node": {"state": tmp_path}, section: {"url": url}})
    (said,) = caught.value.faults
    assert said.startswith(f"[{section}] url {fault}")
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("section", "key", "value", "fault"),
    [
        ("node", "state", "", "is empty"),
        ("node", "state", "a\0b", "has a control character"),
        ("node", "host", "0..0", "is no host"),
        ("node", "host", "", "is empty"),
        ("node", "max_associations", 1001, "must be at most 1000"),
        ("node", "max_associations", 10**400, "must be at most 1000"),
        ("node", "max_instance_mb", 4097, "must be at most 4096"),
        ("node", "association_timeout_s", 1e300, "must be at most 86400 seconds"),
        ("node", "network_timeout_s", float("nan"), "must be a number of seconds greater than 0"),
        ("node", "network_timeout_s", 10**400, "must be a number"),
        ("worker", "lease_s", 86401, "must be at most 86400 seconds"),
        ("spool", "folder", "a\nb", "has a control character"),
        ("spool", "folder", "", "is empty"),
        ("broker", "queue_prefix", "a\0b", "has a control character"),
        ("models", "lung", "a\0b", "has a control character"),
    ],
)
def test_a_value_beyond_all_sense_is_refused(
    tmp_path: Path, section: str, key: str, value: Any, fault: str
) -> None:
    document = {"node": {"state": str(tmp_path)}}
    document[section] = {**document.get(section, {}), key: value}
    with pytest.raises(ConfigError) as caught:
        parse(document)
    assert f"[{section}] {key}" in caught.value.faults[0]
    assert fault in caught.value.faults[0]


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("a" * 65, f"[[destination]] number 1 name '{'a' * 65}' is longer than 64 characters"),
        ("a\0b", r"[[destination]] number 1 name 'a\x00b' has a character that cannot be printed"),
    ],
)
def test_a_destinations_name_fits_a_line(tmp_path: Path, name: str, fault: str) -> None:
    entry = {"name": name, "aet": "PACS", "host": "h", "port": 104}
    with pytest.raises(ConfigError) as caught:
        parse({"node": {"state": tmp_path}, "destination": [entry]})
    assert caught.value.faults == [fault]


def test_an_address_that_is_the_name_is_as_long_as_it_is() -> None:
    text = f"PACS@{'a' * 63}.example:104"
    assert Destination.parse(text).name == text


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"low_callers": ["A", ""]}, "[priority] low_callers may not be empty: it is an AE title"),
        ({"stat_callers": ["A"], "low_callers": ["B", "A"]},
         "[priority] low_callers 'A' is in stat_callers as well"),
        ({"stat_attributes": ["StationName"]},
         "[priority] stat_attributes 'StationName' must be written KEYWORD=VALUE, as in"
         " StationName=ER*"),
        ({"stat_attributes": ["StationNam=ER"]},
         "[priority] stat_attributes 'StationNam=ER': 'StationNam' is no keyword of DICOM: did you"
         " mean StationName?"),
        ({"low_attributes": ["Rows=5"]},
         "[priority] low_attributes 'Rows=5': Rows does not hold a text"),
        ({"c_store_priority": "yes"},
         "[priority] c_store_priority must be 'ignore', 'high' or 'all'"),
        ({"longest_wait_s": 0},
         "[priority] longest_wait_s must be a number of seconds greater than 0, not 0"),
        ({"low_after_days": 0}, "[priority] low_after_days must be at least 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_priority_is_said(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse({"node": {"state": "/s"}, "priority": asked})
    assert caught.value.faults == [said]


@pytest.mark.parametrize("asked", [0, -1, 65, 1.5, True, "2", "AUTO", ""])
def test_a_number_of_workers_that_cannot_be_is_refused_in_one_sentence(
    tmp_path: Path, asked: object
) -> None:
    with pytest.raises(ConfigError) as refused:
        parse({"node": {"state": tmp_path}, "worker": {"processes": asked}})
    said = '[worker] processes must be a whole number from 1 to 64, or "auto"'
    assert str(refused.value).count("processes") == 1
    assert said in str(refused.value)
