"""The SR is TID 1500 as OHIF opens it and as IHE AI Results asks, whatever was found."""

from dataclasses import replace

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import Comprehensive3DSRStorage, ComprehensiveSRStorage

from inference.findings import Caution, Decision, Findings, Laterality, Task
from sr_writer import codes
from sr_writer.outlines import bounds
from sr_writer.wording import conclusion
from tests.sr_writer.examples import (
    ENGLISH,
    EQUIPMENT,
    INFECTION_MODEL,
    LUNG_MODEL,
    SHAPE,
    SOURCE_UID,
    all_results,
    bare_header,
    faint,
    findings,
    header,
    usual_results,
    write,
)
from tests.sr_writer.reading import child, children, code, everything, is_named, numbers, read

FINDING_SITE = Code("363698007", "SCT", "Finding Site")
LATERALITY = Code("272741003", "SCT", "Laterality")
IMAGE_REGION = Code("111030", "DCM", "Image Region")
DECISIONS = [Decision.POSITIVE, Decision.NEGATIVE, Decision.UNDETERMINED]


@pytest.fixture(scope="module")
def report() -> Dataset:
    return read(usual_results()["SR"])


def groups(report: Dataset) -> dict[str, Dataset]:
    measurements = child(report, codes.IMAGING_MEASUREMENTS)
    found = children(measurements, codes.MEASUREMENT_GROUP)
    return {child(group, codes.TRACKING_IDENTIFIER).TextValue: group for group in found}


def region(group: Dataset) -> np.ndarray:
    return np.reshape(child(group, IMAGE_REGION).GraphicData, (-1, 2))


def test_it_is_a_complete_unverified_measurement_report(report: Dataset) -> None:
    assert report.SOPClassUID == Comprehensive3DSRStorage
    assert code(report.ConceptNameCodeSequence[0]) == ("126000", "DCM")
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")


def test_it_says_who_observed_in_which_language_and_what(report: Dataset) -> None:
    assert EQUIPMENT.device_uid == child(report, codes.DEVICE_OBSERVER_UID).UID
    assert child(report, codes.DEVICE_OBSERVER_MODEL).TextValue == EQUIPMENT.model_name
    concepts = [
        code(item.ConceptCodeSequence[0])
        for item in everything(report)
        if "ConceptCodeSequence" in item
    ]
    assert ("121007", "DCM") in concepts
    assert ("en-US", "RFC5646") in concepts
    assert ("399208008", "SCT") in concepts


def test_its_evidence_is_the_source_and_the_segmentation() -> None:
    outputs = usual_results()
    [study] = read(outputs["SR"]).CurrentRequestedProcedureEvidenceSequence
    referenced = {
        series.SeriesInstanceUID: series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for series in study.ReferencedSeriesSequence
    }
    seg = outputs["SEG"]
    assert study.StudyInstanceUID == header().StudyInstanceUID
    assert referenced == {
        header().SeriesInstanceUID: SOURCE_UID,
        seg.series_instance_uid: seg.sop_instance_uid,
    }


@pytest.mark.parametrize("lungs", [tuple(Laterality), (Laterality.LEFT,), (Laterality.RIGHT,)])
@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("shape", [SHAPE, (1, 1), (2, 900)])
def test_every_group_is_planar_and_has_a_closed_region_within_the_image(
    decision: Decision, lungs: tuple[Laterality, ...], shape: tuple[int, int]
) -> None:
    report = read(write(findings(decision, lungs=lungs, shape=shape))["SR"])
    assert groups(report)
    for group in groups(report).values():
        assert group.ContentTemplateSequence[0].TemplateIdentifier == "1410"
        item, points = child(group, IMAGE_REGION), region(group)
        assert item.GraphicType == "POLYLINE"
        assert len(points) >= 4
        assert (points[0] == points[-1]).all()
        assert (points >= 0).all()
        assert (points <= (shape[1], shape[0])).all()
        image = item.ContentSequence[0].ReferencedSOPSequence[0]
        assert image.ReferencedSOPInstanceUID == SOURCE_UID


