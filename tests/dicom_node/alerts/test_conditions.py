"""Conditions: what is worth telling, judged by figures alone."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from dicom_node.alerts.conditions import Condition, Seen, holding
from dicom_node.config import AlertsSection
from dicom_node.ledger import Day, Dead, Depth, Device, Drift, Figures, Living, Place, Standing
from dicom_node.ops.retention import Disk

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday
PARTS = tuple(Living(part, "host", "", None, None) for part in ("listen", "work", "send"))
WELL = Seen(
    figures=Figures(NOW, (), (), {}, PARTS, NOW),
    hour=Day(NOW - timedelta(hours=1), 0, 0, 0, 0),
    disk=Disk("80 GB free"),
    local=NOW,
    known=("PACS",),
)
LIMITS = AlertsSection()


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def with_figures(**changes: object) -> Seen:
    return replace(WELL, figures=replace(WELL.figures, **changes))  # type: ignore[arg-type]


def said(seen: Seen, limits: AlertsSection = LIMITS) -> list[tuple[str, str, str]]:
    return [(one.name, one.subject, one.words) for one in holding(seen, limits)]


def names(seen: Seen, limits: AlertsSection = LIMITS) -> list[tuple[str, str]]:
    return [(name, subject) for name, subject, _ in said(seen, limits)]


def test_of_a_node_that_is_well_nothing_is_told() -> None:
    assert said(WELL) == []


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (Depth(Place.WAITING, "", 3, 601), [(Condition.OLDEST, "analysis")]),
        (Depth(Place.ANALYSIS, "", 1, 601), [(Condition.OLDEST, "analysis")]),
        (Depth(Place.WAITING, "", 3, 599), []),
        (Depth(Place.DELIVERY, "PACS", 3, 601), [(Condition.OLDEST, "PACS")]),
        (Depth(Place.REBUILD, "PACS", 3, 601), [(Condition.OLDEST, "PACS")]),
        # It has an hour to confirm what it stored.
        (Depth(Place.VERIFICATION, "PACS", 3, 601), []),
    ],
)
def test_what_waits_too_long_is_told(depth: Depth, expected: Sequence[tuple[str, str]]) -> None:
    assert names(with_figures(depths=(depth,))) == expected


def test_a_destination_that_is_away_is_told_once_and_not_for_what_waits() -> None:
    away = Standing("PACS", reachable=False, since=ago(901))
    waits = (Depth(Place.DELIVERY, "PACS", 3, 5000),)
    seen = with_figures(depths=waits, standings={"PACS": away})
    assert said(seen) == [
        (Condition.UNREACHABLE, "PACS", "PACS has not been reached for 0:15:01"),
    ]
    recent = replace(away, since=ago(899))
    assert said(with_figures(depths=waits, standings={"PACS": recent})) == []


def test_a_pause_that_was_forgotten_is_told() -> None:
    paused = Standing("PACS", paused_at=ago(86_401), paused_by="me", paused_why="a study of mine")
    assert said(with_figures(standings={"PACS": paused})) == [
        (Condition.PAUSED, "PACS", "PACS has been paused for 1 day, 0:00:01"),
    ]
    assert said(with_figures(standings={"PACS": replace(paused, paused_at=ago(3600))})) == []
    ended = replace(paused, paused_until=ago(1))
    assert said(with_figures(standings={"PACS": ended})) == []


def test_a_destination_that_is_not_configured_any_more_is_nobodys_matter() -> None:
    away = Standing("OLD", reachable=False, since=ago(10_000))
    assert said(with_figures(standings={"OLD": away})) == []


def test_dead_letters_of_the_last_day_are_told_by_where_they_are() -> None:
    dead = (
        Dead("", "FAILED", 7, 2),
        Dead("OTHER", "REFUSED", 5, 0),
        Dead("PACS", "REFUSED", 5, 3),
        Dead("PACS", "UNVERIFIED", 1, 1),
    )
    assert said(with_figures(dead=dead)) == [
        (Condition.DEAD_LETTERS, "analysis", "2 images failed within a day"),
        (
            Condition.DEAD_LETTERS,
            "PACS",
            "4 results for PACS refused, given up, lost or not confirmed within a day",
        ),
    ]
    assert names(with_figures(dead=dead), AlertsSection(dead_letters=3)) == [
        (Condition.DEAD_LETTERS, "PACS")
    ]


def test_a_disk_that_gets_full_is_told() -> None:
    assert names(replace(WELL, disk=Disk("1 GB free: nearly full", is_low=True))) == [
        (Condition.DISK, "spool")
    ]


def test_a_part_that_is_nowhere_alive_is_told_when_it_has_been_for_a_while() -> None:
    gone = holding(with_figures(living=PARTS[:1]), LIMITS)
    assert [(one.name, one.subject, one.hold_s) for one in gone] == [
        (Condition.GONE, "work", 120),
        (Condition.GONE, "send", 120),
    ]


def test_silence_is_told_within_the_working_hours_alone() -> None:
    limits = AlertsSection(working_hours="Mon-Fri 07:00-18:00")
    silent = with_figures(last_arrival_at=ago(7201))
    assert said(silent) == []
    assert said(silent, limits) == [
        (Condition.SILENT, "", "no image has come for 2:00:01"),
    ]
    # At nine it has been silent for two hours of work; at eight nobody wonders yet.
    for hour, expected in ((8, 0), (9, 0), (10, 1), (17, 1), (18, 0)):
        at = replace(silent, local=NOW.replace(hour=hour))
        long_ago = replace(at, figures=replace(at.figures, last_arrival_at=ago(60 * 3600)))
        assert len(said(long_ago, limits)) == expected
    assert said(replace(silent, local=NOW + timedelta(days=5)), limits) == []


def test_a_node_that_never_received_anything_is_silent_too() -> None:
    limits = AlertsSection(working_hours="Mon-Fri 07:00-18:00")
    assert names(with_figures(last_arrival_at=None), limits) == [(Condition.SILENT, "")]


def test_hours_are_those_of_the_host() -> None:
    limits = AlertsSection(working_hours="Sat-Mon 07:00-18:00")
    west = NOW.astimezone(timezone(-timedelta(hours=9)))
    silent = with_figures(last_arrival_at=None)
    assert said(replace(silent, local=west), limits) == []


def test_many_failures_are_told_where_much_has_come() -> None:
    def hour(received: int, failed: int) -> Seen:
        return replace(WELL, hour=Day(ago(3600), received, 0, failed, 0))

    assert said(hour(10, 3)) == [
        (Condition.FAILURES, "analysis", "3 of the 10 images that came within an hour failed"),
    ]
    assert said(hour(10, 2)) == []
    assert said(hour(9, 9)) == []


DRIFT = Drift(
    Device("Maker", "Model", "XR-2"), "sharpness", NOW, 1.5, 1.8, 100, 400, -2.0, 1 / 240,
    ago(7 * 86_400),
)  # fmt: skip


def test_a_device_that_drifts_is_told_of_once_whatever_has_shifted() -> None:
    other = replace(DRIFT, device=Device("", "", "XR-3"))
    more = replace(DRIFT, measure="brightness", now=0.7, before=0.5, effect=2.0)
    found = said(with_figures(drifts=(DRIFT, more, other)))
    assert [(name, subject) for name, subject, _ in found] == [
        (Condition.DRIFT, "XR-2 (Maker Model)"),
        (Condition.DRIFT, "XR-3"),
    ]
    told = "images of XR-2 (Maker Model): sharpness fell from 1.80 to 1.50 (medians;"
    assert found[0][2].startswith(told)
    assert found[0][2].endswith("; shifted too: brightness")


def test_where_drift_is_not_watched_none_is_told() -> None:
    assert said(with_figures(drifts=(DRIFT,)), AlertsSection(drift_false_alarm_days=0)) == []
