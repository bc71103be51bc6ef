"""Other people's programs read what we write: dciodvfy, DCMTK's dsrdump, and dcmqi of 3D Slicer.

Where one is missing, its tests skip with the reason; in CI they fail.
"""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.sr.coding import Code

from inference.decode import read_radiograph
from inference.findings import Decision, Findings, Laterality
from sr_writer import codes
from sr_writer.identity import tracking_id
from sr_writer.progression import Progression
from tests.conformance.cases import DECISIONS, HEADERS, chest_headers, findings_for, saved
from tests.conformance.validators import dciodvfy, dsrdump, program, run
from tests.sr_writer.earlier import ALL_OMITTED, TWO, written
from tests.sr_writer.examples import ROLES, findings, usual_results, write
from tests.sr_writer.read_by_a_person import drawn, read


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("kind", HEADERS)
def test_dciodvfy_and_dsrdump_find_no_error(kind: str, decision: Decision, tmp_path: Path) -> None:
    files = saved(write(findings(decision), HEADERS[kind], ROLES), tmp_path)
    assert ("KO" in files) == (decision is Decision.POSITIVE)
    assert {role: dciodvfy(file) for role, file in files.items()} == {role: [] for role in files}
    assert dsrdump(files["SR"]) == dsrdump(files["SR2D"]) == []


@pytest.mark.parametrize("told", [TWO, ALL_OMITTED])
def test_what_tells_of_earlier_radiographs_is_valid(told: Progression, tmp_path: Path) -> None:
    files = saved(written(told, "SR", "SR2D", "SR@de", "DOC"), tmp_path)
    assert {role: dciodvfy(file) for role, file in files.items()} == {role: [] for role in files}
    assert all(dsrdump(files[role]) == [] for role in ("SR", "SR2D"))
    groups = measured(files["SR"])
    assert set(figures(groups, codes.INFECTED_PERCENT)) == {"COVID-19", "Left lung", "Right lung"}


@pytest.mark.parametrize("decision", [Decision.POSITIVE, Decision.NEGATIVE])
def test_a_report_of_a_reader_is_valid(decision: Decision, tmp_path: Path) -> None:
    files = saved(read("SR", "SR2D", "SR@de", found=drawn(decision)), tmp_path)
    assert {role: dciodvfy(file) for role, file in files.items()} == {role: [] for role in files}
    assert all(dsrdump(files[role]) == [] for role in ("SR", "SR2D"))


@pytest.mark.parametrize("side", Laterality)
def test_one_lung_alone_is_valid_too(side: Laterality, tmp_path: Path) -> None:
    files = saved(write(findings(lungs=(side,))), tmp_path)
    assert [dciodvfy(file) for file in files.values()] == [[], [], []]
    assert dsrdump(files["SR"]) == []


def test_the_results_of_the_real_chest_radiographs_are_valid(
    shared_data: Path, tmp_path: Path
) -> None:
    for source in chest_headers(shared_data):
        files = saved(write(findings_for(source), source, ROLES), tmp_path)
        # A table that the source has wrong is repeated wrong, or its grays would change.
        inherited = {line.partition(" - ")[2] for line in dciodvfy(Path(source.filename))}
        for role, file in files.items():
            own = [line for line in dciodvfy(file) if line.partition(" - ")[2] not in inherited]
            assert own == [], (source.filename, role)
        assert dsrdump(files["SR"]) == dsrdump(files["SR2D"]) == []


