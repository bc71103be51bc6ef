"""`cxr-node doctor` beside a real archive and a node at work, with a round trip."""

from pathlib import Path
from typing import Any

import pytest

from tests.system.orthanc import run_in_own_network


@pytest.fixture(scope="module")
def happened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("doctor")
    answer: dict[str, Any] = run_in_own_network("tests.system.doctor_scenario", str(folder))
    return answer


def test_a_real_archive_is_well_by_both_ways(happened: dict[str, Any]) -> None:
    checks = happened["said"]["good"]["checks"]
    assert checks["destination pacs"]["found"].endswith("answered the echo with 0x0000")
    assert checks["destination pacs, results"]["found"] == "it accepts SEG, SR, SC"
    offered = checks["destination pacs, confirmation"]
    assert offered["level"] == "ok"
    assert "storage commitment and to be asked what it holds" in offered["found"]
    assert "a store of nothing with HTTP" in checks["destination web"]["found"]
    assert {check["level"] for name, check in checks.items() if "destination" in name} == {"ok"}
    assert happened["said"]["good"]["exit"] in (0, 1)


def test_a_drawn_image_goes_through_the_node_and_says_that_it_is_a_test(
    happened: dict[str, Any],
) -> None:
    checks = happened["said"]["good"]["checks"]
    trip = {name: check for name, check in checks.items() if name.startswith("round trip")}
    assert list(trip) == [
        "round trip, received", "round trip, analysed", "round trip, pacs", "round trip, web",
        "round trip, left",
    ] or list(trip)[2:4] == ["round trip, web", "round trip, pacs"]  # fmt: skip
    assert {check["level"] for name, check in trip.items() if name != "round trip, web"} == {"ok"}
    assert "SEG, SR" in trip["round trip, pacs"]["found"]
    held = happened["held"]
    assert {one["PatientID"] for one in held} == {"CXR-NODE-TEST"}
    assert {one["StudyDescription"] for one in held} == {"Test of the CXR node (drawn, no patient)"}
    (study,) = {one["StudyInstanceUID"] for one in held}
    assert study in trip["round trip, left"]["found"]
    assert "delete that study there" in trip["round trip, left"]["found"]


def test_a_wrong_title_and_a_wrong_password_name_their_lines(happened: dict[str, Any]) -> None:
    bad = happened["said"]["bad"]
    assert bad["exit"] == 2
    title, web = bad["checks"]["destination pacs"], bad["checks"]["destination web"]
    assert title["level"] == web["level"] == "fault"
    assert "Called AE title not recognised" in title["found"]
    assert title["where"].endswith("bad.toml line 6, [[destination]] aet")
    assert "HTTP 401" in web["found"]
    assert web["where"].endswith("bad.toml line 17, [[destination]] secret_file")
    assert not happened["leaks"]
