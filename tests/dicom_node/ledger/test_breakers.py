"""Breakers: who is left alone, why and until when; all senders agree, and nothing is forgotten."""

from contextlib import closing
from datetime import timedelta

from dicom_node.ledger import Ledger, Standing
from tests.dicom_node.ledger.records import LEASE_S, Clock, built

ME = "operator@host"


def claims(ledger: Ledger) -> int:
    return len(ledger.deliveries.claim("PACS", "sender", LEASE_S, 10))


def said(ledger: Ledger) -> list[tuple[str, str | None, str]]:
    return [(entry.event, entry.owner, entry.detail) for entry in ledger.breakers.history("PACS")]


def test_what_rests_gives_nothing_until_its_rest_is_over(ledger: Ledger, clock: Clock) -> None:
    built(ledger, "PACS", "OTHER")
    ledger.breakers.unreachable("PACS", "s1", "connection refused", 30)
    assert claims(ledger) == 0
    assert len(ledger.deliveries.claim("OTHER", "s1", LEASE_S, 10)) == 2
    assert ledger.deliveries.next_due("PACS") == clock.now + timedelta(seconds=30)
    clock.advance(30)
    assert claims(ledger) == 2


def test_an_outage_is_told_from_its_first_failure_to_its_end(ledger: Ledger, clock: Clock) -> None:
    assert not ledger.breakers.reached("PACS", "s1")
    up_since = clock.now
    clock.advance(10)
    assert not ledger.breakers.reached("PACS", "s1")
    assert ledger.breakers.of("PACS").since == up_since
    down_since = clock.now
    for error in ("connection refused", "timed out"):
        ledger.breakers.unreachable("PACS", "s1", error, 5)
        clock.advance(5)
    down = ledger.breakers.of("PACS")
    assert (down.reachable, down.since, down.failures) == (False, down_since, 2)
    assert (down.last_error, down.last_error_at) == ("timed out", clock.now - timedelta(seconds=5))
    # Another sender was the one to get through.
    assert ledger.breakers.reached("PACS", "s2")
    up = ledger.breakers.of("PACS")
    assert (up.reachable, up.since, up.failures, up.is_resting(clock.now)) == (
        True, clock.now, 0, False,
    )  # fmt: skip
    assert up.last_error == "timed out"
    assert said(ledger) == [
        ("cannot be reached", "s1", "connection refused"),
        ("reached again", "s2", ""),
    ]


def test_what_is_paused_gets_nothing_until_it_is_resumed(ledger: Ledger, clock: Clock) -> None:
    built(ledger, "PACS")
    ledger.breakers.pause("PACS", ME, "upgrade")
    clock.advance(10_000)
    assert claims(ledger) == 0
    assert ledger.deliveries.next_due("PACS") is None
    assert ledger.breakers.resume("PACS", ME)
    assert not ledger.breakers.resume("PACS", ME)
    assert claims(ledger) == 2
    assert said(ledger) == [("paused", ME, "upgrade"), ("resumed", ME, "")]


def test_a_pause_ends_by_itself_at_its_time(ledger: Ledger, clock: Clock) -> None:
    built(ledger, "PACS")
    until = clock.now + timedelta(hours=2)
    ledger.breakers.pause("PACS", ME, until=until)
    assert ledger.deliveries.next_due("PACS") == until
    clock.advance(7199)
    assert (claims(ledger), ledger.breakers.of("PACS").is_paused(clock.now)) == (0, True)
    clock.advance(1)
    assert (claims(ledger), ledger.breakers.of("PACS").is_paused(clock.now)) == (2, False)


def test_a_restart_forgets_neither_a_pause_nor_a_rest(ledger_url: str, clock: Clock) -> None:
    with closing(Ledger.open(ledger_url, clock)) as before:
        built(before, "PACS")
        before.breakers.pause("PACS", ME, "upgrade")
        before.breakers.unreachable("PACS", "s1", "connection refused", 30)
    with closing(Ledger.open(ledger_url, clock)) as after:
        standing = after.breakers.of("PACS")
        assert (standing.paused_by, standing.paused_why) == (ME, "upgrade")
        assert standing.is_resting(clock.now)
        assert standing.failures == 1


def test_the_list_has_how_each_stands_and_what_waits_longest(ledger: Ledger, clock: Clock) -> None:
    built(ledger, "PACS", number=1)
    received_at = clock.now
    clock.advance(60)
    built(ledger, "PACS", number=2)
    ledger.breakers.pause("NEW", ME)
    new, pacs = ledger.destinations.all()
    assert (new.name, new.counts, new.standing.is_paused(clock.now)) == ("NEW", {}, True)
    assert (pacs.oldest_waiting_at, pacs.standing.reachable) == (received_at, True)
    ledger.breakers.resume("NEW", ME)
    ledger.destinations.forget("NEW", ME)
    assert [record.name for record in ledger.destinations.all()] == ["PACS"]


def test_a_forgotten_destination_stays_paused_and_its_failures_are_forgotten(
    ledger: Ledger, clock: Clock
) -> None:
    built(ledger, "PACS", roles="A")
    until = clock.now + timedelta(seconds=60)
    ledger.breakers.unreachable("PACS", "s1", "no connection", 30)
    ledger.breakers.pause("PACS", ME, "moves house", until)
    ledger.destinations.forget("PACS", ME)
    assert ledger.breakers.of("PACS") == Standing(
        "PACS", paused_at=clock.now, paused_until=until, paused_by=ME, paused_why="moves house"
    )
    built(ledger, "PACS", roles="A", number=2)
    assert ledger.deliveries.claim("PACS", "s1", LEASE_S, 10) == []
    clock.advance(61)
    assert len(ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)) == 1
    ledger.destinations.forget("PACS", ME)
    assert ledger.breakers.of("PACS") == Standing("PACS")
