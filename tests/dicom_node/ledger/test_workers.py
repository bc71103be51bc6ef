"""Who lives: a lease is renewed by its owner's heartbeat, for what that one has in hand alone."""

from datetime import timedelta

import pytest
from sqlalchemy import create_engine

from dicom_node.ledger import JobState, LeaseLost, Ledger
from dicom_node.ledger.work.workers import LEASE_S, REMEMBERED_FOR
from tests.dicom_node.hearts import process
from tests.dicom_node.ledger.records import PIPELINE, Clock, built, claimed, happened, state


def claim(ledger: Ledger, owner: str, number: int = 1) -> int:
    """A job that `owner` has only just taken."""
    job = claimed(ledger, owner, number)
    ledger.workers.beat(process(owner), [job.id])
    return job.id


def test_a_slow_worker_that_beats_is_not_robbed(ledger: Ledger, clock: Clock) -> None:
    job_id = claim(ledger, "slow")
    for _ in range(100):
        clock.advance(LEASE_S / 2)
        assert ledger.workers.beat(process("slow"), [job_id]) == ({job_id}, set())
        assert ledger.jobs.free_expired() == []
    assert ledger.jobs.claim(job_id, PIPELINE, "other", LEASE_S) is None
    ledger.handover.built(job_id, "slow", [], [])
    assert state(ledger, job_id) is JobState.BUILT


def test_the_job_of_a_worker_that_fell_silent_is_freed_in_seconds(
    ledger: Ledger, clock: Clock
) -> None:
    job_id = claim(ledger, "silent")
    clock.advance(LEASE_S + 0.1)
    assert ledger.jobs.free_expired() == [job_id]
    assert LEASE_S <= 15
    assert ledger.jobs.claim(job_id, PIPELINE, "other", LEASE_S) is not None
    # It comes back: what it took for its own is not.
    assert ledger.workers.beat(process("silent"), [job_id]) == (set(), set())
    with pytest.raises(LeaseLost):
        ledger.handover.built(job_id, "silent", [], [])


def test_what_its_holder_has_lost_from_sight_is_freed_although_that_lives(
    ledger: Ledger, clock: Clock
) -> None:
    forgotten, held = claim(ledger, "worker", 1), claim(ledger, "worker", 2)
    for _ in range(8):
        clock.advance(LEASE_S / 4)
        ledger.workers.beat(process("worker"), [held])
    assert ledger.jobs.free_expired() == [forgotten]
    assert state(ledger, held) is JobState.ANALYZING


def test_deliveries_are_renewed_too(ledger: Ledger, clock: Clock) -> None:
    built(ledger, "PACS", roles="AB")
    first, second = ledger.deliveries.claim("PACS", "sender", LEASE_S, 10)
    clock.advance(LEASE_S - 1)
    kept = ledger.workers.beat(process("sender", "send"), (), [first.id])
    assert kept == (set(), {first.id})
    clock.advance(2)
    assert ledger.deliveries.free_expired() == [second.id]


def test_a_beat_leaves_no_trace_in_what_it_renews(ledger: Ledger, clock: Clock) -> None:
    job_id = claim(ledger, "worker")
    before = ledger.jobs.get(job_id)
    clock.advance(1)
    ledger.workers.beat(process("worker"), [job_id])
    after = ledger.jobs.get(job_id)
    assert before is not None
    assert after is not None
    assert after.updated_at == before.updated_at
    assert happened(ledger, job_id) == ["received", "claimed"]


def test_the_list_says_who_lives_and_what_each_holds(ledger: Ledger, clock: Clock) -> None:
    started = clock.now
    job_id = claim(ledger, "worker")
    ledger.workers.beat(process("listener", "listen"))
    clock.advance(LEASE_S + 1)
    ledger.workers.beat(process("worker"), [job_id])
    silent, working = ledger.workers.all()
    assert (silent.process.part, silent.is_alive, silent.job_ids) == ("listen", False, ())
    assert (silent.started_at, silent.beat_at) == (started, started)
    assert (working.process, working.is_alive, working.job_ids, working.deliveries) == (
        process("worker"), True, (job_id,), 0,
    )  # fmt: skip
    assert (working.started_at, working.beat_at) == (started, clock.now)


def test_who_has_died_does_not_live_on_by_a_clock_that_is_set_back(
    ledger: Ledger, clock: Clock
) -> None:
    claim(ledger, "dead", 1)
    claim(ledger, "living", 2)
    clock.advance(-86400)
    ledger.workers.beat(process("living"))
    alive = {one.process.name: one.is_alive for one in ledger.workers.all()}
    assert alive == {"dead": False, "living": True}


def test_who_ends_leaves_the_list_and_who_vanished_does_later(ledger: Ledger, clock: Clock) -> None:
    for name in ("vanished", "ended"):
        ledger.workers.beat(process(name))
    ledger.workers.leave(["ended"])
    ledger.workers.forget_vanished()
    assert [record.process.name for record in ledger.workers.all()] == ["vanished"]
    clock.advance((REMEMBERED_FOR + timedelta(seconds=1)).total_seconds())
    ledger.workers.forget_vanished()
    assert ledger.workers.all() == []
    # Whoever was taken for dead is there again with its next beat.
    ledger.workers.beat(process("vanished"))
    assert len(ledger.workers.all()) == 1


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_hosts_whose_clocks_differ_agree_on_the_time(ledger_url: str) -> None:
    ledger = Ledger.open(ledger_url)
    engine = create_engine(ledger_url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.connect() as connection:
            told = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        assert abs(ledger.now() - told) < timedelta(seconds=2)
    finally:
        engine.dispose()
        ledger.close()
