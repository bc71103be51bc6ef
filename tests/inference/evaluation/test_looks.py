"""Healthy chests in the look of infected ones: what changes, and what has to stay."""

import numpy as np
import pytest

from dicom_node.cli.evaluation.drawn import drawn_cases
from inference.datasets.cases import Case
from inference.decode import read_radiograph
from inference.evaluation.distortions import Gray
from inference.evaluation.looks import looks_of
from inference.findings import Task

pytestmark = pytest.mark.slow

CROPPED, SOFT, SPECTRUM = LOOKS = (
    "cropped to the lungs", "cropped, soft and bright", "with an infected one's spectrum",
)  # fmt: skip


@pytest.fixture(scope="module")
def drawn() -> list[Case]:
    return list(drawn_cases(2))


@pytest.fixture(scope="module")
def infected(drawn: list[Case]) -> list[Case]:
    return [case for case in drawn if case.is_covid]


def gray(case: Case) -> Gray:
    return np.asarray(read_radiograph(case.source()).pixels)


def detail(image: Gray) -> float:
    return float(np.abs(np.diff(image, axis=0)).mean())


def test_only_chests_without_infection_change_their_look(
    drawn: list[Case], infected: list[Case]
) -> None:
    looks = looks_of(drawn, infected)
    healthy = [case.name for case in drawn if not case.is_covid]
    assert {look: [case.name for case in those] for look, those in looks.items()} == dict.fromkeys(
        LOOKS, healthy
    )


def test_a_cropped_chest_has_both_lungs_and_little_else(
    drawn: list[Case], infected: list[Case]
) -> None:
    before = next(case for case in drawn if not case.is_covid)
    after = looks_of(drawn, infected)[CROPPED][0]
    lungs, cropped = before.mask(Task.LUNG), after.mask(Task.LUNG)
    assert lungs is not None
    assert cropped is not None
    assert cropped.sum() == lungs.sum()
    assert gray(after).shape == cropped.shape
    assert cropped.mean() > 1.3 * lungs.mean()


def test_a_soft_one_has_less_detail_and_no_black(drawn: list[Case], infected: list[Case]) -> None:
    looks = looks_of(drawn, infected)
    sharp, soft = (gray(looks[look][0]) for look in (CROPPED, SOFT))
    assert detail(soft) < 0.8 * detail(sharp)
    assert soft.min() >= 0.15 - 1e-3


def test_a_borrowed_spectrum_leaves_things_where_they_are(
    drawn: list[Case], infected: list[Case]
) -> None:
    before = next(case for case in drawn if not case.is_covid)
    after = looks_of(drawn, infected)[SPECTRUM][0]
    assert np.corrcoef(gray(before).ravel(), gray(after).ravel())[0, 1] > 0.8
    assert not np.array_equal(gray(before), gray(after))
    np.testing.assert_array_equal(before.mask(Task.LUNG), after.mask(Task.LUNG))


def test_without_lenders_there_is_no_spectrum_to_borrow(drawn: list[Case]) -> None:
    assert set(looks_of(drawn, [])) == {CROPPED, SOFT}
