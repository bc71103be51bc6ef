"""An operator's minute, beside an Orthanc that has stopped: find it, understand it, repair it."""

from typing import Any

import pytest

from tests.system.operator_scenario import ACCESSION, PATIENT
from tests.system.orthanc import run_in_own_network


@pytest.fixture(scope="module")
def happened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("operator")
    answer: dict[str, Any] = run_in_own_network("tests.system.operator_scenario", str(folder))
    return answer


@pytest.fixture(scope="module")
def said(happened: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = happened["said"]
    return found


def test_the_monitor_calls_somebody(said: dict[str, dict[str, Any]]) -> None:
    assert said["alarm"]["exit"] == 2
    assert said["alarm"]["out"].startswith("CRITICAL - 3 waiting")


def test_what_is_late_is_found_and_understood(said: dict[str, dict[str, Any]]) -> None:
    assert "not reached since" in said["glance"]["out"]
    assert f"  {ACCESSION}  " in said["jobs"]["out"]
    assert "3 WAITING" in said["jobs"]["out"]
    for step in ("find", "job"):
        assert said[step]["exit"] == 0
        assert said[step]["out"].count("connection refused") >= 1
        assert "to do: nothing, if ORTHANC@127.0.0.1" in said[step]["out"]
    assert "positive" in said["find"]["out"]


def test_what_is_to_be_done_is_done_and_the_results_arrive_at_once(
    happened: dict[str, Any], said: dict[str, dict[str, Any]]
) -> None:
    assert said["too early"]["exit"] == 1
    assert "connection refused" in said["too early"]["err"]
    assert said["repair"]["exit"] == 0
    assert "answered the echo with 0x0000" in said["repair"]["out"]
    assert (happened["held"], happened["took_s"] < 30) == (3, True)
    assert said["found again"]["out"].startswith("job 1: BUILT, all delivered\n")
    assert said["found again"]["out"].count("answered 0x0000 Success") == 3
    assert (said["all clear"]["exit"], said["all clear"]["out"][:4]) == (0, "OK -")


def test_a_patient_id_finds_it_and_is_never_said(
    happened: dict[str, Any], said: dict[str, dict[str, Any]]
) -> None:
    by_patient, by_number = (said[step]["out"].splitlines() for step in ("patient", "find"))
    assert by_patient[1:4] == by_number[1:4]
    assert not [step for step, one in said.items() if PATIENT in one["out"] + one["err"]]
    assert happened["leaks"] is False
