"""Sent and verified, beside archives of other people's: Orthanc, DCMTK's dcmqrscp and storescp."""

import shutil
from typing import Any

import pytest

from tests.conftest import missing
from tests.system.orthanc import run_in_own_network
from tests.system.verification_scenario import DCMQRSCP, STORESCP


@pytest.fixture(scope="module")
def happened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    for program in (DCMQRSCP, STORESCP):
        if shutil.which(program) is None:
            missing(f"{program} is not installed")
    folder = str(tmp_path_factory.mktemp("verification"))
    answer: dict[str, Any] = run_in_own_network(
        "tests.system.verification_scenario", folder, timeout_s=900
    )
    return answer


def test_each_archive_verifies_as_it_can(happened: dict[str, Any]) -> None:
    assert happened["states"] == {
        "commits": ["VERIFIED"], "shows": ["VERIFIED"], "does neither": ["UNVERIFIED"],
    }  # fmt: skip
    assert happened["orthanc"] == 3


def test_what_orthanc_lost_is_sent_again_and_the_rest_is_not(happened: dict[str, Any]) -> None:
    lost = happened["lost"]
    assert lost["reported"] == ["VERIFIED", "WAITING"]
    assert (lost["then"], lost["held"]) == (["VERIFIED", "VERIFIED"], 2)


def test_a_person_reads_what_is_verified_and_what_is_not(happened: dict[str, Any]) -> None:
    said = happened["said"]
    assert "1 sent, unverified" in said["status"]
    assert "does neither offers no C-FIND (3 to does neither)" in said["status"]
    assert "requeue --job 1 --state UNVERIFIED sends it again" in said["status"]
    assert "6 VERIFIED" in said["jobs"]
    assert "3 UNVERIFIED" in said["jobs"]
    assert "SEG to commits: VERIFIED" in said["job 1"]
    assert "storage commitment 2.25." in said["job 1"]
    assert "SR to shows: VERIFIED" in said["job 1"]
    assert said["status --check"].startswith("WARNING - ")
    assert "1 sent, unverified" in said["status --check"]
    assert "3 UNVERIFIED" in said["destinations"]
