"""How often infection is there where it is said to be so and so certain."""

from dataclasses import replace

import pytest

from inference.evaluation.evaluate import Result
from inference.evaluation.reliability import operating_table, reliability_of, reliability_table
from inference.findings import Decision


def result(certainty: float | None, is_covid: bool | None, name: str = "a") -> Result:
    nothing = {"left": 0.0, "right": 0.0, "both": 0.0}
    return Result(name, is_covid, Decision.NEGATIVE, 0, nothing, None, {}, certainty=certainty)


MIXED = [
    *(result(0.85, is_covid=True) for _ in range(6)),
    *(result(0.85, is_covid=False) for _ in range(2)),
    result(0.15, is_covid=True),
    *(result(0.15, is_covid=False) for _ in range(9)),
]


def test_each_bin_has_what_was_said_and_what_was_seen() -> None:
    reliability = reliability_of([*MIXED, result(0.3, None), result(None, is_covid=True)])
    assert reliability is not None
    low, high = reliability.bins
    assert (low.images, low.seen, high.images, high.seen) == (10, 0.1, 8, 0.75)
    assert [low.said, high.said] == pytest.approx([0.15, 0.85])
    assert reliability.error == pytest.approx((10 * 0.05 + 8 * 0.1) / 18)
    assert reliability.brier == pytest.approx(
        (6 * 0.15**2 + 2 * 0.85**2 + 0.85**2 + 9 * 0.15**2) / 18
    )
    # Of 7 x 11 pairs 6 x 9 stand right and 6 x 2 + 1 x 9 are even.
    assert reliability.area == pytest.approx((54 + 21 / 2) / 77)
    assert "| 85.0 | 8 | 75.0 |" in reliability_table(reliability)


def test_certain_of_everything_is_in_the_last_bin() -> None:
    reliability = reliability_of([result(1.0, is_covid=True), result(0.0, is_covid=False)])
    assert reliability is not None
    assert (reliability.area, reliability.error) == (1, 0)


def test_there_is_none_of_one_kind_alone_nor_without_certainties() -> None:
    assert reliability_of([result(0.5, is_covid=True)]) is None
    assert reliability_of([replace(r, certainty=None) for r in MIXED]) is None


def test_every_operating_point_says_what_it_would_call_positive() -> None:
    elsewhere = [result(0.85, is_covid=False, name="Normal/x"), result(None, None, "Normal/y")]
    table = operating_table({"Val": MIXED, "elsewhere": elsewhere})
    assert "| positive from | Val | elsewhere, Normal |" in table
    assert "| 0.1 | 100.0 | 100.0 |" in table
    assert "| 0.8 | 44.4 | 100.0 |" in table
    assert "| 0.9 | 0.0 | 0.0 |" in table
    assert operating_table({"Val": [replace(r, certainty=None) for r in MIXED]}) == ""
