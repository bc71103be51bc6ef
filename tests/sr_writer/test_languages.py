"""Results in other languages than English: every word is there, fits, and can be read anywhere."""

import re
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import ImageFont
from pydicom import dcmread

from dicom_node.skipping import Refusal
from inference.findings import Caution, Decision, Findings, LungMeasurement
from inference.quantify import _decide
from sr_writer import codes
from sr_writer.doc.patient import UNPRINTABLE
from sr_writer.doc.printed import printed_in
from sr_writer.identity import RESEARCH_USE
from sr_writer.kind import in_all_languages, spoken
from sr_writer.kinds import KINDS
from sr_writer.language import ENGLISH as EN
from sr_writer.language import LANGUAGES
from sr_writer.languages import words_of
from sr_writer.languages.fonts import REGULAR
from sr_writer.results import Output, Results
from sr_writer.sr.notice import write_notice
from sr_writer.wording import area, both_name, grade, headline, lung_name, percent, percent_error
from tests.sr_writer.documents import lines
from tests.sr_writer.examples import CREATED, EQUIPMENT, findings, header, pixels
from tests.sr_writer.reading import child, children, read

OTHERS = tuple(language for language in LANGUAGES if language != EN)
_GAP = re.compile(r"\{\w+\}")


def write(language: str, found: Findings | None = None, **attributes: object) -> dict[str, Output]:
    """Every output there is in that language, by its role in English."""
    found = found or findings()
    kinds = in_all_languages(KINDS)
    results = Results(header(**attributes), found, pixels(found), EQUIPMENT, CREATED, kinds=kinds)
    roles = [kind.role for kind in spoken(KINDS, language)]
    return {output.role.split("@")[0]: output for output in results.write(roles)}


@pytest.mark.parametrize("language", OTHERS)
def test_a_table_has_every_text_of_the_english_one_with_the_same_gaps(language: str) -> None:
    table, english = words_of(language).table, words_of(EN).table
    assert table.keys() == english.keys()
    for key, text in table.items():
        assert text.strip() == text != "", key
        assert sorted(_GAP.findall(text)) == sorted(_GAP.findall(english[key])), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_has_letters_of_latin_1_and_can_be_written_without(language: str) -> None:
    words = words_of(language)
    for text in words.table.values():
        assert words.with_letters("latin-1").write(text) == text
        assert "?" not in words.write(text)


def test_the_english_table_says_what_findings_say() -> None:
    english = words_of(EN)
    assert {caution.code: english.caution(caution) for caution in Caution} == {
        caution.code: caution.text for caution in Caution
    }
    assert {english(f"refusal.{refusal.name.lower()}") for refusal in Refusal} == {
        refusal.value for refusal in Refusal
    }
    assert english("notice.research") == RESEARCH_USE
    assert english("page.unprintable") == UNPRINTABLE


def reasons() -> Iterator[str]:
    """Every sentence that a decision may rest on."""
    none, clean, bad = (0, 0), (9, 0), (9, 3)
    cautions: list[tuple[Caution, ...]] = [(), *((caution,) for caution in Caution)]
    for left in (none, clean, bad):
        for right in (none, clean, bad):
            for raised in cautions:
                lungs = of_lung("left", *left), of_lung("right", *right)
                yield _decide(None, *lungs, raised, "not the chest (Body Part Examined HIP)")[1]
    yield "What looks like lung is too small: 1.2% of the image."
    yield "What looks like lung is too large: 83.0% of the image."
    yield "The lung network is not sure enough that these are lungs (61%)."
    for refusal in Refusal:
        yield refusal.value
        yield f"{refusal.value} (View Position LL)"
        yield f"{refusal.value} (No lungs were found.)"


def of_lung(side: str, lung: int, infected: int) -> LungMeasurement:
    known = findings().left if side == "left" else findings().right
    return replace(known, lung_pixels=lung, infected_pixels=infected)


@pytest.mark.parametrize("language", OTHERS)
def test_every_reason_is_translated_with_its_figures(language: str) -> None:
    words = words_of(language)
    for english in set(reasons()):
        said = words.reason(english)
        assert english not in said, english
        assert "{" not in said
        for part in ("the ", "No lungs", "not certain", "lung is"):
            assert part not in said, said
    assert "1,2 %" in words.reason("What looks like lung is too small: 1.2% of the image.")
    behind = words.reason("not a frontal view (View Position LL)")
    assert behind.endswith(" (View Position LL)")
    # What nobody could foresee is passed on, and said to be English.
    assert words.reason("no such tag").endswith(": no such tag")


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("verdict", [Decision.POSITIVE, Decision.NEGATIVE, Decision.UNDETERMINED])
def test_report_page_outlines_and_key_object_speak_it(language: str, verdict: Decision) -> None:
    words, found = words_of(language), findings(verdict)
    written = write(language, found)
    report = read(written["SR"])
    said = headline(found, words)
    assert child(report, codes.CONCLUSION).TextValue.startswith(said)
    assert child(report, codes.COMMENT).TextValue == words("notice.research")
    language_item = report.ContentSequence[0].ConceptCodeSequence[0]
    assert language_item.CodeValue == codes.LANGUAGE[language].value
    page = dcmread(BytesIO(written["DOC"].content))
    assert {said, words("notice.research")} <= printed_in(page.EncapsulatedDocument)
    state = read(written["PR"])
    assert any(
        text.UnformattedTextValue.startswith(said)
        for item in state.GraphicAnnotationSequence
        for text in item.get("TextObjectSequence", ())
    )
    assert ("KO" in written) == (verdict is Decision.POSITIVE)


