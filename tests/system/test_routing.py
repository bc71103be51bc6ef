"""The rule that deploy/PACS.md gives an administrator of Orthanc: there and back, no loop."""

from typing import Any

import pytest

from tests.system.orthanc import run_in_own_network


@pytest.fixture(scope="module")
def happened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("routing")
    answer: dict[str, Any] = run_in_own_network("tests.system.routing_scenario", str(folder))
    return answer


def test_the_rule_sends_every_radiograph_to_the_node_and_results_come_back(
    happened: dict[str, Any],
) -> None:
    states = {job["kind"]: job["state"] for job in happened["jobs"]}
    assert states == {
        "left_opacity": "BUILT", "healthy": "BUILT", "lateral": "SKIPPED",
    }  # fmt: skip
    for job in happened["jobs"]:
        held = sorted(i["modality"] for i in happened["instances"] if i["study"] == job["study"])
        assert held == (["DX", "OT", "SEG", "SR"] if job["state"] == "BUILT" else ["DX"])


def test_no_result_comes_round_again(happened: dict[str, Any]) -> None:
    assert happened["received"] == len(happened["jobs"])
