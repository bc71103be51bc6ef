"""Counts: every event once, whoever asks and when, and whatever has been purged since."""

import threading
from contextlib import closing
from datetime import timedelta

import pytest

from dicom_node.errors import LedgerUnavailable
from dicom_node.ledger import DELIVERED, Kept, Ledger, Selection, StoredInstance
from dicom_node.ledger.tables.database import Database
from dicom_node.ledger.watching.counting import SUM, UNBOUNDED, Key, Stage, Tally
from dicom_node.ledger.watching.tallies import SETTLED_AFTER
from tests.dicom_node.ledger.records import (
    LEASE_S,
    PIPELINE,
    Clock,
    built,
    claimed,
    deliver,
    instance,
    output,
    to,
)

DAY_S = 24 * 3600.0


def totals(ledger: Ledger) -> dict[Key, float]:
    """Those that are not 0."""
    return {key: value for key, value in ledger.tallies.totals(5.0).items() if value}


def fold(ledger: Ledger, clock: Clock) -> None:
    """Until all that there is is in the sums, on either database."""
    for _ in range(3):
        while ledger.tallies.fold():
            pass
        clock.advance(SETTLED_AFTER.total_seconds())


def eventful(ledger: Ledger, clock: Clock) -> None:
    """Something of everything."""
    job = claimed(ledger)
    clock.advance(2)
    steps = "read 3.0 ms, decode 40.1 ms, networks 180.0 ms"
    ledger.handover.built(job.id, "w1", [output("SEG"), output("SR")], to("PACS"), detail=steps)
    clock.advance(1)
    deliver(ledger)
    ledger.jobs.accept(instance(1), PIPELINE)
    ledger.handover.skipped(claimed(ledger, number=2).id, "w1", "not a frontal view (LL)")
    ledger.handover.failed(claimed(ledger, number=3).id, "w1", "undecodable")
    job = claimed(ledger, number=4)
    ledger.jobs.released(job.id, "w1", "no memory", clock.now)
    built(ledger, "PACS", roles="A", number=5)
    (delivery,) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    ledger.deliveries.retry(delivery.id, "s1", None, "not reached", clock.now)
    (delivery,) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    ledger.deliveries.refused(delivery.id, "s1", 0xC000, "no")


def test_each_event_counts_for_what_it_is(ledger: Ledger, clock: Clock) -> None:
    eventful(ledger, clock)
    counted = totals(ledger)
    assert {key: value for key, value in counted.items() if key[0] not in ("stage", "step")} == {
        (Tally.ARRIVALS, "new", ""): 5,
        (Tally.ARRIVALS, "duplicate", ""): 1,
        (Tally.OUTCOMES, "analysed", ""): 2,
        (Tally.OUTCOMES, "skipped", ""): 1,
        (Tally.OUTCOMES, "failed", ""): 1,
        (Tally.SKIPS, "lateral", ""): 1,
        (Tally.JOB_RETRIES, "released", ""): 1,
        (Tally.DELIVERIES, "PACS", "stored"): 2,
        (Tally.DELIVERIES, "PACS", "refused"): 1,
        (Tally.DELIVERY_RETRIES, "PACS", "not_reached"): 1,
        (Tally.BYTES, "instances", ""): 5 * 15_000_000,
        (Tally.BYTES, "outputs", ""): 300,
    }


def test_durations_are_of_what_was_waited_for(ledger: Ledger, clock: Clock) -> None:
    job_id = ledger.jobs.accept(instance(1), PIPELINE).job_id
    clock.advance(20)
    job = ledger.jobs.claim(job_id, PIPELINE, "w1", LEASE_S)
    assert job is not None
    clock.advance(0.2)
    steps = "read 3.0 ms, decode 40.1 ms"
    ledger.handover.built(job.id, "w1", [output("SEG")], to("PACS"), detail=steps)
    clock.advance(5000)
    deliver(ledger)
    counted = totals(ledger)
    for stage, bound, seconds in (
        (Stage.WAITING, "30", 20),
        (Stage.ANALYSIS, "0.25", 0.2),
        (Stage.DELIVERY, UNBOUNDED, 5000),
        (Stage.TURNAROUND, UNBOUNDED, 5020.2),
    ):
        assert counted[Tally.STAGE, stage, bound] == 1
        assert counted[Tally.STAGE, stage, SUM] == pytest.approx(seconds, abs=1e-3)
    assert counted[Tally.STEP, "decode", "0.05"] == 1
    assert counted[Tally.STEP, "decode", SUM] == pytest.approx(0.0401)


