"""`analyze` and `demo` as a user runs them."""

import json
from pathlib import Path

import pytest
from PIL import Image
from pydicom import dcmread

from dicom_node.demo.phantom import Kind, draw
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.demo.results import count_segmentation, read_report
from tests.system.waiting import run_cli

KEYS = {
    "source_sop_instance_uid", "decision", "reason", "infected_percent", "lung_area_mm2",
    "infected_area_mm2", "infected_pixels", "cautions", "models", "durations_ms",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two chest radiographs, a lateral, a file cut short, and one that is not DICOM."""
    folder = tmp_path_factory.mktemp("in")
    (folder / "deeper").mkdir()
    kinds = {"healthy": Kind.HEALTHY, "deeper/opacity": Kind.RIGHT_OPACITY, "lateral": Kind.LATERAL}
    for name, kind in kinds.items():
        dataset = as_dicom(draw(kind, rows=764, columns=636, seed=7))
        dataset.save_as(folder / f"{name}.dcm", enforce_file_format=True)
    whole = as_dicom(draw(Kind.HEALTHY, rows=382, columns=318, seed=8))
    whole.save_as(folder / "short.dcm", enforce_file_format=True)
    content = (folder / "short.dcm").read_bytes()
    (folder / "short.dcm").write_bytes(content[:-1000])
    (folder / "notes.txt").write_text("not DICOM")
    return folder


def test_analyze_writes_results_for_each_instance_and_names_what_it_could_not_read(
    folder: Path, tmp_path: Path
) -> None:
    run = run_cli("analyze", str(folder), "--out", str(tmp_path), "--json")
    assert run.returncode == 1
    assert "short.dcm: instance" in run.stderr
    assert "notes.txt: not DICOM, passed over" in run.stderr
    documents = {d["source_sop_instance_uid"]: d for d in json.loads(run.stdout)}
    uids = {
        name: dcmread(folder / f"{name}.dcm", stop_before_pixels=True).SOPInstanceUID
        for name in ("healthy", "deeper/opacity", "lateral")
    }
    assert set(documents) == set(uids.values())
    opacity, lateral = documents[uids["deeper/opacity"]], documents[uids["lateral"]]
    assert set(opacity) == set(lateral) == KEYS
    assert opacity["decision"] == "positive"
    assert opacity["infected_percent"]["right"] > opacity["infected_percent"]["left"]
    assert opacity["lung_area_mm2"]["left"] > 1000
    assert [model["task"] for model in opacity["models"]] == ["lung", "infection"]
    assert lateral["decision"] == "not_analysed"
    assert "not a frontal view" in lateral["reason"]
    results = tmp_path / uids["deeper/opacity"]
    assert sorted(path.name for path in results.iterdir()) == [
        "findings.json", "overlay.dcm", "overlay.png", "seg.dcm", "sr.dcm"
    ]  # fmt: skip
    assert json.loads((results / "findings.json").read_text()) == opacity
    report = read_report(results / "sr.dcm")
    assert report.percentages.agree(count_segmentation(results / "seg.dcm"))
    assert report.percentages.right == pytest.approx(opacity["infected_percent"]["right"], abs=0.01)
    with Image.open(results / "overlay.png") as picture:
        assert picture.size[1] > 764
    assert [path.name for path in (tmp_path / uids["lateral"]).iterdir()] == ["findings.json"]


def test_analyze_of_good_files_exits_0_with_a_line_each(folder: Path, tmp_path: Path) -> None:
    files = [str(folder / "healthy.dcm"), str(folder / "lateral.dcm")]
    run = run_cli("analyze", *files, "--out", str(tmp_path))
    assert run.returncode == 0
    first, second = run.stdout.splitlines()
    assert first.startswith(f"{files[0]}: ")
    assert first.endswith("%)")
    assert "not_analysed: not a frontal view" in second


def test_analyze_writes_the_outputs_that_are_asked_for(folder: Path, tmp_path: Path) -> None:
    arguments = ["--out", str(tmp_path), "--outputs", "sr2d, DOC,KO,PR"]
    run = run_cli("analyze", str(folder / "deeper" / "opacity.dcm"), *arguments)
    assert run.returncode == 0, run.stderr
    (results,) = tmp_path.iterdir()
    assert sorted(path.name for path in results.iterdir()) == [
        "findings.json", "key_objects.dcm", "outlines.dcm", "overlay.png", "page.dcm", "sr2d.dcm"
    ]  # fmt: skip
    assert dcmread(results / "page.dcm").Modality == "DOC"


def test_a_named_file_that_is_not_dicom_is_a_failure(folder: Path, tmp_path: Path) -> None:
    run = run_cli("analyze", str(folder / "notes.txt"), "--out", str(tmp_path))
    assert run.returncode == 1
    assert "no readable DICOM data set" in run.stderr


def test_demo_shows_what_came_back_and_exits_0(folder: Path, tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    sent.mkdir()
    for name in ("healthy.dcm", "lateral.dcm"):
        (sent / name).write_bytes((folder / name).read_bytes())
    run = run_cli("demo", str(sent), "--out", str(tmp_path / "out"))
    assert run.returncode == 0, run.stderr
    assert "1 results came back, each SEG and SR agree; 1 skipped" in run.stdout
    pictures = list((tmp_path / "out").glob("*.png"))
    assert len(pictures) == 1
    assert str(pictures[0]) in run.stdout
