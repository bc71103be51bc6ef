"""Every output tells a result in the same plain words, with no digit the method does not have."""

from dataclasses import replace

import pytest
from pydicom.sr.codedict import codes as dictionary

from inference.findings import Caution, Decision, Findings, Laterality, LungMeasurement
from inference.pipeline import Pipeline
from sr_writer import codes
from sr_writer.identity import RESEARCH_USE
from sr_writer.sr.notice import write_notice
from sr_writer.wording import (
    area,
    conclusion,
    detail,
    grade,
    headline,
    percent,
    percent_error,
)
from tests.sr_writer.documents import lines, page, state, words
from tests.sr_writer.examples import (
    CREATED,
    ENGLISH,
    EQUIPMENT,
    INFECTION_MODEL,
    LUNG_MODEL,
    SOURCE_UID,
    faint,
    findings,
    header,
    write,
)
from tests.sr_writer.reading import child, children, code, read

FOUND = {
    Decision.POSITIVE: findings(),
    Decision.NEGATIVE: findings(Decision.NEGATIVE),
    Decision.UNDETERMINED: findings(Decision.UNDETERMINED),
}
NOTICES = {Decision.NOT_ANALYSED: Decision.NOT_ANALYSED, Decision.FAILED: Decision.FAILED}


def lung(percent: float, lung_mm2: float = 20_000, infected_mm2: float = 3_000) -> LungMeasurement:
    return LungMeasurement(Laterality.LEFT, 1000, 7, percent, lung_mm2, infected_mm2)


def one_lung() -> Findings:
    return replace(findings(lungs=(Laterality.RIGHT,)), infected_percent=None)


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "-"), (0.0, "0 %"), (1e-4, "under 1 %"), (0.42, "under 1 %"), (0.99, "under 1 %"),
     (1.0, "about 1 %"), (1.4, "about 1 %"), (1.5, "about 2 %"), (9.4, "about 9 %"),
     (9.9, "about 10 %"), (10.0, "about 10 %"), (12.4, "about 10 %"), (12.5, "about 15 %"),
     (42.3, "about 40 %"), (97.4, "about 95 %"), (100.0, "about 100 %")],
)  # fmt: skip
def test_a_percentage_has_no_digit_the_method_does_not_have(value: float | None, said: str) -> None:
    assert percent(value, ENGLISH) == said


@pytest.mark.parametrize(
    ("value", "number", "meaning"),
    [(10, 1, "less than a quarter infected"), (25, 2, "a quarter to a half infected"),
     (75, 3, "half to three quarters infected"), (80, 4, "more than three quarters infected"),
     (0, 0, "none of it infected")],
)  # fmt: skip
def test_a_grade_is_explained_where_it_stands(value: float, number: int, meaning: str) -> None:
    assert grade(lung(value), ENGLISH) == (f"extent grade {number} of 4", meaning)


def test_signs_too_faint_to_say_are_not_graded() -> None:
    assert grade(faint().left, ENGLISH) == ()
    assert grade(findings(Decision.NEGATIVE).left, ENGLISH) != ()


@pytest.mark.parametrize(
    ("lung_mm2", "infected_mm2", "said"),
    [
        (20_449.0, 5_312.0, "53 of 200 cm2"),
        (9_449.0, 12.0, "under 1 of 94 cm2"),
        (31_200.0, 0.0, "0 of 310 cm2"),
    ],
)
def test_areas_are_in_square_centimetres(lung_mm2: float, infected_mm2: float, said: str) -> None:
    assert area(lung(10, lung_mm2, infected_mm2), ENGLISH) == said


def test_without_spacing_no_area_is_given() -> None:
    without = replace(lung(10), lung_area_mm2=None, infected_area_mm2=None)
    assert area(without, ENGLISH) is None
    assert "cm2" not in " ".join(lines(page(findings(spacing_mm=None))))
    assert "cm2" in " ".join(lines(page()))


