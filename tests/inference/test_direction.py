"""Which way up and which polarity: real chests lying every way, without and against a header."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.analyze import analyze
from inference.direction import CANNOT_TELL, CONTRADICTED
from inference.engines import Engine, ProbabilityMaps
from inference.findings import Caution, Decision, Findings, Laterality, ModelIdentity
from inference.orientation import TURNS
from tests.inference.conftest import gray_png
from tests.inference.instances import instance

pytestmark = pytest.mark.slow

CLASSES = ("COVID-19", "Non-COVID", "Normal")
Gray = NDArray[np.uint8]


class CountingEngine:
    """The real engine; counts how often it is asked."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.size: int = engine.size
        self.models: tuple[ModelIdentity, ...] = engine.models
        self.runs = 0

    def segment(self, images: NDArray[np.float32]) -> ProbabilityMaps:
        self.runs += len(images)
        return self._engine.segment(images)


@pytest.fixture(params=CLASSES)
def upright(request: pytest.FixtureRequest, shared_data: Path) -> Gray:
    return chest(shared_data, request.param)


def chest(shared_data: Path, label: str, index: int = 40) -> Gray:
    images = shared_data / "covid-qu-ex" / "Val" / label / "images"
    return gray_png(sorted(images.glob("*.png"))[index])


def assert_same(found: Findings, expected: Findings, quarter_turns: int) -> None:
    """The same of each lung, and its masks lie where the turned image has it."""
    assert found.decision is expected.decision
    for side in Laterality:
        assert found.measurement(side) == expected.measurement(side)
    for here, there in zip(found.segments, expected.segments, strict=True):
        np.testing.assert_array_equal(here.mask, np.rot90(there.mask, quarter_turns))


def test_turns_are_the_four_ways_a_plate_lies_and_mirror_nothing() -> None:
    stored = np.arange(12).reshape(3, 4)
    ways = {turn.upright(stored).tobytes(): turn for turn in TURNS}
    assert set(ways) == {np.rot90(stored, quarters).tobytes() for quarters in range(4)}
    assert not any(turn.known for turn in TURNS)


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_a_chest_on_its_head_or_side_is_analysed_turned_and_that_is_said(
    upright: Gray, quarter_turns: int, engine: Engine
) -> None:
    expected = analyze(instance(upright), engine).findings
    found = analyze(instance(np.rot90(upright, quarter_turns)), engine).findings
    assert expected.decision is not Decision.UNDETERMINED
    assert_same(found, expected, quarter_turns)
    assert Caution.ORIENTATION_CORRECTED in found.cautions
    # Upright, but whose left is whose is as unsaid as before.
    assert Caution.LATERALITY_ASSUMED in found.cautions
    assert Caution.ORIENTATION_CORRECTED not in expected.cautions


def test_a_chest_both_on_its_head_and_inverted_is_put_right_in_both(
    upright: Gray, engine: Engine
) -> None:
    expected = analyze(instance(upright), engine)
    found = analyze(instance(255 - np.rot90(upright, 2)), engine)
    assert found.findings.decision is expected.findings.decision
    assert {Caution.ORIENTATION_CORRECTED, Caution.POLARITY_CORRECTED} <= set(
        found.findings.cautions
    )
    np.testing.assert_allclose(
        found.radiograph.orientation.upright(found.radiograph.pixels),
        expected.radiograph.pixels,
        atol=0.01,
    )


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_an_image_that_contradicts_its_header_gets_no_verdict(
    shared_data: Path, quarter_turns: int, engine: Engine
) -> None:
    turned = np.rot90(chest(shared_data, "COVID-19"), quarter_turns)
    found = analyze(instance(turned, PatientOrientation=["L", "F"]), engine).findings
    assert (found.decision, found.infected_percent) == (Decision.UNDETERMINED, None)
    assert Caution.ORIENTATION_CONTRADICTED in found.cautions
    assert found.reason == CONTRADICTED


def test_what_looks_the_same_on_its_head_gets_no_verdict_unless_the_header_says(
    shared_data: Path, engine: Engine
) -> None:
    # Like a playing card; of this chest, so that the network hesitates over it.
    upper = chest(shared_data, "Normal", 90)[:128]
    card = np.vstack([upper, np.rot90(upper, 2)])
    unsaid = analyze(instance(card), engine).findings
    assert (unsaid.decision, unsaid.reason) == (Decision.UNDETERMINED, CANNOT_TELL)
    said = analyze(instance(card, PatientOrientation=["L", "F"]), engine).findings
    assert said.decision is not Decision.UNDETERMINED


def test_an_ordinary_image_costs_one_run_of_the_networks(upright: Gray, engine: Engine) -> None:
    counting = CountingEngine(engine)
    analyze(instance(upright), counting)
    assert counting.runs == 1