def test_dcmtk_shows_a_real_radiograph_through_its_presentation_state(
    shared_data: Path, tmp_path: Path
) -> None:
    """MONOCHROME1 comes out with dense tissue bright, as it was analysed."""
    file = shared_data / "dicom" / "chest" / "cr_pa_mono1_explicit_440.dcm"
    gray = read_radiograph(file).pixels
    source = dcmread(file, stop_before_pixels=True)
    state = saved(write(findings_for(source), source, ("PR",)), tmp_path)["PR"]
    assert "Test passed" in run(program("dcmpschk"), state)
    run(program("dcmp2pgm"), "--pstate", state, file, tmp_path / "shown.pgm")
    shown = np.asarray(Image.open(tmp_path / "shown.pgm"))
    assert shown.shape == gray.shape
    assert np.corrcoef(shown.ravel(), gray.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("decision", DECISIONS)
def test_poppler_finds_one_whole_a4_page(decision: Decision, tmp_path: Path) -> None:
    document = dcmread(saved(write(findings(decision), roles=("DOC",)), tmp_path)["DOC"])
    (tmp_path / "page.pdf").write_bytes(document.EncapsulatedDocument)
    said = run(program("pdfinfo"), tmp_path / "page.pdf")
    assert re.search(r"^Pages:\s+1$", said, re.MULTILINE)
    assert "(A4)" in said
    assert "rror" not in said


def test_a_fault_would_be_found(tmp_path: Path) -> None:
    files = saved(usual_results(), tmp_path)
    for role, keyword in (("SEG", "SegmentSequence"), ("SR", "CompletionFlag")):
        dataset = dcmread(files[role])
        delattr(dataset, keyword)
        dataset.save_as(files[role])
        assert any(keyword in line for line in dciodvfy(files[role]))


@pytest.mark.parametrize("decision", DECISIONS)
def test_slicers_importer_reads_the_same_pixels(decision: Decision, tmp_path: Path) -> None:
    found = findings(decision)
    assert_imported(found, saved(write(found), tmp_path)["SEG"])


def test_slicers_importer_reads_the_same_pixels_of_real_radiographs(
    shared_data: Path, tmp_path: Path
) -> None:
    for number, source in enumerate(chest_headers(shared_data)):
        found, folder = findings_for(source), tmp_path / str(number)
        folder.mkdir()
        assert_imported(found, saved(write(found, source), folder)["SEG"])


def assert_imported(found: Findings, file: Path) -> None:
    """Let dcmqi import a SEG and compare every pixel."""
    run(
        *(program("segimage2itkimage"), "--inputDICOM", file),
        *("--outputDirectory", file.parent, "--outputType", "nrrd"),
    )
    described = json.loads((file.parent / "meta.json").read_text("utf-8"))["segmentAttributes"]
    labels = [group[0]["SegmentLabel"] for group in described]
    assert labels == [tracking_id(s.task, s.laterality) for s in found.segments]
    for segment in found.segments:
        pixels = nrrd_pixels(file.parent / f"{segment.number}.nrrd")
        assert np.array_equal(pixels > 0, segment.mask)


@pytest.mark.parametrize("decision", DECISIONS)
def test_slicers_report_reader_finds_the_same_figures(decision: Decision, tmp_path: Path) -> None:
    found = findings(decision)
    groups = measured(saved(write(found), tmp_path)["SR"])
    grades = figures(groups, codes.EXTENT_GRADE)
    assert grades == {
        name: lung.extent_grade
        for name, lung in (("Left lung", found.left), ("Right lung", found.right))
        if lung.extent_grade is not None
    }
    said = {
        "Left lung": found.left.infected_percent,
        "Right lung": found.right.infected_percent,
        "COVID-19": found.infected_percent,
    }
    assert figures(groups, codes.INFECTED_PERCENT) == {
        name: pytest.approx(percent, abs=0.005)
        for name, percent in said.items()
        if percent is not None
    }


def measured(report: Path) -> list[dict[str, Any]]:
    """The measurement groups that Slicer's reader finds."""
    told = report.with_suffix(".json")
    run(program("tid1500reader"), "--inputDICOM", report, "--outputMetadata", told)
    groups: list[dict[str, Any]] = json.loads(told.read_text("utf-8"))["Measurements"]
    return groups


def figures(groups: list[dict[str, Any]], name: Code) -> dict[str, float]:
    """What each group says under `name`, by its tracking identifier."""
    return {
        group["TrackingIdentifier"]: float(item["value"])
        for group in groups
        for item in group.get("measurementItems") or []
        if item["quantity"]["CodeValue"] == name.value
    }


def nrrd_pixels(file: Path) -> np.ndarray:
    """The one plane of a gzipped NRRD of 16-bit pixels, as dcmqi writes it."""
    head, _, body = file.read_bytes().partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
    assert (fields["type"], fields["encoding"], fields["endian"]) == ("short", "gzip", "little")
    columns, rows, planes = (int(size) for size in fields["sizes"].split())
    assert planes == 1
    return np.frombuffer(gzip.decompress(body), "<i2").reshape(rows, columns)
