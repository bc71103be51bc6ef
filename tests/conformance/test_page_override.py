"""An image that was refused, looked at and analysed anyway: a person at the page in Chromium.

A whole node and an archive; the header says that it is a lateral view, and is wrong.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode, free_port
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import SUCCESS
from tests.conformance.browser import VIEWERS, look_for_chromium
from tests.phantoms import draw
from tests.system.waiting import run_cli, wait_until

ACCESSION, WHY = "A-0815", "it is frontal, the header is wrong"
SAID = "Analysed at a person's request although: not a frontal view (View Position LL)."


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What was to be seen, by the step."""
    look_for_chromium()
    folder = tmp_path_factory.mktemp("override")
    file, monitor = folder / "node.toml", f"127.0.0.1:{free_port()}"
    with Pacs(folder / "archive", aet="ARCHIVE", port=free_port()) as archive:
        file.write_text(
            f"""
            [node]
            state = "state"
            [[destination]]
            name = "archive"
            aet = "ARCHIVE"
            host = "127.0.0.1"
            port = {archive.port}
            preset = "dcm4chee"
            """,
            "utf-8",
        )
        with RunningNode(folder / "state", config_file=file, monitor=monitor) as node:
            dataset = as_dicom(draw(Kind.LEFT_OPACITY, rows=512, columns=426, seed=7))
            dataset.AccessionNumber, dataset.ViewPosition = ACCESSION, "LL"
            (sent,) = send([dataset], "127.0.0.1", node.port)
            assert sent.status == SUCCESS
            wait_until(lambda: _is_skipped(file), 90, "the image to be refused")
            link = run_cli("page", "link", "--config", str(file)).stdout.strip()
            command = ["node", str(VIEWERS / "override.mjs"), link, ACCESSION, WHY, str(folder)]
            person = subprocess.run(
                command, cwd=VIEWERS, text=True, capture_output=True, check=True
            )
            seen = {one["step"]: one for one in map(json.loads, person.stdout.splitlines())}
            kept = [dcmread(arrival.path).SeriesNumber for arrival in archive.stored]
    return seen | {"archive": {"series": sorted(map(int, kept))}}


def _is_skipped(file: Path) -> bool:
    found = json.loads(run_cli("find", ACCESSION, "--json", "--config", str(file)).stdout or "[]")
    return any(job["state"] == "SKIPPED" for job in found)


def test_it_was_refused_and_that_it_may_be_analysed_anyway_is_offered(
    steps: dict[str, dict[str, Any]],
) -> None:
    assert list(steps) == ["refused", "asked", "analysed", "archive"], steps.get("failed")
    assert "not a frontal view (View Position LL)" in steps["refused"]["cause"]
    assert "Analyse anyway" in steps["refused"]["actions"]


def test_it_is_asked_why_and_said_what_comes_of_it(steps: dict[str, dict[str, Any]]) -> None:
    asked = steps["asked"]
    assert "undetermined" in asked["dialog"]
    assert "Why, for the record" in asked["dialog"]
    assert asked["narrow"] == 0
    assert steps["analysed"]["stayed"].endswith("/jobs/confirm")


def test_report_and_page_say_so_and_decide_nothing(steps: dict[str, dict[str, Any]]) -> None:
    seen = steps["analysed"]
    assert WHY in seen["override"]
    assert SAID in seen["report"]
    assert "Undetermined" in seen["report"]
    assert "COVID-19 infection seen" not in seen["report"]
    assert "to be analysed although it was refused" in seen["timeline"]
    assert (seen["buttons"], seen["faults"]) == (0, [])


def test_the_archive_has_one_of_each_and_no_key_object(steps: dict[str, dict[str, Any]]) -> None:
    assert steps["archive"]["series"] == [100, 200, 300, 500]
