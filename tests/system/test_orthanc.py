"""Beside a real archive: DCMTK's storescu sends real files, Orthanc ends up with SEG and SR."""

from pathlib import Path
from typing import Any

import pytest

from tests.dicom_node.real_files import EXPECTED
from tests.system.orthanc import run_in_own_network

SEG, SR, SC = (
    "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.88.34",
    "1.2.840.10008.5.1.4.1.1.7",
)


@pytest.fixture(scope="module")
def happened(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    arguments = [str(shared_data / "dicom"), str(tmp_path_factory.mktemp("orthanc"))]
    answer: dict[str, Any] = run_in_own_network("tests.system.orthanc_scenario", *arguments)
    return answer


def test_storescu_and_echoscu_are_answered_success(happened: dict[str, Any]) -> None:
    assert [one for one in happened["storescu"] if one["exit"] != 0] == []
    assert happened["echoscu"] == 0


def test_every_file_comes_out_as_it_should(happened: dict[str, Any]) -> None:
    states = {name: job["state"] for name, job in happened["jobs"].items()}
    assert states == {
        name.partition("/")[2]: "BUILT" if refusal is None else "SKIPPED"
        for name, refusal in EXPECTED.items()
    }


def test_orthanc_holds_one_seg_one_sr_and_one_overlay_in_each_chest_study(
    happened: dict[str, Any],
) -> None:
    studies = {job["study"] for job in happened["jobs"].values() if job["state"] == "BUILT"}
    held = sorted((instance["study"], instance["class"]) for instance in happened["orthanc"])
    assert held == sorted((study, uid) for study in studies for uid in (SEG, SR, SC))


def test_each_sr_says_what_its_segs_pixels_say(happened: dict[str, Any]) -> None:
    percent = {
        (instance["study"], instance["class"]): instance["percent"]
        for instance in happened["orthanc"]
        if "percent" in instance
    }
    reports = [key for key in percent if key[1] == SR]
    assert reports
    for study, _ in reports:
        if percent[study, SR] == [None, None, None]:
            # Signs too faint to say: nothing is marked.
            assert not any(percent[study, SEG])
        else:
            assert percent[study, SR] == pytest.approx(percent[study, SEG], abs=0.011)