def test_what_is_sent_again_on_demand_was_not_under_way_all_the_time(
    ledger: Ledger, clock: Clock
) -> None:
    job_id = built(ledger, "PACS", roles="A")
    deliver(ledger)
    clock.advance(30 * DAY_S)
    selection = Selection(job_ids=[job_id], states=[DELIVERED])
    assert ledger.repairs.redeliver([job_id], "me", selection)
    clock.advance(3)
    deliver(ledger)
    counted = totals(ledger)
    assert counted[Tally.REDELIVERIES, "PACS", "asked"] == 1
    assert counted[Tally.DELIVERIES, "PACS", "stored"] == 2
    assert counted[Tally.STAGE, Stage.DELIVERY, SUM] == 3
    assert (Tally.STAGE, Stage.TURNAROUND, SUM) not in counted


def test_what_was_counted_is_the_same_before_and_after_it_is_put_into_sums(
    ledger: Ledger, clock: Clock
) -> None:
    eventful(ledger, clock)
    before = totals(ledger)
    ledger.tallies.fold()
    assert totals(ledger) == pytest.approx(before)
    fold(ledger, clock)
    assert totals(ledger) == pytest.approx(before)
    eventful_again = claimed(ledger, number=9)
    ledger.handover.failed(eventful_again.id, "w1", "undecodable")
    assert totals(ledger)[Tally.OUTCOMES, "failed", ""] == 2


@pytest.mark.parametrize("is_folded", [False, True])
def test_no_count_goes_down_when_jobs_are_purged(
    ledger: Ledger, clock: Clock, is_folded: bool
) -> None:
    eventful(ledger, clock)
    if is_folded:
        fold(ledger, clock)
    before = totals(ledger)
    clock.advance(40 * DAY_S)
    kept = Kept(clock.now - timedelta(days=30), clock.now - timedelta(days=30))
    window = ledger.pruning.look(kept)
    assert ledger.pruning.forget(kept, window.job_ids, lambda _: None) == 2
    after = totals(ledger)
    assert after.pop((Tally.BYTES, "instances", "")) == 3 * 15_000_000
    assert after.pop((Tally.BYTES, "outputs", "")) == 100
    assert after == pytest.approx({key: before[key] for key in after})
    assert {key for key in before if key[0] != Tally.BYTES} == set(after)
    fold(ledger, clock)
    assert {key: value for key, value in totals(ledger).items() if key[0] != Tally.BYTES} == (
        pytest.approx(after)
    )


def test_what_many_count_at_once_is_counted_once(ledger_url: str) -> None:
    """With clocks of their own, and sums made meanwhile."""
    with closing(Ledger.open(ledger_url)) as ledger:

        def work(name: str) -> None:
            for number in range(20):
                uid = f"1.2.{name}.{number}"
                bytes_of = StoredInstance("1.2", uid, "1.2", "1.2", "1.2", "PACS", uid, uid, 10)
                ledger.jobs.accept(bytes_of, PIPELINE)
                ledger.tallies.fold()

        threads = [threading.Thread(target=work, args=(str(name),)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert totals(ledger)[Tally.ARRIVALS, "new", ""] == 80
        assert totals(ledger)[Tally.BYTES, "instances", ""] == 800


def test_a_restart_forgets_no_count(ledger_url: str, clock: Clock) -> None:
    with closing(Ledger.open(ledger_url, clock)) as ledger:
        eventful(ledger, clock)
        before = totals(ledger)
    with closing(Ledger.open(ledger_url, clock)) as ledger:
        assert totals(ledger) == pytest.approx(before)


def test_a_question_that_takes_too_long_is_broken_off(ledger_url: str) -> None:
    slow = (
        "SELECT pg_sleep(30)"
        if ledger_url.startswith("postgresql")
        else "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000000000)"
        " SELECT count(*) FROM c"
    )
    with closing(Database.open(ledger_url)) as database:
        with pytest.raises(LedgerUnavailable), database.snapshot(0.2) as connection:
            connection.exec_driver_sql(slow)
        # The connection is as good as before, and has no limit of its own any more.
        with database.read() as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar() == 1
