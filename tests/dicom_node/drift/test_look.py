"""The look of each day: what it reads, what it keeps, and that one looks for all."""

import logging
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from dicom_node.config import AlertsSection
from dicom_node.drift.look import EVERY_S, DriftLook
from dicom_node.drift.measures import BEFORE, WEEK
from dicom_node.drift.samples import ALONE
from dicom_node.ledger import Device, KvpRange, Ledger, Origin
from tests.dicom_node.drift.filling import Filling, around, negative
from tests.dicom_node.ledger.records import PIPELINE, START, Clock, instance

pytestmark = pytest.mark.slow
ALERTS = AlertsSection()
XR = Origin(station_name="XR-2", manufacturer="Maker", model_name="Model", kvp=80.0)
DEVICE = Device("Maker", "Model", "XR-2", "PACS", KvpRange.LOW)
A_DAY_S = EVERY_S + 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(ledger_url: str, clock: Clock) -> Iterator[Ledger]:
    with closing(Ledger.open(ledger_url, clock)) as opened:
        yield opened


@pytest.fixture
def filling(ledger: Ledger, ledger_url: str) -> Filling:
    del ledger  # it has made the tables
    return Filling(ledger_url, START)


def look(ledger: Ledger, alerts: AlertsSection = ALERTS, pipeline: str = PIPELINE) -> bool:
    return DriftLook(ledger, pipeline, alerts).look()


def softened(filling: Filling) -> None:
    filling.put(20, XR, [negative(sharpness=value) for value in around(1.8, 40)])
    filling.put(2, XR, [negative(sharpness=value) for value in around(1.5, 30)])


def test_what_a_device_sends_otherwise_is_kept(
    ledger: Ledger, filling: Filling, caplog: pytest.LogCaptureFixture
) -> None:
    softened(filling)
    with caplog.at_level(logging.INFO):
        assert look(ledger)
    (drift,) = ledger.drifts.all()
    assert (drift.key, drift.since) == ((DEVICE, "sharpness"), START)
    assert (drift.before_count, drift.now_count) == (40, 30)
    assert drift.before == pytest.approx(1.8)
    assert drift.now == pytest.approx(1.5)
    assert ledger.drifts.looked_at() == START
    assert ledger.gauges.figures().drifts == (drift,)
    assert caplog.messages.count("a device drifts") == 1


def test_one_looks_for_all_and_once_a_day(ledger: Ledger, filling: Filling, clock: Clock) -> None:
    softened(filling)
    assert [look(ledger), look(ledger)] == [True, False]
    clock.advance(EVERY_S - 1)
    assert not look(ledger)
    clock.advance(2)
    assert [look(ledger), look(ledger)] == [True, False]
    # Two at once: the other has kept what it found meanwhile.
    assert not ledger.drifts.keep([], EVERY_S)
    assert len(ledger.drifts.all()) == 1


def test_a_drift_begins_when_it_was_first_seen_and_is_over_when_all_is_as_before(
    ledger: Ledger, filling: Filling, clock: Clock
) -> None:
    softened(filling)
    look(ledger)
    clock.advance(A_DAY_S)
    look(ledger)
    assert [one.since for one in ledger.drifts.all()] == [START]
    # Mended a week ago.
    clock.advance(8 * A_DAY_S)
    filling.put(-8, XR, [negative(sharpness=value) for value in around(1.8, 40)])
    look(ledger)
    assert ledger.drifts.all() == []
    # What is compared still ends before it began.
    (over,) = ledger.drifts.kept()
    assert (over.ended_at, over.reference_until) == (ledger.now(), START - WEEK)


def test_it_is_known_whether_all_of_the_weeks_is(ledger: Ledger, filling: Filling) -> None:
    softened(filling)
    examined = ledger.examinations
    since = START - WEEK - BEFORE - ALONE
    assert examined.reaches_back_to(since, PIPELINE)
    assert not examined.reaches_back_to(since, "fpn-2")
    assert not examined.reaches_back_to(START - timedelta(days=61), PIPELINE)


def test_each_technique_sender_and_device_is_by_itself(ledger: Ledger, filling: Filling) -> None:
    softened(filling)
    for station, kvp in (("XR-2", 120.0), ("XR-2", None), ("XR-3", 80.0)):
        origin = Origin(station_name=station, manufacturer="Maker", model_name="Model", kvp=kvp)
        for days_ago in (20, 2):
            same = [negative(sharpness=value) for value in around(1.8, 30)]
            filling.put(days_ago, origin, same)
    look(ledger)
    assert [one.device for one in ledger.drifts.all()] == [DEVICE]


def test_what_was_refused_more_often_is_a_shift(ledger: Ledger, filling: Filling) -> None:
    filling.put(20, XR, [negative()] * 40)
    filling.put(2, XR, [negative()] * 30 + [None] * 20)
    look(ledger)
    assert [one.measure for one in ledger.drifts.all()] == ["not analysed"]


def test_what_still_waits_is_not_what_was_not_analysed(ledger: Ledger, filling: Filling) -> None:
    filling.put(20, XR, [negative()] * 40)
    filling.put(2, XR, [negative()] * 30)
    for number in range(1000, 1030):
        ledger.jobs.accept(instance(number, origin=XR), PIPELINE)
    look(ledger)
    assert ledger.drifts.all() == []


def test_another_pipelines_findings_are_not_compared(ledger: Ledger, filling: Filling) -> None:
    softened(filling)
    assert look(ledger, pipeline="fpn-2")
    assert ledger.drifts.all() == []


def test_it_is_not_looked_for_where_nobody_wants_it(
    ledger: Ledger, filling: Filling, clock: Clock
) -> None:
    softened(filling)
    look(ledger)
    assert ledger.drifts.all() != []
    clock.advance(A_DAY_S)
    look(ledger, AlertsSection(drift_false_alarm_days=0))
    assert ledger.drifts.all() == []


def test_it_ends_when_it_is_told_to(ledger: Ledger) -> None:
    stop = threading.Event()
    stop.set()
    DriftLook(ledger, PIPELINE, ALERTS).run(stop)
    assert ledger.drifts.looked_at() is None
