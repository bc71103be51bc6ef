"""Alerts in the ledger: told once at onset, once at recovery, by one of all who look."""

import threading
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta

from dicom_node.ledger import Holding, Ledger, Turned
from tests.dicom_node.ledger.records import Clock

AWAY = Holding("Away", "PACS", "PACS is away")
FULL = Holding("Full", "spool", "the disk is full")
THROTTLE_S = 3600.0


def put(turned: Sequence[Turned]) -> str:
    return ", ".join(f"{one.alert.name} {'on' if one.is_onset else 'over'}" for one in turned)


def look(
    ledger: Ledger, clock: Clock, *holding: Holding, host: str = "", after_s: float = 60
) -> str:
    """What people are told, `after_s` later."""
    clock.advance(after_s)
    turned = ledger.alerts.look(host, holding, 30.0, THROTTLE_S, {"email": put})
    return "nobody looks" if turned is None else put(turned)


def on(ledger: Ledger) -> list[tuple[str, str]]:
    return [(alert.name, alert.host) for alert in ledger.alerts.on()]


def test_an_alert_is_told_at_onset_and_at_recovery_and_not_between(
    ledger: Ledger, clock: Clock
) -> None:
    assert look(ledger, clock) == ""
    assert look(ledger, clock, AWAY) == "Away on"
    assert look(ledger, clock, AWAY) == ""
    assert look(ledger, clock, AWAY, FULL) == "Full on"
    assert on(ledger) == [("Away", ""), ("Full", "")]
    assert look(ledger, clock, FULL) == "Away over"
    assert look(ledger, clock, FULL, after_s=7200) == ""
    assert on(ledger) == [("Full", "")]


def test_what_comes_and_goes_is_told_once_in_a_while(ledger: Ledger, clock: Clock) -> None:
    assert look(ledger, clock, AWAY) == "Away on"
    assert look(ledger, clock) == "Away over"
    for _ in range(20):
        assert look(ledger, clock, AWAY) == ""
        assert look(ledger, clock) == ""
    assert look(ledger, clock, AWAY) == ""
    # It has stayed on, and the while is over.
    assert look(ledger, clock, AWAY, after_s=THROTTLE_S) == "Away on"
    assert look(ledger, clock) == "Away over"


def test_a_clock_that_is_set_back_silences_nothing(ledger: Ledger, clock: Clock) -> None:
    gone = Holding("Gone", "work", "nobody works", hold_s=120)
    clock.advance(86400)
    assert look(ledger, clock, AWAY, gone) == "Away on"
    onset = ledger.notices.claim(["email"])
    assert onset is not None
    ledger.notices.failed(onset.id, "no connection", 300.0)
    clock.advance(-86400)
    assert look(ledger, clock, gone) == "Away over"
    again = ledger.notices.claim(["email"])
    assert again is not None
    assert again.body == "Away on"
    assert look(ledger, clock, AWAY, gone, after_s=31) == "Away on"
    assert look(ledger, clock, AWAY, gone, after_s=100) == "Gone on"


def test_what_is_to_last_is_told_only_when_it_has(ledger: Ledger, clock: Clock) -> None:
    gone = Holding("Gone", "work", "nobody works", hold_s=120)
    assert look(ledger, clock, gone) == ""
    assert on(ledger) == [("Gone", "")]
    assert look(ledger, clock) == ""
    assert look(ledger, clock, gone) == ""
    assert look(ledger, clock, gone, after_s=60) == ""
    assert look(ledger, clock, gone, after_s=60) == "Gone on"


def test_a_restart_tells_nothing_again(ledger_url: str, clock: Clock) -> None:
    with closing(Ledger.open(ledger_url, clock)) as ledger:
        assert look(ledger, clock, AWAY) == "Away on"
    with closing(Ledger.open(ledger_url, clock)) as ledger:
        assert look(ledger, clock, AWAY) == ""
        assert look(ledger, clock) == "Away over"


def test_of_several_who_look_at_once_one_tells(ledger_url: str) -> None:
    told: list[str] = []
    start = threading.Barrier(4)

    def watch() -> None:
        with closing(Ledger.open(ledger_url)) as ledger:
            start.wait()
            turned = ledger.alerts.look("", [AWAY], 30.0, THROTTLE_S, {"email": put})
            told.append("nobody looks" if turned is None else put(turned))

    threads = [threading.Thread(target=watch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["Away on", "nobody looks", "nobody looks", "nobody looks"]
    with closing(Ledger.open(ledger_url)) as ledger:
        assert ledger.notices.waiting() == {"email": 1}


def test_a_host_looks_after_its_own_until_it_is_taken_away(ledger: Ledger, clock: Clock) -> None:
    assert look(ledger, clock, AWAY, host="a") == "Away on"
    assert look(ledger, clock) == ""
    assert look(ledger, clock, host="b") == ""
    assert on(ledger) == [("Away", "a")]
    # Nobody on it has looked for an hour.
    assert look(ledger, clock, after_s=3700) == "Away over"
    assert on(ledger) == []


def test_it_is_time_to_look_when_nobody_has_for_a_while(ledger: Ledger, clock: Clock) -> None:
    assert ledger.alerts.is_due("", 30.0)
    look(ledger, clock)
    assert not ledger.alerts.is_due("", 30.0)
    assert ledger.alerts.is_due("a", 30.0)
    assert look(ledger, clock, after_s=29) == "nobody looks"
    clock.advance(1)
    assert ledger.alerts.is_due("", 30.0)


def test_a_notice_is_one_senders_until_that_is_silent_for_long(
    ledger: Ledger, clock: Clock
) -> None:
    look(ledger, clock, AWAY)
    first = ledger.notices.claim(["email"])
    assert first is not None
    assert (first.body, first.attempts) == ("Away on", 1)
    assert ledger.notices.claim(["email"]) is None
    clock.advance(301)
    again = ledger.notices.claim(["email"])
    assert again is not None
    assert (again.id, again.attempts) == (first.id, 2)
    ledger.notices.told(again.id)
    clock.advance(301)
    assert ledger.notices.claim(["email"]) is None


def test_a_recovery_does_not_overtake_its_onset(ledger: Ledger, clock: Clock) -> None:
    look(ledger, clock, AWAY)
    look(ledger, clock)
    onset = ledger.notices.claim(["email", "webhook"])
    assert onset is not None
    ledger.notices.failed(onset.id, "no connection", 300.0)
    assert ledger.notices.claim(["email"]) is None
    clock.advance(301)
    onset = ledger.notices.claim(["email"])
    assert onset is not None
    assert onset.body == "Away on"
    ledger.notices.told(onset.id)
    recovery = ledger.notices.claim(["email"])
    assert recovery is not None
    assert recovery.body == "Away over"


def test_what_could_not_be_told_for_a_day_is_not_told(ledger: Ledger, clock: Clock) -> None:
    look(ledger, clock, AWAY)
    clock.advance(timedelta(days=1).total_seconds())
    notice = ledger.notices.claim(["email"])
    assert notice is not None
    assert notice.is_too_old
    ledger.notices.failed(notice.id, "no connection", None)
    clock.advance(1000)
    assert ledger.notices.claim(["email"]) is None
    assert ledger.notices.waiting() == {}


def test_a_channel_that_is_not_asked_for_waits(ledger: Ledger, clock: Clock) -> None:
    look(ledger, clock, AWAY)
    assert ledger.notices.claim(["webhook"]) is None
    assert ledger.notices.waiting() == {"email": 1}
