"""The paper's section 3.3: percentages, areas, decision."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from inference.decode import Radiograph, read_radiograph
from inference.findings import (
    FORBID_DECISION,
    FORBID_NEGATIVE,
    Caution,
    Decision,
    Findings,
    Laterality,
    ModelIdentity,
    Task,
    extent_grade,
)
from inference.pipeline import Pipeline
from inference.postprocess import Masks
from inference.quantify import percent, quantify
from tests.inference.instances import instance, smooth

LEFT, RIGHT = Laterality.LEFT, Laterality.RIGHT
MODELS = (
    ModelIdentity(Task.LUNG, "fpn-resnet18", "1", "0" * 64),
    ModelIdentity(Task.INFECTION, "fpn-resnet18", "1", "1" * 64),
)
SHAPE = (60, 44)


def area(pixels: int) -> np.ndarray:
    mask = np.zeros(SHAPE, np.bool_)
    mask.flat[:pixels] = True
    return mask


def masks(left: tuple[int, int], right: tuple[int, int], fault: str | None = None) -> Masks:
    """Lung and infected pixels of each side."""
    return Masks(
        lung={LEFT: area(left[0]), RIGHT: area(right[0])},
        infection={LEFT: area(left[1]), RIGHT: area(right[1])},
        certainty=None if fault else 0.75,
        fault=fault,
        cautions=(Caution.ONE_LUNG_ONLY,) if not (left[0] and right[0]) else (),
    )


def radiograph(**header: Any) -> Radiograph:
    return read_radiograph(instance(smooth(*SHAPE), PatientOrientation=["L", "F"], **header))


def findings(found: Masks, **header: object) -> Findings:
    return quantify(found, radiograph(**header), Pipeline(MODELS), {"decode": 1.0})


def test_each_percentage_is_infected_pixels_over_lung_pixels() -> None:
    found = findings(masks(left=(400, 100), right=(600, 30)))
    assert found.left.infected_percent == 25
    assert found.right.infected_percent == 5
    assert found.infected_percent == 13
    assert found.infected_pixels == 130


def test_areas_are_in_square_millimetres() -> None:
    found = findings(masks(left=(400, 100), right=(600, 0)), PixelSpacing=[0.5, 0.2])
    assert found.left.lung_area_mm2 == pytest.approx(40)
    assert found.left.infected_area_mm2 == pytest.approx(10)
    assert found.right.lung_area_mm2 == pytest.approx(60)
    assert found.right.infected_area_mm2 == 0


def test_without_spacing_there_is_no_area() -> None:
    found = findings(masks(left=(400, 100), right=(600, 0)))
    assert found.left.lung_area_mm2 is None
    assert found.right.infected_area_mm2 is None


def test_one_infected_lung_pixel_is_positive() -> None:
    found = findings(masks(left=(400, 0), right=(600, 1)))
    assert found.decision is Decision.POSITIVE
    assert found.reason == "Infection in the right lung."
    assert found.infected_percent == pytest.approx(0.1)


def test_no_infected_lung_pixel_is_negative() -> None:
    found = findings(masks(left=(400, 0), right=(600, 0)))
    assert found.decision is Decision.NEGATIVE
    assert found.infected_percent == 0


def test_implausible_lungs_are_undetermined_and_have_no_percentage() -> None:
    found = findings(masks((0, 0), (0, 0), fault="No lungs were found."), PixelSpacing=[1, 1])
    assert found.decision is Decision.UNDETERMINED
    assert found.reason == "No lungs were found."
    assert found.infected_percent is None
    for side in (found.left, found.right):
        assert side.lung_pixels == 0
        assert side.infected_percent is None
        assert side.lung_area_mm2 is None
        assert side.infected_area_mm2 is None


def test_no_lung_pixel_on_the_source_is_undetermined_too() -> None:
    # A source so small that nothing of the lungs is left on it.
    assert findings(masks((0, 0), (0, 0))).decision is Decision.UNDETERMINED


def test_a_lung_that_was_not_found_has_no_percentage() -> None:
    found = findings(masks(left=(0, 0), right=(600, 60)), PixelSpacing=[1, 1])
    assert found.decision is Decision.POSITIVE
    assert found.left.infected_percent is None
    assert found.left.lung_area_mm2 is None
    assert found.right.infected_percent == 10
    assert found.infected_percent is None
    assert Caution.ONE_LUNG_ONLY in found.cautions


def test_one_lung_without_infection_is_no_reason_to_call_both_healthy() -> None:
    found = findings(masks(left=(0, 0), right=(600, 0)))
    assert found.decision is Decision.UNDETERMINED
    assert "Only one lung was found" in found.reason
    assert (found.right.infected_percent, found.infected_percent) == (0, None)


@pytest.mark.parametrize(
    ("left", "right", "cautions", "reason"),
    [
        ((400, 9), (600, 9), (), "Infection in both lungs."),
        ((400, 9), (600, 0), (), "Infection in the left lung."),
        ((400, 0), (600, 0), (Caution.FAINT,), Caution.FAINT.text),
        ((0, 0), (600, 9), (), "Infection in the right lung; the other lung was not found."),
        ((400, 0), (600, 0), (), "Both lungs were found, without infection."),
    ],
)
def test_the_reason_says_where_and_counts_no_pixels(
    left: tuple[int, int], right: tuple[int, int], cautions: tuple[Caution, ...], reason: str
) -> None:
    assert findings(replace(masks(left, right), cautions=cautions)).reason == reason


def test_of_signs_too_faint_to_say_nothing_is_measured() -> None:
    found = findings(replace(masks((400, 0), (600, 0)), certainty=0.3, cautions=(Caution.FAINT,)))
    assert (found.decision, found.certainty) == (Decision.UNDETERMINED, 0.3)
    assert found.infected_percent is None
    for lung in (found.left, found.right):
        assert lung.lung_pixels > 0
        assert (lung.infected_percent, lung.infected_area_mm2, lung.extent_grade) == (None,) * 3


def test_the_four_segments_come_in_the_order_of_their_numbers() -> None:
    found = findings(masks(left=(400, 100), right=(600, 30)))
    assert [(s.number, s.task, s.laterality, int(s.mask.sum())) for s in found.segments] == [
        (1, Task.LUNG, LEFT, 400),
        (2, Task.LUNG, RIGHT, 600),
        (3, Task.INFECTION, LEFT, 100),
        (4, Task.INFECTION, RIGHT, 30),
    ]


def test_models_spacing_and_cautions_are_carried_over() -> None:
    found = findings(masks(left=(0, 0), right=(600, 60)), ImagerPixelSpacing=[0.1, 0.1])
    assert found.models == MODELS
    assert found.spacing_mm == (0.1, 0.1)
    assert set(found.cautions) == {Caution.SPACING_AT_DETECTOR, Caution.ONE_LUNG_ONLY}


def test_percent_of_nothing_is_not_zero() -> None:
    assert percent(0, 0) is None
    assert percent(0, 5) == 0


@pytest.mark.parametrize(
    ("percent", "grade"),
    [(None, None), (0.0, 0), (1e-6, 1), (24.99, 1), (25.0, 2), (49.9, 2), (50.0, 3), (75.0, 3),
     (75.01, 4), (100.0, 4)],
)  # fmt: skip
def test_the_extent_grade_follows_the_quarters_of_the_lung(
    percent: float | None, grade: int | None
) -> None:
    assert extent_grade(percent) == grade


def doubted(found: Masks, caution: Caution) -> Findings:
    return findings(replace(found, cautions=(caution,)))


@pytest.mark.parametrize("caution", sorted(FORBID_NEGATIVE, key=str))
def test_what_cannot_be_trusted_is_never_surely_negative(caution: Caution) -> None:
    found = doubted(masks(left=(400, 0), right=(600, 0)), caution)
    assert found.decision is Decision.UNDETERMINED
    assert caution.text in found.reason
    seen = doubted(masks(left=(400, 100), right=(600, 0)), caution)
    assert seen.decision is Decision.POSITIVE


@pytest.mark.parametrize("caution", sorted(FORBID_DECISION, key=str))
@pytest.mark.parametrize("infected", [0, 100])
def test_of_a_part_of_an_image_nothing_is_decided(caution: Caution, infected: int) -> None:
    found = doubted(masks(left=(400, infected), right=(600, 0)), caution)
    assert found.decision is Decision.UNDETERMINED
    assert found.reason == caution.says("")
