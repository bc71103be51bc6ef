"""What readers make of our results: notices, presentation state and report in DCMTK, the page in
poppler, masks in the adapter that OHIF reads a Segmentation with.
"""

import html
import json
import re
import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from inference.findings import Decision, Findings
from sr_writer.identity import tracking_id
from sr_writer.kinds import SR, SR2D, Kind
from sr_writer.wording import headline, percent
from tests.conformance.cases import DECISIONS, chest_headers, findings_for, notice, saved
from tests.conformance.validators import dciodvfy, dsrdump, program, run
from tests.conftest import missing
from tests.sr_writer.examples import ENGLISH, findings, header, write

VIEWERS = Path(__file__).parent / "viewers"
REPORTS = ("SR", "SR2D")


@pytest.mark.parametrize("kind", [SR, SR2D], ids=REPORTS)
@pytest.mark.parametrize("decision", [Decision.NOT_ANALYSED, Decision.FAILED])
def test_a_notice_is_a_valid_report(decision: Decision, kind: Kind, tmp_path: Path) -> None:
    file = saved({"notice": notice(decision, kind)}, tmp_path)["notice"]
    assert dciodvfy(file) == []
    assert dsrdump(file) == []
    assert "This is why there is no result." in run(program("dsrdump"), "+Pl", file)


@pytest.mark.parametrize("decision", DECISIONS)
def test_dcmtk_takes_the_presentation_state(decision: Decision, tmp_path: Path) -> None:
    file = saved(write(findings(decision), roles=("PR",)), tmp_path)["PR"]
    said = run(program("dcmpschk"), file)
    assert not [line for line in said.splitlines() if line.startswith(("E:", "F:"))], said


@pytest.mark.parametrize("decision", DECISIONS)
def test_the_page_says_the_figures(decision: Decision, tmp_path: Path) -> None:
    found = findings(decision)
    file = saved(write(found, roles=("DOC",)), tmp_path)["DOC"]
    pdf = tmp_path / "page.pdf"
    pdf.write_bytes(dcmread(file).EncapsulatedDocument)
    text = run(program("pdftotext"), "-layout", pdf, "-")
    assert "not for diagnosis" in text
    assert headline(found, ENGLISH) in text
    said = (found.left.infected_percent, found.infected_percent, found.right.infected_percent)
    for value in said:
        # poppler sets wide letters apart.
        assert value is None or "".join(percent(value, ENGLISH).split()) in "".join(text.split())


@pytest.mark.parametrize("decision", [Decision.POSITIVE, Decision.NEGATIVE])
@pytest.mark.parametrize("role", REPORTS)
def test_dcmtks_html_says_the_figures(role: str, decision: Decision, tmp_path: Path) -> None:
    found = findings(decision)
    file = saved(write(found, roles=(role,)), tmp_path)[role]
    page = tmp_path / "report.html"
    run(program("dsr2html"), file, page)
    text = html.unescape(re.sub(r"<[^>]+>", " ", page.read_text("utf-8", "replace")))
    text = re.sub(r"\s+", " ", text)
    said = (found.left.infected_percent, found.infected_percent, found.right.infected_percent)
    numbers = [float(number) for number in re.findall(r"(\d+(?:\.\d+)?) %", text)]
    for value in said:
        assert any(number == pytest.approx(value, abs=0.005) for number in numbers), text
    assert ("Present" if decision is Decision.POSITIVE else "Absent") in text


@pytest.mark.parametrize("decision", DECISIONS)
def test_cornerstone_reads_the_same_pixels(decision: Decision, tmp_path: Path) -> None:
    found, source = findings(decision), header()
    source.file_meta = FileMetaDataset()
    source.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    source.save_as(tmp_path / "source.dcm", enforce_file_format=True)
    file = saved(write(found, source), tmp_path)["SEG"]
    assert_same_pixels(found, tmp_path / "source.dcm", file)
    assert (found.infected_pixels > 0) == (decision is Decision.POSITIVE)


def test_cornerstone_reads_the_same_pixels_of_real_radiographs(
    shared_data: Path, tmp_path: Path
) -> None:
    for source in chest_headers(shared_data):
        found = findings_for(source)
        file = saved(write(found, source), tmp_path)["SEG"]
        assert_same_pixels(found, Path(source.filename), file)


def assert_same_pixels(found: Findings, source: Path, file: Path) -> None:
    """Let the adapter read a SEG of `source` and count each segment's pixels."""
    if not (VIEWERS / "node_modules").is_dir():
        missing("the viewers are not installed: make viewers")
    command = [program("node"), "cornerstone_seg.mjs", str(source.resolve()), str(file)]
    done = subprocess.run(command, cwd=VIEWERS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (read,) = json.loads(done.stdout.splitlines()[-1])
    names = {s.number: tracking_id(s.task, s.laterality) for s in found.segments}
    assert {int(number): label for number, label in read["labels"].items()} == names
    counted: dict[int, int] = {}
    for group in read["groups"]:
        for number, pixels in group.items():
            counted[int(number)] = counted.get(int(number), 0) + pixels
    assert counted == {s.number: int(s.mask.sum()) for s in found.segments if s.mask.any()}
