"""Comparing: chance is not said oftener than stated, and what matters is said within days."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy.stats import binom

from dicom_node.drift.comparing import compare, drifting, references
from dicom_node.drift.measures import BEFORE, WEEK
from dicom_node.ledger import Device, Drift, Examined
from tests.dicom_node.drift.hospital import (
    DAY,
    FULL,
    START,
    Change,
    Hospital,
    Room,
    first_look,
    holding,
    looks,
    onsets,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DEVICE = Device("Maker", "Model", "XR-1")
LEVEL, LEAST = 1 / 90, 30
#: Of single images.
DEVIATION = 0.19


def images(
    before: Sequence[Examined], week: Sequence[Examined], device: Device = DEVICE
) -> list[Examined]:
    """These three weeks ago, and those two days ago."""
    at = ((before, NOW - timedelta(days=21)), (week, NOW - timedelta(days=2)))
    return [replace(one, received_at=when, device=device) for some, when in at for one in some]


def sharp(count: int, mean: float = 1.83, seed: int = 0) -> list[Examined]:
    spread = np.random.default_rng(seed).normal(mean, DEVIATION, count)
    return [Examined(NOW, "", DEVICE, "", "negative", gray_sharpness=float(one)) for one in spread]


def positive(count: int, of: int) -> list[Examined]:
    return [
        Examined(NOW, "", DEVICE, "", "positive" if number < count else "negative")
        for number in range(of)
    ]


def found(
    before: Sequence[Examined],
    week: Sequence[Examined],
    kept: Sequence[Drift] = (),
    now: datetime = NOW,
) -> list[Drift]:
    """What holds."""
    return holding(drifting({DEVICE: images(before, week)}, kept, now, LEVEL, LEAST))


def test_a_shift_is_said_with_its_evidence() -> None:
    (drift,) = found(sharp(400), sharp(100, 1.6, seed=1))
    assert drift.key == (DEVICE, "sharpness")
    assert drift.before == pytest.approx(1.83, abs=0.03)
    assert drift.now == pytest.approx(1.6, abs=0.05)
    assert (drift.before_count, drift.now_count, drift.since) == (400, 100, NOW)
    assert drift.effect < -1
    assert drift.chance < 1e-6


def test_of_thousands_of_images_what_matters_to_nobody_is_not_said() -> None:
    assert found(sharp(8000), sharp(2000, 1.83 - 0.3 * DEVIATION, seed=1)) == []
    assert found(positive(800, 8000), positive(240, 2000)) == []
    assert found(positive(800, 8000), positive(360, 2000)) != []


def test_of_few_images_nothing_is_said() -> None:
    assert found(sharp(400), sharp(29, 1.0, seed=1)) == []
    assert found(sharp(29), sharp(400, 1.0, seed=1)) == []
    assert found(sharp(30), sharp(30, 1.0, seed=1)) != []


def test_a_difference_that_chance_makes_is_not_said() -> None:
    assert found(positive(8, 80), positive(8, 40)) == []
    assert found(positive(8, 80), positive(20, 40)) != []


def test_of_more_comparisons_each_has_to_be_surer() -> None:
    week = sharp(60, 1.83 - 0.62 * DEVIATION, seed=3)
    one = {DEVICE: images(sharp(240), week)}
    assert [of.measure for of in drifting(one, [], NOW, LEVEL, LEAST)] == ["sharpness"]
    others = [Device("Maker", "Model", f"XR-{number}") for number in range(2, 60)]
    same = {of: images(sharp(240, seed=9), sharp(60, seed=8), of) for of in others}
    assert drifting(one | same, [], NOW, LEVEL, LEAST) == []


def test_what_is_nearly_the_same_for_all_is_compared_too() -> None:
    def all_at(value: float) -> list[Examined]:
        return [replace(one, gray_sharpness=value) for one in sharp(40)]

    assert found(all_at(1.8), all_at(1.8)) == []
    assert [one.effect < 0 for one in found(all_at(1.8), all_at(1.7))] == [True]


def test_a_shift_holds_until_little_of_it_is_left_and_keeps_its_clearest_evidence() -> None:
    held = found(sharp(400), sharp(100, 1.6, seed=1))
    tomorrow = NOW + timedelta(days=1)
    # Half of a deviation is the least: more than half of that is left.
    less = sharp(100, 1.83 - 0.45 * DEVIATION, seed=1)
    assert found(sharp(400), less, held, tomorrow) == held
    assert found(sharp(400), less, (), tomorrow) == []
    (clearer,) = found(sharp(400), sharp(100, 1.4, seed=1), held, tomorrow)
    assert (clearer.since, clearer.chance < held[0].chance) == (NOW, True)
    # The other way it is another shift, and has to be as sure.
    (other,) = found(sharp(400), sharp(100, 2.1, seed=1), held, tomorrow)
    assert (other.since, other.effect > 0) == (tomorrow, True)


def test_a_shift_that_is_over_is_kept_as_long_as_it_is_near() -> None:
    held = found(sharp(400), sharp(100, 1.6, seed=1))
    tomorrow = NOW + timedelta(days=1)
    mended = {DEVICE: images(sharp(400), sharp(100, seed=1))}
    (over,) = drifting(mended, held, tomorrow, LEVEL, LEAST)
    assert (over.ended_at, over.since, over.reference_until) == (tomorrow, NOW, NOW - WEEK)
    later = tomorrow + WEEK + BEFORE
    assert references([over], later - timedelta(days=1)) == {over.key: NOW - WEEK}
    assert references([over], later) == {}
    # Nothing more comes of it: it cannot be said that it holds.
    (silent,) = drifting({}, held, tomorrow, LEVEL, LEAST)
    assert silent.ended_at == tomorrow


#: Small enough to simulate here, with patients who have an image every day.
ROOMS = (Room("WALL", 20), Room("WARD", 6, 0.3, 0.7, 8.0))
#: A level at which there is something to count.
OFTEN = 1 / 5
SIMULATED_DAYS = 300


def alarms(every_image: bool) -> int:
    hospital = Hospital(ROOMS, seed=4)
    return sum(
        onsets(found, held)
        for _, found, held in looks(hospital, OFTEN, LEAST, SIMULATED_DAYS, every_image)
    )


def p_values(every_image: bool) -> list[float]:
    """Of one look each at hospitals that have nothing in common, at a ward where most stay."""
    made: list[float] = []
    for seed in range(40):
        hospital = Hospital([Room("WARD", 12, 0.3, 0.8, 8.0)], 100 + seed)
        found = compare(first_look(hospital, every_image), {}, START + FULL * DAY, LEAST)
        made += [one.p_value for one in found]
    return made


@pytest.mark.slow
def test_chance_is_as_frequent_as_the_tests_say_where_each_patient_counts_once() -> None:
    values = p_values(every_image=False)
    assert len(values) > 200
    assert sum(value <= 0.05 for value in values) <= binom.ppf(0.99, len(values), 0.05)
    # And were every image counted, chance would be taken for a shift.
    naive = p_values(every_image=True)
    assert sum(value <= 0.05 for value in naive) > 2 * binom.ppf(0.99, len(naive), 0.05)


@pytest.mark.slow
def test_chance_makes_no_more_alarms_than_stated() -> None:
    """`python -m tests.bench.drift alarms` measures it at the level that nodes have."""
    count = SIMULATED_DAYS - FULL
    assert alarms(every_image=False) <= binom.ppf(0.99, count, OFTEN)


def brighter(image: Examined, _rng: np.random.Generator) -> Examined:
    """Another display curve: 1.3 deviations brighter."""
    bright = image.gray_brightness
    return image if bright is None else replace(image, gray_brightness=bright + 0.13)


def softer(image: Examined, _rng: np.random.Generator) -> Examined:
    sharpness = image.gray_sharpness
    return image if sharpness is None else replace(image, gray_sharpness=sharpness - DEVIATION)


def sicker(image: Examined, rng: np.random.Generator) -> Examined:
    is_more = image.decision == "negative" and rng.random() < 0.35
    return replace(image, decision="positive", percent_both=20.0) if is_more else image


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "measure"),
    [(brighter, "brightness"), (softer, "sharpness"), (sicker, "positive")],
    ids=["gain", "sharpness", "infected"],
)
def test_a_shift_of_one_device_is_found_within_a_week_and_said_of_no_other(
    change: object, measure: str
) -> None:
    rooms = (Room("FIRST", 20), Room("SECOND", 20))
    hospital = Hospital(rooms, 5, change, FULL + 3)  # type: ignore[arg-type]
    said: dict[int, set[tuple[str, str]]] = {
        day: {(one.device.station_name, one.measure) for one in found}
        for day, found, _ in looks(hospital, LEVEL, LEAST, FULL + 3 + 10)
    }
    assert said[FULL + 2] == set()
    assert ("FIRST", measure) in said[FULL + 3 + 7]
    assert {name for name, _ in said[FULL + 3 + 7]} == {"FIRST"}


def mended(until: int) -> Change:
    """Softer until a day, and as before from then on."""

    def change(image: Examined, rng: np.random.Generator) -> Examined:
        return softer(image, rng) if image.received_at < START + until * DAY else image

    return change


@pytest.mark.slow
def test_a_device_that_is_mended_is_as_before_and_has_not_shifted_again() -> None:
    broken, put_right = FULL + 3, FULL + 17
    hospital = Hospital([Room("FIRST", 25)], 6, mended(put_right), broken)
    said = {
        day: [(one.measure, one.effect > 0) for one in found]
        for day, found, _ in looks(hospital, LEVEL, LEAST, put_right + 50)
    }
    assert said[broken + 7] == [("sharpness", False)]
    assert said[put_right - 1] == [("sharpness", False)]
    assert all(said[day] == [] for day in range(put_right + 7, put_right + 50))


@pytest.mark.slow
def test_what_has_been_so_for_five_weeks_is_what_is_usual() -> None:
    broken = FULL + 3
    hospital = Hospital([Room("FIRST", 25)], 7, softer, broken)
    said = {
        day: [one.measure for one in found]
        for day, found, _ in looks(hospital, LEVEL, LEAST, broken + 70)
    }
    assert all(said[day] == ["sharpness"] for day in range(broken + 6, broken + 35))
    assert all(said[day] == [] for day in range(broken + 44, broken + 70))
