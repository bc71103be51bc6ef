"""`analyze` and `demo` as a user runs them."""

import csv
import json
import re
import warnings
from pathlib import Path

import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, MediaStorageDirectoryStorage

from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.demo.results import count_segmentation, read_report
from tests.phantoms import draw
from tests.system.waiting import run_cli

KEYS = {
    "source_sop_instance_uid", "decision", "reason", "certainty", "infected_percent",
    "lung_area_mm2", "infected_area_mm2", "infected_pixels", "cautions", "models", "durations_ms",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two chest radiographs, a lateral, a file cut short, and one that is not DICOM."""
    folder = tmp_path_factory.mktemp("in")
    (folder / "deeper").mkdir()
    # Patients of whom the networks are sure.
    drawn = {
        "healthy": (Kind.HEALTHY, 9),
        "deeper/opacity": (Kind.RIGHT_OPACITY, 7),
        "lateral": (Kind.LATERAL, 7),
    }
    for name, (kind, seed) in drawn.items():
        dataset = as_dicom(draw(kind, rows=764, columns=636, seed=seed))
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
    assert run.stderr == "1 analysed, 1 skipped, 0 passed over, 0 unreadable\n"


@pytest.fixture(scope="module")
def archive(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as an archive gives it out: a DICOMDIR, copies, and things that upset libraries."""
    archive = tmp_path_factory.mktemp("archive")
    for name in ("healthy.dcm", "short.dcm", "lateral.dcm", "notes.txt"):
        (archive / name).write_bytes((folder / name).read_bytes())
    dataset = dcmread(folder / "healthy.dcm")
    dataset.AccessionNumber = "A-17"
    dataset.PatientID = "another, with the same UID"
    dataset.save_as(archive / "healthy_again.dcm")
    # pydicom warns of such a value, and decoders write to standard error of such a stream.
    with pytest.warns(UserWarning, match="Invalid value for VR"):
        dataset.PatientBirthDate = "yesterday"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.4")
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    dataset.PixelData = encapsulate([b"\xff\x4f\xff\x51" + bytes(200)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.save_as(archive / "noisy.dcm")
    directory = Dataset()
    directory.file_meta = FileMetaDataset()
    directory.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    directory.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.5")
    directory.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    directory.DirectoryRecordSequence = []
    directory.save_as(archive / "INDEX", enforce_file_format=True)
    return archive


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_script_gets_a_row_for_every_file(form: str, archive: Path, tmp_path: Path) -> None:
    run = run_cli("analyze", str(archive), "--out", str(tmp_path / "out"), f"--{form}")
    assert run.returncode == 1
    lines = run.stdout.splitlines()
    found = list(csv.DictReader(lines)) if form == "csv" else [json.loads(line) for line in lines]
    rows = {Path(row["path"]).name: row for row in found}
    assert {name: row["status"] for name, row in rows.items()} == {
        "healthy.dcm": "analysed",
        "healthy_again.dcm": "analysed",
        "lateral.dcm": "skipped",
        "notes.txt": "passed over",
        "INDEX": "passed over",
        "noisy.dcm": "unreadable",
        "short.dcm": "unreadable",
    }
    first, second = rows["healthy.dcm"], rows["healthy_again.dcm"]
    assert first["sop_instance_uid"] == second["sop_instance_uid"]
    assert second["accession_number"] == "A-17"
    assert float(first["percent_both"]) >= 0
    assert rows["lateral.dcm"]["percent_both"] in ("", None)
    assert "not a frontal view" in rows["lateral.dcm"]["reason"]
    assert rows["short.dcm"]["reason"]
    assert rows["short.dcm"]["study_instance_uid"]
    assert Path(second["folder"]).name == f"{second['sop_instance_uid']}.copy2"
    for row in (first, second):
        assert json.loads((Path(row["folder"]) / "findings.json").read_text())["decision"]


def test_standard_error_is_what_we_say_and_nothing_else(archive: Path, tmp_path: Path) -> None:
    run = run_cli("analyze", str(archive), "--out", str(tmp_path / "out"), "--jsonl")
    *said, closing = run.stderr.splitlines()
    assert all(line.startswith(f"{archive}/") for line in said)
    assert sorted({Path(line.partition(":")[0]).name for line in said}) == [
        "INDEX", "healthy_again.dcm", "noisy.dcm", "notes.txt", "short.dcm",
    ]  # fmt: skip
    assert closing == "2 analysed, 1 skipped, 2 passed over, 2 unreadable"


def test_a_folder_with_nothing_to_analyse_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("not DICOM")
    for name in ("empty", "other"):
        run = run_cli("analyze", str(tmp_path / name), "--out", str(tmp_path / "out"))
        assert run.returncode == 2
        assert "no DICOM files here" in run.stderr
    assert not (tmp_path / "out").exists()


def test_what_an_earlier_run_wrote_is_neither_analysed_nor_left_beside_the_new(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "in.dcm").write_bytes((folder / "lateral.dcm").read_bytes())
    out = tmp_path / "out"
    uid = dcmread(folder / "lateral.dcm", stop_before_pixels=True).SOPInstanceUID
    (out / uid).mkdir(parents=True)
    (out / uid / "seg.dcm").write_bytes((folder / "healthy.dcm").read_bytes())
    run = run_cli("analyze", str(tmp_path), "--out", str(out), "--jsonl")
    assert [json.loads(line)["status"] for line in run.stdout.splitlines()] == ["skipped"]
    assert [path.name for path in (out / uid).iterdir()] == ["findings.json"]


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
    page = tmp_path / "out" / "index.html"
    assert run.stdout.splitlines()[-1] == f"All of it on one page: {page}"
    text = page.read_text("utf-8")
    links = re.findall(r'href="([^"]+)"', text)
    assert {(page.parent / link).suffix for link in links} == {".png", ".dcm"}
    assert all((page.parent / link).is_file() for link in links)
    assert "not a frontal view" in text
    assert "Not for diagnosis" in text
    assert re.findall(r'src="(.{0,11})', text) == ["data:image/"]
    assert "http" not in text
