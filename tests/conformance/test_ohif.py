"""OHIF 3.13.2 in headless Chromium: every result opens, and the right thing is to be seen.

The pictures stay in pytest's folder, for whoever wants to look. Not covered: what the measurement
panel says once a reader has chosen to track our measurements.
"""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dicom_node.demo.phantom import Kind
from inference.engines import Engine
from inference.findings import Decision, Findings, Laterality, Task
from sr_writer.palette import COLORS
from tests.conformance.ohif_scenario import VIEWERS
from tests.conformance.screen import Screen, opacity, read_screen
from tests.conformance.studies import (
    Study,
    corrected_study,
    header_of,
    phantom_study,
    real_study,
    refused_study,
)
from tests.conftest import missing
from tests.system.orthanc import DICOMWEB, run_in_own_network

SHOWS = {"SEG": "segmentation", "SR": "measurements", "SC": "image", "DOC": "nothing"}
SEEN = ("phantom", "real")
#: Seconds for all of them, on a machine that has much else to do: the page draws without a GPU.
SEEN_WITHIN_S = 1200.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ohif")


@pytest.fixture(scope="module")
def studies(engine: Engine, shared_data: Path, folder: Path) -> dict[str, Study]:
    phantom = phantom_study("phantom", Kind.LEFT_OPACITY, 4, engine, folder)
    assert phantom.findings is not None
    every = [
        phantom,
        real_study("real", shared_data, SHOWS, folder),
        phantom_study("negative", Kind.HEALTHY, 8, engine, folder),
        phantom_study("undetermined", Kind.BLANK, 2, engine, folder),
        refused_study("refused", 3, phantom.findings, folder),
        # Infected on both sides. Where one segment is empty OHIF stores three frames, and of three
        # of this size Orthanc 1.10 gives none: their bytes are padded to an even number.
        corrected_study("corrected", Kind.BILATERAL_OPACITIES, 6, engine, folder),
    ]
    return {study.name: study for study in every}


@pytest.fixture(scope="module")
def views(studies: dict[str, Study], folder: Path) -> dict[str, Any]:
    """What the page showed: by study, its faults and its views by role."""
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    for program in ("node", chromium):
        if shutil.which(program) is None:
            missing(f"{program} is not installed")
    if not (VIEWERS / "dist" / "index.html").is_file():
        missing("the viewers are not installed: make viewers")
    if not DICOMWEB.exists():
        missing(f"Orthanc's DICOMweb is not at {DICOMWEB}")
    plan = folder / "plan.json"
    plan.write_text(json.dumps([planned(study) for study in studies.values()]))
    files = [str(path) for study in studies.values() for path in study.files]
    scenario = "tests.conformance.ohif_scenario"
    seen = run_in_own_network(scenario, str(plan), *files, timeout_s=SEEN_WITHIN_S)
    return {
        study["name"]: study | {"views": {view["role"]: view for view in study["views"]}}
        for study in seen
    }


def planned(study: Study) -> dict[str, Any]:
    """The study as `viewers/ohif.mjs` is told to open it: the radiograph, then the results."""
    source = header_of(study.source)
    series = [
        {
            "role": role,
            "series_number": int(header.SeriesNumber),
            "sop_instance_uid": header.SOPInstanceUID,
            "shows": "nothing" if study.findings is None and role == "SR" else shows,
        }
        for role, shows, header in [
            ("source", "image", source),
            *((role, SHOWS[role], header_of(path)) for role, path in study.results.items()),
        ]
    ]
    uid = source.StudyInstanceUID
    return {"name": study.name, "study_instance_uid": uid, "series": series}


def screen(views: dict[str, Any], name: str, role: str) -> Screen:
    view = views[name]["views"][role]
    return read_screen(view["picture"], view["to_picture"])


def findings_of(study: Study) -> Findings:
    assert study.findings is not None
    return study.findings


def test_everything_opens_without_a_fault(studies: dict[str, Study], views: dict[str, Any]) -> None:
    assert {name: view["faults"] for name, view in views.items()} == {name: [] for name in studies}
    for name, study in studies.items():
        assert list(views[name]["views"]) == ["source", *study.results]


