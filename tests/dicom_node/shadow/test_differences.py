"""How two pipelines differ, in figures."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dicom_node.ledger import Assessment, Compared, Said, Verdict
from dicom_node.ops.asked.differences import Preferred, differences, preferred

AT = datetime(2026, 3, 1, tzinfo=UTC)


def pair(number: int, sent: str, tried: str, *percents: float | None) -> Compared:
    said = percents or (None, None)
    return Compared(
        number, AT + timedelta(days=number), Said(sent, percent_both=said[0]),
        Said(tried, percent_both=said[1]), has_picture=False,
    )  # fmt: skip


def test_nothing_is_said_of_nothing() -> None:
    found = differences([])
    assert (found.images, found.agreement, found.most, found.since) == (0, None, (), None)


def test_decisions_are_counted_and_those_turned_round_come_first() -> None:
    found = differences([
        pair(1, "positive", "positive", 10.0, 40.0),
        pair(2, "positive", "undetermined", 10.0, 10.0),
        pair(3, "negative", "positive", 0.0, 5.0),
        pair(4, "negative", "negative", 0.0, 0.0),
        pair(5, "negative", ""),
    ])  # fmt: skip
    assert (found.images, found.same, found.since) == (5, 2, AT + timedelta(days=1))
    assert found.decisions["negative", "positive"] == 1
    assert found.decisions["negative", ""] == 1
    # What is the same in both is nothing to look at.
    assert found.most[0].job_id == 3
    assert {one.job_id for one in found.most[1:3]} == {2, 5}
    assert [one.job_id for one in found.most][3:] == [1]


def test_bias_and_limits_are_those_of_bland_and_altman() -> None:
    found = differences([
        pair(number, "positive", "positive", 20.0, 20.0 + difference)
        for number, difference in enumerate((2.0, 4.0, 6.0))
    ])  # fmt: skip
    agreement = found.agreement
    assert agreement is not None
    assert agreement.bias == pytest.approx(4.0)
    # The sample's standard deviation is 2.
    assert (agreement.lower, agreement.upper) == pytest.approx((0.08, 7.92))
    assert agreement.points[0].mean == pytest.approx(21.0)


def test_one_image_has_no_limits_apart() -> None:
    agreement = differences([pair(1, "positive", "positive", 1.0, 3.0)]).agreement
    assert agreement is not None
    assert (agreement.lower, agreement.bias, agreement.upper) == (2.0, 2.0, 2.0)


def test_readers_prefer_one_of_the_two_whichever_led_when_they_said_so() -> None:
    turned = pair(1, "negative", "positive")
    before = replace(pair(2, "positive", "negative"), is_sent_by_leading=False)
    same = pair(3, "positive", "positive")
    said = {
        1: [
            clicked(Verdict.OTHER, "tried"),
            clicked(Verdict.OTHER, "a third"),
            clicked(Verdict.ACCEPT),
            clicked(Verdict.UNSURE),
        ],
        # What was sent then is what is tried now.
        2: [clicked(Verdict.ACCEPT), clicked(Verdict.REJECT)],
        3: [clicked(Verdict.ACCEPT)],
    }
    assert preferred([turned, before, same], said, ("led", "tried")) == Preferred(1, 2, 1)


def clicked(verdict: Verdict, pipeline: str = "") -> Assessment:
    return Assessment(0, "ann", AT, verdict, pipeline=pipeline)
