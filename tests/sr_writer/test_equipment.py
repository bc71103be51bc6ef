"""Who made a result: the package's version, the site's names; faults are said at once."""

import tomllib
from pathlib import Path

import pytest

from sr_writer.equipment import Equipment, derived_uid
from sr_writer.results import write_results
from tests.sr_writer.examples import CREATED, findings, header, pixels
from tests.sr_writer.reading import read

ROOT = Path(__file__).parents[2]


def test_a_derived_uid_is_valid_and_depends_on_every_part() -> None:
    uid = derived_uid("a", "b")
    assert uid.startswith("2.25.")
    assert len(uid) <= 64
    assert len({uid, derived_uid("ab"), derived_uid("a", "b", ""), derived_uid("b", "a")}) == 4


def test_the_version_is_the_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert Equipment().software_version == project["version"]


def test_the_equipment_is_the_sites() -> None:
    equipment = Equipment("Hospital", "Node 7", "2.0", "serial", "1.2.3")
    found = findings()
    for output in write_results(header(), found, pixels(found), equipment, CREATED):
        result = read(output)
        assert result.Manufacturer == "Hospital"
        assert result.ManufacturerModelName == "Node 7"
        assert result.SoftwareVersions == "2.0"
        assert result.DeviceSerialNumber == "serial"
        assert result.DeviceUID == "1.2.3"


def test_a_device_has_a_uid_of_its_own_only_where_it_is_given_one() -> None:
    assert Equipment().device_uid == Equipment(device_serial_number="2").device_uid
    assert Equipment().device_uid != Equipment(manufacturer="Hospital").device_uid
    assert Equipment(device_uid="1.2.3").device_uid == "1.2.3"


@pytest.mark.parametrize(
    "text", ["", "x" * 65, "Krankenhaus Sankt Jürgen", "two\\values", " blank", "blank ", "a\nb"]
)
@pytest.mark.parametrize("name", ["manufacturer", "model_name", "device_serial_number"])
def test_a_text_that_no_element_can_hold_is_a_fault(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"{name} .* is not 1 to 64 ASCII characters"):
        Equipment(**{name: text})


@pytest.mark.parametrize(
    "uid", ["1", "1.2.", ".1.2", "1.02", "1.2.x", "1.2 ", f"1.{'2' * 63}", "1.²"]
)
def test_what_is_no_uid_is_a_fault(uid: str) -> None:
    with pytest.raises(ValueError, match="is not a UID"):
        Equipment(device_uid=uid)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"manufacturer .*; model_name .*; device_uid"):
        Equipment(manufacturer="", model_name="", device_uid="x")
