"""The page says whose radiograph it is and what was found, on one sheet, however much there is."""

import base64
import re
import time
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import EncapsulatedPDFStorage

from inference.findings import Caution, Decision, Findings
from sr_writer.doc.patient import UNPRINTABLE, patient_of
from sr_writer.wording import area, grade, headline, percent
from tests.sr_writer.documents import document, lines, page
from tests.sr_writer.examples import ENGLISH, SOURCE_UID, faint, findings, header, pixels, source_of
from tests.sr_writer.raw_headers import NAMES, received

DECISIONS = [Decision.POSITIVE, Decision.NEGATIVE, Decision.UNDETERMINED]


def baselines(content: bytes) -> list[float]:
    """How high above the bottom of the page each line is written, in points."""
    return [float(y) for y in re.findall(rb"1 0 0 1 [\d.-]+ ([\d.-]+) Tm \(", content)]


def test_it_is_a_pdf_of_the_source() -> None:
    result = document()
    assert result.SOPClassUID == EncapsulatedPDFStorage
    assert (result.Modality, result.MIMETypeOfEncapsulatedDocument) == ("DOC", "application/pdf")
    assert result.SourceInstanceSequence[0].ReferencedSOPInstanceUID == SOURCE_UID
    assert result.BurnedInAnnotation == "YES"
    assert "not for diagnosis" in result.DocumentTitle


@pytest.mark.parametrize("found", [*map(findings, DECISIONS), faint()])
def test_it_says_decision_reason_figures_grades_and_models(found: Findings) -> None:
    said = lines(page(found))
    assert headline(found, ENGLISH) in said
    assert found.reason in said
    assert "Research use only - not for diagnosis" in said
    for lung in (found.left, found.right):
        if lung.lung_pixels:
            told = {
                percent(lung.infected_percent, ENGLISH),
                area(lung, ENGLISH),
                *grade(lung, ENGLISH),
            } - {None}
            assert told <= set(said)
    for model in found.models:
        assert f"{model.name} {model.version}" in " ".join(said)


@pytest.mark.parametrize("mirrored", [False, True])
def test_figures_stand_on_their_own_lungs_side(mirrored: bool) -> None:
    said = lines(page(findings(mirrored=mirrored)))
    assert said.index("R") < said.index("L") if not mirrored else said.index("L") < said.index("R")
    sides = ("Left", "Right") if mirrored else ("Right", "Left")
    first, last = (f"{side} lung, infected" for side in sides)
    assert said.index(first) < said.index("Both lungs, infected") < said.index(last)


def test_without_lungs_no_side_is_claimed() -> None:
    assert not {"R", "L"} & set(lines(page(findings(Decision.UNDETERMINED))))


@pytest.mark.parametrize("shape", [(1500, 1200), (900, 1900), (2000, 300)])
def test_it_stays_on_one_page_whatever_it_has_to_say(shape: tuple[int, int]) -> None:
    found = replace(
        findings(shape=shape, spacing_mm=None), cautions=tuple(Caution), reason="why " * 120
    )
    content = page(found)
    assert len(re.findall(rb"/Type /Page\b", content)) == 1
    said = " ".join(lines(content))
    for caution in Caution:
        assert caution.text.split(":")[0] in said
    assert 36 <= min(baselines(content)) < max(baselines(content)) <= 842 - 36
    assert len(content) < 500_000


def test_a_noisy_image_of_full_size_stays_below_500_kb_and_is_drawn_quickly() -> None:
    found = findings(shape=(3056, 2544), spacing_mm=None)
    started = time.monotonic()
    content = page(found)
    assert time.monotonic() - started < 10
    assert len(content) < 500_000


def test_its_picture_is_the_painting() -> None:
    content = page(findings(shape=(1500, 1200), spacing_mm=None))
    [stream] = re.findall(rb"/DCTDecode \].*?stream\r?\n(.*?~>)", content, re.DOTALL)
    jpeg = Image.open(BytesIO(base64.a85decode(b"<~" + stream.strip(), adobe=True)))
    image = np.asarray(jpeg.convert("RGB")).astype(int)
    assert image.shape[0] / image.shape[1] == pytest.approx(1500 / 1200, rel=0.01)
    gray = pixels(findings(shape=(1500, 1200), spacing_mm=None))
    assert image[5, 5, 0] == pytest.approx(255 * gray[0, 0], abs=4)
    assert ((image[:, :, 0] - image[:, :, 2]) > 40).mean() > 0.01


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"PatientName": "Case^Test"}, "Case, Test"),
        ({"PatientName": "Müller^Jörg^^Dr."}, "Müller, Jörg Dr."),
        ({"PatientName": "Only"}, "Only"),
        ({"PatientName": ""}, ""),
        (
            {"PatientName": "Yamada^Tarou=山田^太郎", "SpecificCharacterSet": "ISO_IR 192"},
            "Yamada, Tarou",
        ),
        ({"PatientName": "山田^太郎", "SpecificCharacterSet": "ISO_IR 192"}, UNPRINTABLE),
        ({"PatientName": "Łukasz", "SpecificCharacterSet": "ISO_IR 101"}, UNPRINTABLE),
    ],
)
def test_a_name_is_printed_in_latin_letters_or_not_at_all(
    changes: dict[str, str], name: str
) -> None:
    dataset = header(**changes)
    assert patient_of(source_of(dataset)).name == name
    assert (name or "-") in lines(page(dataset=dataset))


@pytest.mark.parametrize(
    ("charset", "name"),
    [("japanese", "Yamada, Tarou"), ("korean", "Hong, Gildong"), ("greek", UNPRINTABLE)],
)
def test_the_alphabetic_group_is_read_in_the_sources_character_set(charset: str, name: str) -> None:
    term, content = NAMES[charset]
    raw = {"SpecificCharacterSet": term.encode(), "PatientName": content}
    assert patient_of(source_of(received(header(), raw=raw))).name == name


@pytest.mark.filterwarnings("ignore:Unknown encoding")  # pydicom's, of the file it reads
def test_a_name_in_an_unknown_character_set_is_not_guessed_at() -> None:
    dataset = received(header(), raw={"SpecificCharacterSet": b"ISO_IR 999"})
    assert patient_of(source_of(dataset)).name == UNPRINTABLE


def test_it_says_whose_radiograph_it_is() -> None:
    assert {"Case, Test", "P1", "2026-11-25", "A123"} <= set(lines(page()))
    malformed = received(header(StudyDate=""), raw={"AccessionNumber": b"x" * 90})
    said = lines(page(dataset=malformed))
    assert any(line.startswith("xxx") and line.endswith("...") for line in said)
