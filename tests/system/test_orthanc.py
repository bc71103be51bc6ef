"""Beside a real archive: DCMTK's storescu sends real files, Orthanc ends up with SEG and SR."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import missing
from tests.dicom_node.test_eligibility import EXPECTED

SEG, SR, SC = (
    "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.88.34",
    "1.2.840.10008.5.1.4.1.1.7",
)
#: A user namespace, so that it needs no root; in it a network with nothing but loopback.
ISOLATE = [
    "unshare",
    "--map-root-user",
    "--net",
    "sh",
    "-c",
    'ip link set lo up && exec "$@"',
    "sh",
]


@pytest.fixture(scope="module")
def happened(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    for program in ("Orthanc", "unshare", "ip", "/usr/bin/storescu", "/usr/bin/echoscu"):
        if shutil.which(program) is None:
            missing(f"{program} is not installed")
    if subprocess.run([*ISOLATE, "true"], capture_output=True).returncode != 0:
        missing("this system allows no network namespace of one's own")
    arguments = [str(shared_data / "dicom"), str(tmp_path_factory.mktemp("orthanc"))]
    command = [*ISOLATE, sys.executable, "-m", "tests.system.orthanc_scenario", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr
    answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return answer


def test_storescu_and_echoscu_are_answered_success(happened: dict[str, Any]) -> None:
    assert [one for one in happened["storescu"] if one["exit"] != 0] == []
    assert happened["echoscu"] == 0


def test_every_file_comes_out_as_it_should(happened: dict[str, Any]) -> None:
    states = {name: job["state"] for name, job in happened["jobs"].items()}
    assert states == {
        name.partition("/")[2]: "DELIVERED" if refusal is None else "SKIPPED"
        for name, refusal in EXPECTED.items()
    }


def test_orthanc_holds_one_seg_one_sr_and_one_overlay_in_each_chest_study(
    happened: dict[str, Any],
) -> None:
    studies = {job["study"] for job in happened["jobs"].values() if job["state"] == "DELIVERED"}
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
        assert percent[study, SR] == pytest.approx(percent[study, SEG], abs=0.011)