def test_a_lungs_region_is_its_outline(report: Dataset) -> None:
    for side in Laterality:
        points = region(groups(report)[f"{side.value.capitalize()} lung"])
        mask = findings().segment(Task.LUNG, side).mask
        assert np.abs(points.min(axis=0) - bounds(mask).min(axis=0)).max() <= 1
        assert np.abs(points.max(axis=0) - bounds(mask).max(axis=0)).max() <= 1
        x, y = points.T
        area = abs(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2
        assert area == pytest.approx(mask.sum(), rel=0.05)


def test_a_lung_group_says_side_percentage_and_areas(report: Dataset) -> None:
    for side in Laterality:
        group, measured = (
            groups(report)[f"{side.value.capitalize()} lung"],
            findings().measurement(side),
        )
        assert code(child(group, codes.FINDING).ConceptCodeSequence[0]) == ("39607008", "SCT")
        site = child(group, FINDING_SITE)
        assert code(site.ConceptCodeSequence[0]) == ("39607008", "SCT")
        laterality = codes.LATERALITY[side]
        assert code(child(site, LATERALITY).ConceptCodeSequence[0])[0] == laterality.value
        [(percent, unit)] = numbers(group, codes.INFECTED_PERCENT)
        assert percent == pytest.approx(measured.infected_percent, abs=0.005)
        assert unit == "%"
        areas, units = zip(*numbers(group, codes.AREA), strict=True)
        expected = measured.lung_area_mm2, measured.infected_area_mm2
        assert areas == pytest.approx(expected, abs=0.005)
        assert units == ("mm2", "mm2")


def test_the_infected_area_is_told_from_the_lungs(report: Dataset) -> None:
    lung, infected = children(groups(report)["Left lung"], codes.AREA)
    assert "ContentSequence" not in lung
    assert code(child(infected, codes.FINDING).ConceptCodeSequence[0]) == ("112001", "DCM")


def test_without_spacing_there_are_no_areas() -> None:
    report = read(write(findings(spacing_mm=None))["SR"])
    assert not any(is_named(item, codes.AREA) for item in everything(report))
    assert numbers(groups(report)["Left lung"], codes.INFECTED_PERCENT)


def test_a_healthy_lung_has_its_region_and_says_zero_percent() -> None:
    report = read(write(findings(Decision.NEGATIVE))["SR"])
    assert set(groups(report)) == {"Left lung", "Right lung", "COVID-19"}
    for group in groups(report).values():
        assert numbers(group, codes.INFECTED_PERCENT) == [(0, "%")]


def test_a_lung_group_says_its_extent_grade_after_the_percentage(report: Dataset) -> None:
    for side in Laterality:
        group = groups(report)[f"{side.value.capitalize()} lung"]
        assert numbers(group, codes.EXTENT_GRADE) == [
            (findings().measurement(side).extent_grade, "{0:4}")
        ]
        measured = [item for item in group.ContentSequence if item.ValueType == "NUM"]
        assert is_named(measured[0], codes.INFECTED_PERCENT)
        assert is_named(measured[1], codes.EXTENT_GRADE)
    assert "this node's" in codes.EXTENT_GRADE.meaning


def test_the_comprehensive_sr_says_the_same_in_another_class_and_series() -> None:
    outputs = all_results()
    report, flat = read(outputs["SR"]), read(outputs["SR2D"])
    assert flat.SOPClassUID == ComprehensiveSRStorage
    assert flat.ContentSequence == report.ContentSequence
    assert flat.CurrentRequestedProcedureEvidenceSequence == (
        report.CurrentRequestedProcedureEvidenceSequence
    )
    assert flat.SOPInstanceUID != report.SOPInstanceUID
    assert flat.SeriesInstanceUID != report.SeriesInstanceUID
    assert flat.SeriesNumber == 210


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (findings(Decision.POSITIVE), "52101004"),
        (faint(), "373068000"),
        (findings(Decision.NEGATIVE), "272519000"),
        (findings(Decision.UNDETERMINED), "373068000"),
    ],
    ids=["positive", "faint", "negative", "undetermined"],
)
def test_the_decision_is_said_in_code_and_in_words(found: Findings, said: str) -> None:
    report = read(write(found)["SR"])
    group = groups(report)["COVID-19"]
    assert code(child(group, codes.FINDING).ConceptCodeSequence[0]) == ("840539006", "SCT")
    assert code(child(group, codes.COVID_19).ConceptCodeSequence[0]) == (said, "SCT")
    assert child(report, codes.CONCLUSION).TextValue == conclusion(found, ENGLISH)


