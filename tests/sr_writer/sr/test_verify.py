"""Whatever is wrong with a report, in either class, is named, and it does not leave."""

import pytest
from pydicom import Dataset

from sr_writer import codes
from sr_writer.kinds import SR, SR2D, Kind
from tests.sr_writer.altering import (
    Change,
    assert_refused,
    first,
    name_another_device,
    name_another_segmentation,
    set_to,
    without,
)
from tests.sr_writer.reading import everything, is_named


def say_another_percentage(dataset: Dataset) -> None:
    value = first(dataset, "INFECTED_PERCENT").MeasuredValueSequence[0]
    value.NumericValue = float(value.NumericValue) + 0.02


def leave_a_percentage_out(dataset: Dataset) -> None:
    group = first(dataset, "MEASUREMENT_GROUP")
    group.ContentSequence = [
        i for i in group.ContentSequence if not is_named(i, codes.INFECTED_PERCENT)
    ]


def leave_a_region_out(dataset: Dataset) -> None:
    group = first(dataset, "MEASUREMENT_GROUP")
    group.ContentSequence = [i for i in group.ContentSequence if i.ValueType != "SCOORD"]


def open_a_region(dataset: Dataset) -> None:
    region = next(i for i in everything(dataset) if i.ValueType == "SCOORD")
    region.GraphicData = list(region.GraphicData)[:-2]


def move_a_region_outside(dataset: Dataset) -> None:
    region = next(i for i in everything(dataset) if i.ValueType == "SCOORD")
    region.GraphicData = [value + 1000 for value in region.GraphicData]


def name_another_algorithm(dataset: Dataset) -> None:
    first(dataset, "ALGORITHM_NAME").TextValue = "another"


def say_another_grade(dataset: Dataset) -> None:
    first(dataset, "EXTENT_GRADE").MeasuredValueSequence[0].NumericValue = 4


def leave_the_reason_out(dataset: Dataset) -> None:
    first(dataset, "SUMMARY").TextValue = "because"


def decide_otherwise(dataset: Dataset) -> None:
    container = first(dataset, "QUALITATIVE_EVALUATIONS")
    container.ContentSequence[0].ConceptCodeSequence[0].CodeValue = "272519000"


def say_that_it_succeeded_in_part(dataset: Dataset) -> None:
    first(dataset, "DETECTIONS").ConceptCodeSequence[0].CodeValue = "111223"


def conclude_otherwise(dataset: Dataset) -> None:
    first(dataset, "CONCLUSION").TextValue = "COVID-19 infection seen. About 90 % of the lungs."


def leave_the_notice_out(dataset: Dataset) -> None:
    dataset.ContentSequence = [i for i in dataset.ContentSequence if not is_named(i, codes.COMMENT)]


def conclude_last(dataset: Dataset) -> None:
    items = list(dataset.ContentSequence)
    items.append(items.pop(next(n for n, i in enumerate(items) if is_named(i, codes.CONCLUSION))))
    dataset.ContentSequence = items


CASES = [
    (say_another_percentage, "percent where the SEG's pixels say"),
    (leave_a_percentage_out, "percent where the SEG's pixels say"),
    (leave_a_region_out, "no closed region"),
    (open_a_region, "no closed region"),
    (move_a_region_outside, "no closed region"),
    (name_another_algorithm, "another is not in the Contributing"),
    (name_another_device, "1.2.3 is not in the Contributing"),
    (name_another_segmentation, "its evidence is not"),
    (say_another_grade, "grade [4.0] where"),
    (leave_the_reason_out, "does not say why"),
    (decide_otherwise, "that the decision is positive"),
    (say_that_it_succeeded_in_part, "by Summary of Detections, that the decision is positive"),
    (conclude_otherwise, "should conclude: COVID-19 infection seen. About 20 %"),
    (leave_the_notice_out, "should conclude"),
    (conclude_last, "should conclude"),
    (without("CodingSchemeIdentificationSequence"), "private coding scheme"),
    (set_to(CompletionFlag=""), "CompletionFlag has no value"),
]


@pytest.mark.parametrize("kind", [SR, SR2D], ids=["SR", "SR2D"])
@pytest.mark.parametrize(("change", "message"), CASES)
def test_a_wrong_report_is_refused_by_name(kind: Kind, change: Change, message: str) -> None:
    assert_refused(kind, change, message)