def test_only_the_masks_are_the_same_object_in_every_language() -> None:
    written = {language: write(language) for language in LANGUAGES}
    for role in written[EN]:
        uids = {outputs[role].sop_instance_uid for outputs in written.values()}
        series = {outputs[role].series_instance_uid for outputs in written.values()}
        assert len(uids) == len(series) == (1 if role == "SEG" else len(LANGUAGES)), role
    assert len({outputs["SEG"].content for outputs in written.values()}) == 1
    assert {kind.role for kind in KINDS if not kind.has_words} == {"SEG"}


def test_what_stands_in_for_another_is_of_the_same_language() -> None:
    by_role = {kind.role: kind for kind in spoken(KINDS, "de")}
    assert by_role["SR@de"].next_best == "SR2D@de"
    assert by_role["SEG"].next_best == "PR@de"


@pytest.mark.parametrize(
    ("charset", "patient", "stated", "notice"),
    [
        (None, "Muster^Erika", "ISO_IR 100", "Nur für"),
        ("ISO_IR 100", "Müller^Jörg", "ISO_IR 100", "Nur für"),
        ("ISO_IR 192", "Šimůnek^Jiří", "ISO_IR 192", "Nur für"),
        ("ISO_IR 101", "Šimůnek^Jan", "ISO_IR 101", "Nur fuer"),
    ],
)  # fmt: skip
def test_text_and_patient_are_read_by_one_character_set(
    charset: str | None, patient: str, stated: str, notice: str
) -> None:
    attributes = {"PatientName": patient} | ({"SpecificCharacterSet": charset} if charset else {})
    received = header(**attributes)
    if charset is None and "SpecificCharacterSet" in received:
        del received.SpecificCharacterSet
    found = findings()
    kinds = spoken(KINDS, "de")
    results = Results(received, found, pixels(found), EQUIPMENT, CREATED, kinds=kinds)
    for output in results.write(["SR@de", "PR@de", "DOC@de"]):
        dataset = dcmread(BytesIO(output.content))
        assert dataset.SpecificCharacterSet == stated
        assert str(dataset.PatientName) == patient
        if output.role == "SR@de":
            said = children(dataset, codes.COMMENT)[0].TextValue
            assert said == f"{notice} Forschungszwecke - nicht zur Diagnose"


@pytest.mark.parametrize("language", OTHERS)
def test_a_notice_speaks_it_too(language: str) -> None:
    (kind,) = (one for one in spoken(KINDS, language) if one.role.startswith("SR@"))
    reason = "not a frontal view (View Position LL)"
    notice = write_notice(
        header(), findings().source_sop_instance_uid, Decision.NOT_ANALYSED, reason,
        findings().pipeline,
        EQUIPMENT, CREATED, kind,
    )  # fmt: skip
    words = words_of(language).with_letters("latin-1")
    assert child(read(notice), codes.CONCLUSION).TextValue == words.write(
        f"{words('headline.not_analysed')}. {words.reason(reason)}"
    )


@pytest.mark.parametrize("language", OTHERS)
def test_no_column_of_overlay_or_page_runs_into_the_next(language: str) -> None:
    words, found = words_of(language), findings()
    graded = [
        replace(found.left, infected_percent=share, lung_area_mm2=52_000, infected_area_mm2=51_000)
        for share in (0.0, 10.0, 30.0, 60.0, 90.0)
    ]
    said = {note for lung in graded for note in grade(lung, words)}
    for lung in (found.left, found.right):
        said |= {lung_name(lung, words), lung_name(replace(lung, lung_pixels=0), words)}
    said |= {both_name(found, words), both_name(replace(found, infected_percent=None), words)}
    said |= {percent_error(found, words) or "", area(graded[0], words) or ""}
    # As the caption draws them: of a picture a thousand pixels wide, a column has three hundred.
    small, large = (ImageFont.truetype(REGULAR, 0.9 * factor * 1000 / 52) for factor in (1, 2))
    assert {text for text in said if small.getlength(text) > 300} == set()
    figures = {percent(share, words) for share in (None, 0.0, 0.5, 5.0, 100.0)}
    assert {text for text in figures if large.getlength(text) > 300} == set()
    # And the page: at 8.5 points in a third of its width.
    printed = ImageFont.truetype(REGULAR, 85)
    assert {text for text in said if printed.getlength(text) > 1650} == set()


def test_the_page_in_english_is_read_as_before() -> None:
    page = dcmread(BytesIO(write(EN)["DOC"].content))
    assert set(lines(page.EncapsulatedDocument)) <= printed_in(page.EncapsulatedDocument)