@pytest.mark.parametrize("found", [*map(findings, DECISIONS), faint()])
def test_the_conclusion_the_notice_and_the_decisions_group_come_first(found: Findings) -> None:
    report = read(write(found)["SR"])
    contained = [item for item in report.ContentSequence if item.RelationshipType == "CONTAINS"]
    assert is_named(contained[0], codes.CONCLUSION)
    assert contained[1].TextValue == "Research use only - not for diagnosis"
    assert next(iter(groups(report))) == "COVID-19"


@pytest.mark.parametrize(
    ("found", "certainty"),
    [
        (findings(), [97.12]),
        (findings(Decision.NEGATIVE), [3.4]),
        (faint(), [35.1]),
        (findings(Decision.UNDETERMINED), []),
    ],
    ids=["positive", "negative", "faint", "undetermined"],
)
def test_the_certainty_is_said_as_a_probability_with_its_meaning(
    found: Findings, certainty: list[float]
) -> None:
    report = read(write(found)["SR"])
    group = groups(report)["COVID-19"]
    assert numbers(group, codes.CERTAINTY) == [(value, "%") for value in certainty]
    evaluations = child(report, codes.QUALITATIVE_EVALUATIONS)
    said = [item.TextValue for item in children(evaluations, codes.COMMENT)]
    assert (ENGLISH("notice.certainty") in said) == bool(certainty)


def test_the_decision_group_has_both_lungs_percentage_and_the_pixels(report: Dataset) -> None:
    group = groups(report)["COVID-19"]
    [(percent, _)] = numbers(group, codes.INFECTED_PERCENT)
    assert percent == pytest.approx(findings().infected_percent, abs=0.005)
    assert numbers(group, codes.INFECTED_PIXELS) == [(findings().infected_pixels, "{pixels}")]


def test_the_decision_region_holds_both_lungs_and_is_centred_elsewhere(report: Dataset) -> None:
    """OHIF writes at a region's right edge and half height: these must not meet."""
    rectangle = region(groups(report)["COVID-19"])
    lungs = [region(groups(report)[name]) for name in ("Left lung", "Right lung")]
    for lung in lungs:
        assert (rectangle.min(axis=0) <= lung.min(axis=0)).all()
        assert (rectangle.max(axis=0) >= lung.max(axis=0)).all()
    heights = [(points[:, 1].min() + points[:, 1].max()) / 2 for points in (rectangle, *lungs)]
    assert min(abs(heights[0] - height) for height in heights[1:]) > 0.08 * SHAPE[0]


def test_without_lungs_the_report_says_so_on_the_whole_image_without_figures() -> None:
    found = findings(Decision.UNDETERMINED)
    report = read(write(found)["SR"])
    assert set(groups(report)) == {"COVID-19"}
    assert region(groups(report)["COVID-19"]).max(axis=0).tolist() == [SHAPE[1], SHAPE[0]]
    assert not any(item.ValueType == "NUM" for item in everything(groups(report)["COVID-19"]))


def test_one_lung_alone_has_a_group_and_the_missing_one_none() -> None:
    report = read(write(findings(lungs=(Laterality.RIGHT,)))["SR"])
    assert set(groups(report)) == {"Right lung", "COVID-19"}


@pytest.mark.parametrize("decision", DECISIONS)
def test_the_reason_and_the_cautions_stand_in_the_qualitative_evaluations(
    decision: Decision,
) -> None:
    cautions = (Caution.LATERALITY_ASSUMED, Caution.SPACING_AT_DETECTOR)
    found = replace(findings(decision), cautions=cautions)
    container = child(read(write(found)["SR"]), codes.QUALITATIVE_EVALUATIONS)
    assert child(container, codes.SUMMARY).TextValue == found.reason
    comments = [item.TextValue for item in children(container, codes.COMMENT)]
    meaning = [] if found.certainty is None else [ENGLISH("notice.certainty")]
    assert comments == [caution.text for caution in cautions] + meaning


def test_a_group_is_tracked_as_its_segment_is() -> None:
    outputs = usual_results()
    tracked = {s.TrackingID: s.TrackingUID for s in read(outputs["SEG"]).SegmentSequence}
    for name, group in groups(read(outputs["SR"])).items():
        if name != "COVID-19":
            assert tracked[name] == child(group, codes.TRACKING_UID).UID