@pytest.mark.parametrize("side", Laterality)
@pytest.mark.parametrize("name", SEEN)
def test_each_lung_is_painted_in_its_color_and_nothing_else_is(
    name: str, side: Laterality, studies: dict[str, Study], views: dict[str, Any]
) -> None:
    found = findings_of(studies[name])
    before, after = screen(views, name, "source"), screen(views, name, "SEG")
    lung = found.segment(Task.LUNG, side).mask & ~found.segment(Task.INFECTION, side).mask
    place = before.inside(lung)
    assert place.sum() > 5000
    color = COLORS[Task.LUNG, side]
    share, off = opacity(after.pixels[place], before.pixels[place], color)
    assert 0.3 < share < 0.8
    assert off < 2
    lungs = found.segments[0].mask | found.segments[1].mask
    elsewhere = before.outside(lungs)
    assert elsewhere.sum() > 50_000
    assert np.array_equal(after.pixels[elsewhere], before.pixels[elsewhere])


@pytest.mark.parametrize(
    ("name", "side"),
    [("phantom", Laterality.LEFT), ("real", Laterality.LEFT), ("real", Laterality.RIGHT)],
)
def test_an_opacity_is_painted_in_its_color_over_the_lungs(
    name: str, side: Laterality, studies: dict[str, Study], views: dict[str, Any]
) -> None:
    found = findings_of(studies[name])
    before, after = screen(views, name, "source"), screen(views, name, "SEG")
    place = before.inside(found.segment(Task.INFECTION, side).mask)
    assert place.sum() > 1000
    lung, infection = COLORS[Task.LUNG, side], COLORS[Task.INFECTION, side]
    healthy = before.inside(
        found.segment(Task.LUNG, side).mask & ~found.segment(Task.INFECTION, side).mask
    )
    lung_share, _ = opacity(after.pixels[healthy], before.pixels[healthy], lung)
    beneath = before.pixels[place] * (1 - lung_share) + np.array(lung) * lung_share
    share, off = opacity(after.pixels[place], beneath, infection)
    assert 0.2 < share < 0.8
    assert off < 12
    # The image lies as it is hung: the patient's left is at the picture's right.
    assert (
        np.flatnonzero(place.any(axis=0)).mean() > before.middle_of(found.segments[0].mask)
    ) == (side is Laterality.LEFT)


@pytest.mark.parametrize("name", SEEN)
def test_the_report_shows_the_percentages_of_each_lung_and_of_both(
    name: str, studies: dict[str, Study], views: dict[str, Any]
) -> None:
    found = findings_of(studies[name])
    said = (found.left.infected_percent, found.right.infected_percent, found.infected_percent)
    shown = figures(views[name]["views"]["SR"], "Infected lung area")
    # OHIF shows a figure of 0 as blank.
    assert sorted(shown) == sorted(f"{percent:.2f}" if percent else "" for percent in said)


def test_the_report_of_healthy_lungs_shows_their_outlines(
    studies: dict[str, Study], views: dict[str, Any]
) -> None:
    assert findings_of(studies["negative"]).decision is Decision.NEGATIVE
    before, after = screen(views, "negative", "source"), screen(views, "negative", "SR")
    assert figures(views["negative"]["views"]["SR"], "Infected lung area") == ["", "", ""]
    assert not np.array_equal(before.pixels, after.pixels)


@pytest.mark.parametrize("name", [*SEEN, "negative", "undetermined"])
def test_the_overlay_opens_as_a_picture_with_colors(
    name: str, studies: dict[str, Study], views: dict[str, Any]
) -> None:
    study = studies[name]
    shapes = [(h.Rows, h.Columns) for h in map(header_of, (study.source, study.results["SC"]))]
    source, overlay = screen(views, name, "source"), screen(views, name, "SC")
    # OHIF's own player lies over a radiograph that states a frame rate, and is blue.
    assert overlay.colored(shapes[1]) > source.colored(shapes[0]) + 1000


def figures(view: dict[str, Any], concept: str) -> list[str]:
    """The figures beside a concept, in all labels over the image."""
    lines = [line for label in view["labels"] for line in label]
    return [match[1] for line in lines if (match := re.match(rf"{concept}: (\S*) %", line))]
