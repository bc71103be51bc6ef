"""Samples: which images are compared, and on which side."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from dicom_node.drift.measures import BEFORE, WEEK, Measure
from dicom_node.drift.samples import ALONE, Sample, counted, sample
from dicom_node.ledger import Device, Examined

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DEVICE = Device("Maker", "Model", "XR-1", "PACS", "below 100 kV")
SINCE = NOW - WEEK - BEFORE - ALONE


def image(days_ago: float, patient: str = "", **values: object) -> Examined:
    at = NOW - timedelta(days=days_ago)
    made = Examined(at, "", DEVICE, patient, "negative", percent_both=0.0)
    return replace(made, **values)  # type: ignore[arg-type]


def sampled(
    *images: Examined, device: Device = DEVICE, known_since: datetime | None = SINCE
) -> tuple[Sample, Sample]:
    """Of the weeks before and of this one."""
    made = counted(images, known_since).get(device, [])
    divide = NOW - WEEK
    return sample(made, divide - BEFORE, divide), sample(made, divide, NOW)


def counts(*images: Examined) -> tuple[int, int]:
    before, week = sampled(*images)
    return before.count, week.count


def test_a_week_is_beside_the_four_before_it() -> None:
    assert counts(image(34.9), image(8), image(7.1), image(6.9), image(0.1)) == (3, 2)


def test_nothing_counts_of_which_nobody_can_say_who_came_before() -> None:
    assert counts(image(35.1)) == (0, 0)
    late = [image(20, "a"), image(14, "b"), image(12.9, "c"), image(3, "d")]
    before, week = sampled(*late, known_since=None)
    assert (before.count, week.count) == (1, 1)
    assert counts(*late) == (3, 1)


def test_a_patient_who_comes_every_day_counts_once() -> None:
    daily = [image(day, "a") for day in range(20, 0, -1)]
    assert counts(*daily) == (1, 0)
    assert counts(*(image(day, "") for day in range(20, 0, -1))) == (13, 7)


def test_a_patient_who_comes_again_after_a_week_counts_again() -> None:
    assert counts(image(20, "a"), image(12.9, "a"), image(5.8, "a")) == (2, 1)


def test_of_another_device_a_patient_counts_by_itself() -> None:
    other = replace(DEVICE, kvp_range="100 kV and more")
    both = image(10, "a"), image(9, "a", device=other)
    assert sampled(*both)[0].count == sampled(*both, device=other)[0].count == 1


def test_what_was_taken_long_ago_says_nothing_of_today() -> None:
    taken = f"{NOW - timedelta(days=10):%Y-%m-%dT%H:%M:%S}"
    assert counts(image(2, acquired_at=taken), image(2.1, acquired_at=f"{NOW:%Y-%m-%d}")) == (0, 1)


def test_shares_and_values_are_of_what_was_analysed() -> None:
    _, week = sampled(
        image(3, decision="positive", percent_both=12.0, gray_sharpness=1.8, strangeness=0.5),
        image(2, decision="undetermined", has_caution=True, percent_both=3.0, gray_sharpness=1.7),
        image(1, decision=None, percent_both=None),
    )
    assert (week.count, week.of(Measure.NOT_ANALYSED), week.of(Measure.POSITIVE)) == (3, 3, 2)
    assert [week.shares[one] for one in (Measure.POSITIVE, Measure.UNDETERMINED,
            Measure.CAUTIONED, Measure.NOT_ANALYSED)] == [1, 1, 1, 1]  # fmt: skip
    assert week.values[Measure.INFECTED] == [12.0]
    assert week.values[Measure.SHARPNESS] == [1.8, 1.7]
    assert week.values[Measure.STRANGENESS] == [0.5]
    assert week.values[Measure.BRIGHTNESS] == []