def test_every_group_names_its_network(report: Dataset) -> None:
    for name, group in groups(report).items():
        model = INFECTION_MODEL if name == "COVID-19" else LUNG_MODEL
        assert child(group, codes.ALGORITHM_NAME).TextValue.startswith(model.name)
        assert child(group, codes.ALGORITHM_VERSION).TextValue == model.version
        assert child(group, codes.ALGORITHM_MANUFACTURER).TextValue == EQUIPMENT.manufacturer
        parameters = children(group, Code("111002", "DCM", "Algorithm Parameters"))
        assert f"sha256={model.sha256}" in [item.TextValue for item in parameters]


def test_what_names_the_algorithms_equals_the_contributing_equipment(report: Dataset) -> None:
    """IHE AI Results 6.5.3.1."""
    processing = [
        item
        for item in report.ContributingEquipmentSequence
        if code(item.PurposeOfReferenceCodeSequence[0]) == ("109102", "DCM")
    ]
    assert len({item.DeviceUID for item in processing}) == 3
    pairs = {
        codes.DEVICE_OBSERVER_MANUFACTURER: "Manufacturer",
        codes.DEVICE_OBSERVER_MODEL: "ManufacturerModelName",
        codes.DEVICE_OBSERVER_UID: "DeviceUID",
        codes.ALGORITHM_NAME: "ManufacturerModelName",
        codes.ALGORITHM_VERSION: "SoftwareVersions",
    }
    for name, keyword in pairs.items():
        said = {i.get("TextValue") or i.UID for i in everything(report) if is_named(i, name)}
        assert said
        assert said <= {item[keyword].value for item in processing}


def test_the_private_concepts_are_of_one_scheme_that_is_identified(report: Dataset) -> None:
    [scheme] = report.CodingSchemeIdentificationSequence
    assert scheme.CodingSchemeDesignator == "99CXRNODE"
    used = {code(item.ConceptNameCodeSequence[0]) for item in everything(report)}
    private = {concept for concept in used if concept[1].startswith("99")}
    assert private == {(value, "99CXRNODE") for value in ("INFPERC", "INFPIX", "EXTGRADE")}
    assert used.isdisjoint({("112017", "DCM"), ("112018", "DCM")})


def test_no_group_refers_to_a_segment_directly(report: Dataset) -> None:
    """Code 121214 there makes OHIF crash."""
    assert not any(is_named(item, Code("121214", "DCM", "")) for item in everything(report))
    images = [
        item.ReferencedSOPSequence[0] for item in everything(report) if item.ValueType == "IMAGE"
    ]
    assert images
    assert {image.ReferencedSOPInstanceUID for image in images} == {SOURCE_UID}


def test_the_image_library_tells_no_geometry_that_is_not_known() -> None:
    names = {Code("111026", "DCM", "Horizontal Pixel Spacing"), Code("111044", "DCM", "Row")}
    known = read(usual_results()["SR"])
    unknown = read(write(findings(spacing_mm=None), bare_header())["SR"])
    assert all(any(is_named(item, name) for item in everything(known)) for name in names)
    assert not any(is_named(item, name) for item in everything(unknown) for name in names)


def test_text_reads_the_same_in_any_character_set() -> None:
    found = replace(findings(), reason="Zu wenig Lunge: größer als 5 %.")
    report = read(write(found, header(SpecificCharacterSet="ISO_IR 13"))["SR"])
    container = child(report, codes.QUALITATIVE_EVALUATIONS)
    assert child(container, codes.SUMMARY).TextValue == "Zu wenig Lunge: gr??er als 5 %."


def test_a_share_too_small_for_two_decimals_is_not_written_as_nothing() -> None:
    found = findings(shape=(900, 900), lungs=(Laterality.LEFT,))
    lung = found.segment(Task.LUNG, Laterality.LEFT)
    spot = np.zeros(lung.mask.shape, np.bool_)
    spot[400, 650] = True
    assert lung.mask[400, 650]
    percent = 100 / int(lung.mask.sum())
    segments = tuple(replace(s, mask=spot) if s.number == 3 else s for s in found.segments)
    left = replace(found.left, infected_pixels=1, infected_percent=percent)
    found = replace(found, segments=segments, left=left, infected_percent=percent)
    [(written, _)] = numbers(groups(read(write(found)["SR"]))["Left lung"], codes.INFECTED_PERCENT)
    assert written == pytest.approx(percent, rel=0.05)
    assert written > 0