@pytest.mark.parametrize(
    ("points", "said"),
    [(15.68, "off by 16 points on average"), (1.2, "off by 1 point on average"),
     (0.1, "off by 1 point on average"), (None, None)],
)  # fmt: skip
def test_how_far_off_a_percentage_may_be_is_the_model_cards(
    points: float | None, said: str | None
) -> None:
    model = replace(INFECTION_MODEL, percent_error_points=points)
    found = replace(findings(), pipeline=Pipeline((LUNG_MODEL, model)))
    assert percent_error(found, ENGLISH) == said
    for told in (lines(page(found)), words(state(found)), [conclusion(found, ENGLISH)]):
        assert (said or "points on average") in " ".join(told) or said is None
        assert said is not None or "points" not in " ".join(told)


def test_an_error_measured_on_infected_lungs_is_told_of_no_others() -> None:
    told = {verdict: percent_error(found, ENGLISH) for verdict, found in FOUND.items()}
    assert [verdict for verdict, error in told.items() if error] == [Decision.POSITIVE]
    assert percent_error(one_lung(), ENGLISH) is None


def test_what_is_said_below_the_headline_is_how_much_or_why_nothing() -> None:
    assert detail(findings(), ENGLISH) == "About 20 % of the lungs (off by 12 points on average)."
    assert detail(faint(), ENGLISH) == faint().reason == Caution.FAINT.text
    assert detail(one_lung(), ENGLISH) == "About 25 % of the right lung, the only one found."
    for verdict in (Decision.NEGATIVE, Decision.UNDETERMINED):
        assert detail(FOUND[verdict], ENGLISH) == FOUND[verdict].reason


def test_every_decision_reads_differently() -> None:
    assert len({ENGLISH(f"headline.{verdict}") for verdict in Decision}) == len(Decision)


@pytest.mark.parametrize("verdict", FOUND)
def test_every_output_tells_it_in_the_same_words_and_says_what_it_is_not_for(
    verdict: Decision,
) -> None:
    found = FOUND[verdict]
    assert headline(found, ENGLISH) == ENGLISH(f"headline.{verdict}")
    report = read(write(found, roles=("SR",))["SR"])
    said = " ".join(words(state(found)))
    printed = lines(page(found))
    assert child(report, codes.CONCLUSION).TextValue == conclusion(found, ENGLISH)
    assert headline(found, ENGLISH) in printed
    assert headline(found, ENGLISH) in said
    assert detail(found, ENGLISH) in said
    if verdict is Decision.POSITIVE:
        assert percent(found.infected_percent, ENGLISH) in printed
        assert percent(found.infected_percent, ENGLISH).capitalize() in said
    assert child(report, codes.COMMENT).TextValue == RESEARCH_USE
    assert RESEARCH_USE in printed
    assert RESEARCH_USE in said


def evaluations(verdict: Decision) -> frozenset[tuple[str, str]]:
    """The codes that a report of that verdict says it by."""
    if verdict in FOUND:
        output = write(FOUND[verdict], roles=("SR",))["SR"]
    else:
        pipeline = findings().pipeline
        output = write_notice(
            header(), SOURCE_UID, NOTICES[verdict], "Why.", pipeline, EQUIPMENT, CREATED
        )
    container = child(read(output), codes.QUALITATIVE_EVALUATIONS)
    items = [item for name, _ in codes.VERDICT for item in children(container, name)]
    return frozenset(code(item.ConceptCodeSequence[0]) for item in items)


def test_the_codes_of_the_processing_are_of_the_standards_context_groups() -> None:
    for told, group in (
        (codes.DETECTIONS_STATUS, dictionary.cid6042),
        (codes.PROCESSING_SUMMARY, dictionary.cid6047),
    ):
        assert set(told) == set(Decision)
        listed = {(c.value, c.meaning) for c in (getattr(group, name) for name in group.dir())}
        assert {(c.value, c.meaning) for c in told.values()} <= listed


def test_machines_tell_every_verdict_by_its_codes() -> None:
    """CID 6042 and 6047 of PS3.16; three that are undetermined are told apart by these."""
    assert {verdict: {value for value, _ in evaluations(verdict)} for verdict in Decision} == {
        Decision.POSITIVE: {"52101004", "111242", "111222"},
        Decision.NEGATIVE: {"272519000", "111241", "111222"},
        Decision.UNDETERMINED: {"373068000", "111243", "111223"},
        Decision.NOT_ANALYSED: {"373068000", "111245", "111225"},
        Decision.FAILED: {"373068000", "111245", "111224"},
    }
