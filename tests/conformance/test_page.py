"""The node's own page in Chromium: a failed delivery is found, understood and repaired in a minute.

A whole node, an archive that is away, and a person who has nothing but a keyboard and the link of
`cxr-node page link`. The pictures stay in pytest's folder, for whoever wants to look.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode, free_port
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import SUCCESS
from tests.conformance.browser import VIEWERS, look_for_chromium
from tests.phantoms import draw
from tests.system.waiting import run_cli, wait_until

ACCESSION, DESTINATION = "A-4711", "archive"
#: Of a browser that shares its machine with others; a person's minute is the test's own.
MINUTE_S = 60.0


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What was to be seen, by the step."""
    look_for_chromium()
    folder = tmp_path_factory.mktemp("page")
    file, monitor = folder / "node.toml", f"127.0.0.1:{free_port()}"
    archive = Pacs(folder / "archive", aet="ARCHIVE", port=free_port())
    file.write_text(
        f"""
        [node]
        state = "state"
        [[destination]]
        name = "{DESTINATION}"
        aet = "ARCHIVE"
        host = "127.0.0.1"
        port = {archive.port}
        """,
        "utf-8",
    )
    state = folder / "state"
    with RunningNode(state, config_file=file, monitor=monitor) as node:
        dataset = as_dicom(draw(Kind.LEFT_OPACITY, rows=512, columns=426, seed=7))
        dataset.AccessionNumber, dataset.StationName = ACCESSION, "<b id=pwned>"
        (sent,) = send([dataset], "127.0.0.1", node.port)
        assert sent.status == SUCCESS
        wait_until(lambda: _has_failed(file), 90, "a delivery to fail")
        link = run_cli("page", "link", "--config", str(file)).stdout.strip()
        try:
            return {one["step"]: one for one in _visit(link, folder, archive)}
        finally:
            archive.stop()


def _has_failed(file: Path) -> bool:
    found = json.loads(run_cli("find", ACCESSION, "--json", "--config", str(file)).stdout or "[]")
    return any(one["reason"] for job in found for one in job["deliveries"])


def _visit(link: str, folder: Path, archive: Pacs) -> Iterator[dict[str, Any]]:
    """The archive is there again as soon as the cause is understood."""
    command = ["node", str(VIEWERS / "page.mjs"), link, ACCESSION, DESTINATION, str(folder)]
    with subprocess.Popen(
        command, cwd=VIEWERS, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as person:
        assert person.stdin is not None
        assert person.stdout is not None
        for line in person.stdout:
            step = json.loads(line)
            if step["step"] == "understood":
                archive.start()
                person.stdin.write("\n")
                person.stdin.flush()
            yield step


def test_no_step_went_wrong(steps: dict[str, dict[str, Any]]) -> None:
    assert list(steps) == ["came in", "understood", "repaired", "all clear"], steps.get("failed")
    assert steps["all clear"]["faults"] == []


def test_that_something_is_wrong_is_to_be_seen_at_once(steps: dict[str, dict[str, Any]]) -> None:
    came = steps["came in"]
    assert "Degraded" in came["verdict"] or "Stopped" in came["verdict"]
    assert "archive is not reached since" in came["verdict"]
    assert "connection refused" in came["place"]


def test_why_and_what_to_do_is_said_beside_what_was_found(
    steps: dict[str, dict[str, Any]],
) -> None:
    seen = steps["understood"]
    assert "connection refused" in seen["cause"]
    assert "To do" in seen["cause"]
    assert "COVID-19 infection seen" in seen["report"]
    assert "Left lung" in seen["report"]
    assert seen["image"] > 400


def test_it_is_repaired_and_seen_to_be_within_a_minute(steps: dict[str, dict[str, Any]]) -> None:
    repaired = steps["repaired"]
    assert "answered the echo with 0x0000" in repaired["told"]
    assert repaired["deliveries"].count("0x0000 Success") == 3
    assert repaired["without_reload"] is True
    assert repaired["at_ms"] < 1000 * MINUTE_S
    assert "Working" in steps["all clear"]["verdict"]


def test_no_page_is_wider_than_a_telephone_and_a_header_stays_text(
    steps: dict[str, dict[str, Any]],
) -> None:
    assert set(steps["understood"]["widths"].values()) == {0}
    assert steps["understood"]["injected"] == 0
