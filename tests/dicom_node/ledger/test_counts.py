"""How much waits and has failed, on SQLite and on PostgreSQL."""

from datetime import timedelta

from dicom_node.ledger import Backlog, Day, InstanceKind, Ledger
from tests.dicom_node.ledger.records import PIPELINE, START, Clock, built, claimed, instance


def refuse(ledger: Ledger, destination: str) -> None:
    for delivery in ledger.deliveries.claim(destination, "s1", 60.0, 10):
        ledger.deliveries.refused(delivery.id, "s1", 0xC000, "refused")


def backlog(ledger: Ledger, clock: Clock, hours: float = 24.0) -> Backlog:
    return ledger.counts.backlog(clock.now - timedelta(hours=hours))


def test_an_empty_ledger_has_no_backlog(ledger: Ledger, clock: Clock) -> None:
    nothing = backlog(ledger, clock)
    assert (nothing.jobs.count, nothing.deliveries.count, nothing.oldest_s) == (0, 0, 0.0)
    assert (nothing.failed, nothing.refused) == (0, 0)


def test_what_waits_is_as_old_as_its_image(ledger: Ledger, clock: Clock) -> None:
    ledger.jobs.accept(instance(1), PIPELINE)
    clock.advance(10)
    built(ledger, "PACS", "OTHER", number=2)
    clock.advance(5)
    found = backlog(ledger, clock)
    assert (found.jobs.count, found.jobs.oldest_s) == (1, 15.0)
    assert (found.deliveries.count, found.deliveries.oldest_s) == (4, 5.0)
    assert found.oldest_s == 15.0


def test_what_failed_and_what_was_refused_are_counted_apart_and_by_image(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.handover.failed(claimed(ledger, number=1).id, "w1", "undecodable")
    ledger.handover.skipped(claimed(ledger, number=2).id, "w1", "a lateral view")
    built(ledger, "PACS", "OTHER", number=3)
    refuse(ledger, "PACS")
    found = backlog(ledger, clock)
    assert found.failed + found.refused == 2
    clock.advance(2 * 3600)
    later = backlog(ledger, clock, hours=1.0)
    assert (later.failed, later.refused) == (0, 0)


def test_days_count_what_came_on_them_as_it_stands_now(ledger: Ledger, clock: Clock) -> None:
    midnights = [START - timedelta(hours=12) + timedelta(days=day) for day in range(3)]
    ledger.handover.failed(claimed(ledger, number=1).id, "w1", "undecodable")
    ledger.handover.skipped(claimed(ledger, number=2).id, "w1", "a lateral view")
    clock.advance(24 * 3600)
    built(ledger, "PACS", number=3)
    refuse(ledger, "PACS")
    ledger.jobs.accept(instance(4), PIPELINE)
    for number, kind in enumerate(set(InstanceKind) - {InstanceKind.RADIOGRAPH}, start=5):
        ledger.jobs.accept(instance(number, kind=kind), PIPELINE)
    first, second, third = ledger.counts.days(midnights)
    assert first == Day(midnights[0], received=2, skipped=1, failed=1, refused=0)
    assert (second.received, second.refused) == (2, 1)
    assert third == Day(midnights[2], 0, 0, 0, 0)
    assert ledger.counts.days(midnights[1:]) == [second, third]
