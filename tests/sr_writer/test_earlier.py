"""Report and page tell of earlier radiographs, and nothing wrong of them passes the gate."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import pytest
from pydicom import Dataset, dcmread, dcmwrite

from inference.findings import Decision
from sr_writer import codes
from sr_writer.case import Case
from sr_writer.doc.printed import printed_in
from sr_writer.identity import Issue, identity_of
from sr_writer.kinds import DOC, SR, Kind
from sr_writer.language import LANGUAGES
from sr_writer.languages import words_of
from sr_writer.progression import Omission, Progression
from sr_writer.progression.change import percent_now
from sr_writer.verify import InvalidResult, verify
from tests.sr_writer.altering import Change, first, set_to, without
from tests.sr_writer.earlier import ALL_OMITTED, TWO, image, report, written
from tests.sr_writer.examples import CREATED, EQUIPMENT, all_results, case_of, findings
from tests.sr_writer.reading import child, children, everything, is_named, read


def percents(group: Dataset) -> list[float]:
    return [
        float(item.MeasuredValueSequence[0].NumericValue)
        for item in children(group, codes.INFECTED_PERCENT)
    ]


def evidence(dataset: Dataset) -> set[str]:
    return {
        one.ReferencedSOPInstanceUID
        for study in dataset.get("PertinentOtherEvidenceSequence", ())
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }


def test_each_lung_of_each_prior_has_a_group_with_its_time_and_image() -> None:
    previous = child(read(written(TWO, "SR")["SR"]), codes.PREVIOUS_FINDINGS)
    groups = {
        child(group, codes.TRACKING_IDENTIFIER).TextValue: group
        for group in children(previous, codes.MEASUREMENT_GROUP)
    }
    assert {name: percents(group) for name, group in groups.items()} == {
        "Left lung, 2026-11-02T08:00:00": [12.5],
        "Right lung, 2026-11-02T08:00:00": [40.25],
        # Two digits, where two decimals would read as nothing.
        "Left lung, 2026-11-10": [0.004],
    }
    group = groups["Right lung, 2026-11-02T08:00:00"]
    assert child(group, codes.TIME_POINT).TextValue == "2026-11-02T08:00:00"
    (source,) = [item for item in group.ContentSequence if item.ValueType == "IMAGE"]
    named = source.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    assert named == image(1).sop_instance_uid
    assert group.ContentTemplateSequence[0].TemplateIdentifier == "1501"


@pytest.mark.parametrize(("language", "reports"), [("en", {report(1), report(2)}),
                                                   ("de", {report(1, 1), report(2)})])  # fmt: skip
def test_images_and_reports_are_other_evidence_in_the_language_where_there_is_one(
    language: str, reports: set[object]
) -> None:
    role = "SR" if language == "en" else f"SR@{language}"
    dataset = read(written(TWO, role)[role])
    expected = {one.sop_instance_uid for one in (image(1), image(2), *reports)}  # type: ignore[attr-defined]
    assert evidence(dataset) == expected
    # What was not made for this procedure is no evidence of it.
    assert not expected & {
        one.ReferencedSOPInstanceUID
        for series in dataset.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }


def test_what_has_changed_stands_with_the_lung_and_says_since_which_image() -> None:
    dataset = read(written(TWO, "SR")["SR"])
    changes = [item for item in everything(dataset) if is_named(item, codes.CHANGE)]
    # The last prior has no right lung.
    assert len(changes) == 1
    measured = changes[0].MeasuredValueSequence[0]
    now = round(percent_now(findings(), next(iter(findings().segments)).laterality) or 0, 2)
    assert float(measured.NumericValue) == pytest.approx(now - 0.004, abs=0.01)
    assert measured.MeasurementUnitsCodeSequence[0].CodeValue == "{points}"
    since = changes[0].ContentSequence[0]
    assert since.RelationshipType == "INFERRED FROM"
    assert since.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == image(2).sop_instance_uid


def test_of_an_undetermined_radiograph_no_change_is_said() -> None:
    found = findings(Decision.UNDETERMINED)
    dataset = read(written(TWO, "SR", found=found)["SR"])
    assert not [item for item in everything(dataset) if is_named(item, codes.CHANGE)]
    assert child(dataset, codes.PREVIOUS_FINDINGS)


def test_only_what_tells_of_them_has_another_name() -> None:
    roles = ("SEG", "SR", "SR2D", "SC", "KO", "PR", "DOC")
    with_, without_ = written(TWO, *roles), all_results()
    same = {role for role in roles if with_[role].content == without_[role].content}
    assert same == {"SEG", "SC", "KO", "PR"}
    for role in set(roles) - same:
        assert with_[role].sop_instance_uid != without_[role].sop_instance_uid
        assert with_[role].series_instance_uid != without_[role].series_instance_uid


def test_the_same_series_gives_the_same_bytes_and_another_another_name() -> None:
    again = Progression.of(TWO.as_text())
    assert written(TWO, "SR", "DOC") == written(again, "SR", "DOC")
    other = written(replace(TWO, revision=1), "SR")["SR"]
    assert other.sop_instance_uid != written(TWO, "SR")["SR"].sop_instance_uid


def test_with_nothing_to_tell_a_report_says_nothing_of_it() -> None:
    empty = read(written(Progression("2026-11-12", revision=2), "SR")["SR"])
    assert not [item for item in everything(empty) if is_named(item, codes.PREVIOUS_FINDINGS)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_report_and_page_say_which_were_not_compared_and_why(language: str) -> None:
    words = words_of(language).with_letters("latin-1")
    roles = ("SR", "DOC") if language == "en" else (f"SR@{language}", f"DOC@{language}")
    for told in (TWO, ALL_OMITTED):
        sr, doc = (read(output) for output in written(told, *roles).values())
        comments = [
            item.TextValue for item in children(child(sr, codes.PREVIOUS_FINDINGS), codes.COMMENT)
        ]
        old = words("progression.too_old", dates="2026-05-01")
        assert words.write(old) in comments
        others = words("progression.other_patient", dates="2026-10-31, 2026-11-01")
        assert words.write(others) in comments
        printed = printed_in(doc.EncapsulatedDocument)
        assert {old, others} <= printed
        assert ("2026-11-02" in printed) == bool(told.priors)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_has_its_sentence(language: str) -> None:
    for why in Omission:
        assert "2026-11-01" in words_of(language)(f"progression.{why}", dates="2026-11-01")


def say_another_percentage(dataset: Dataset) -> None:
    previous = child(dataset, codes.PREVIOUS_FINDINGS)
    group = children(previous, codes.MEASUREMENT_GROUP)[0]
    child(group, codes.INFECTED_PERCENT).MeasuredValueSequence[0].NumericValue = 13


def say_another_change(dataset: Dataset) -> None:
    first(dataset, "CHANGE").MeasuredValueSequence[0].NumericValue = 1


def leave_it_out(dataset: Dataset) -> None:
    dataset.ContentSequence = [
        item for item in dataset.ContentSequence if not is_named(item, codes.PREVIOUS_FINDINGS)
    ]


def print_another_date(dataset: Dataset) -> None:
    page = dataset.EncapsulatedDocument
    dataset.EncapsulatedDocument = page.replace(b"2026-11-02", b"2026-11-03")


WRONG: list[tuple[Kind, Change, str]] = [
    (SR, say_another_percentage, "says [13.0] percent where 12.5 was found"),
    (SR, say_another_change, "is said to have changed by [1.0]"),
    (SR, without("PertinentOtherEvidenceSequence"), "its other evidence is not"),
    (SR, leave_it_out, "it tells of earlier radiographs, or does not"),
    (SR, set_to(SOPInstanceUID="1.2.3"), "stands where"),
    (DOC, print_another_date, "its page does not say 2026-11-02"),
]


@pytest.mark.parametrize(("kind", "change", "message"), WRONG)
def test_what_is_wrong_of_earlier_radiographs_does_not_leave(
    kind: Kind, change: Callable[[Dataset], None], message: str
) -> None:
    dataset = dcmread(BytesIO(written(TWO, kind.role)[kind.role].content))
    change(dataset)
    buffer = BytesIO()
    dcmwrite(buffer, dataset)
    case = case_of_two()
    with pytest.raises(InvalidResult) as refused:
        verify(kind, buffer.getvalue(), case.source, case.identity,
               lambda said: kind.verify(said, case))  # fmt: skip
    assert message in str(refused.value)


def case_of_two() -> Case:
    identity = identity_of(findings(), EQUIPMENT, CREATED, Issue(progression=TWO))
    return replace(case_of(findings()), identity=identity)
