"""Jobs whose workers vanish: freed, stolen, and at last given up."""

from collections.abc import Callable

import pytest

from dicom_node.errors import UNKNOWN_TRIES
from dicom_node.ledger import (
    JobState,
    LeaseLost,
    Ledger,
)
from tests.dicom_node.ledger.records import (
    LEASE_S,
    PIPELINE,
    Clock,
    built,
    claimed,
    instance,
    output,
    state,
    to,
)


def test_only_expired_leases_are_freed(ledger: Ledger, clock: Clock) -> None:
    old = claimed(ledger, number=1)
    clock.advance(LEASE_S / 2)
    claimed(ledger, number=2)
    clock.advance(LEASE_S / 2 + 1)
    assert ledger.jobs.free_expired() == [old.id]
    freed = ledger.jobs.get(old.id)
    assert freed is not None
    assert (freed.state, freed.deaths, freed.owner) == (JobState.RECEIVED, 1, None)


def test_the_leases_of_the_dead_are_freed_at_once(ledger: Ledger) -> None:
    dead, alive = claimed(ledger, "dead", 1), claimed(ledger, "alive", 2)
    assert ledger.jobs.free_of([]) == []
    assert ledger.jobs.free_of(["dead", "long gone"]) == [dead.id]
    assert state(ledger, alive.id) is JobState.ANALYZING


def test_a_redelivered_job_is_taken_from_the_worker_that_vanished(ledger: Ledger) -> None:
    job = claimed(ledger, "dead")
    stolen = ledger.jobs.claim(job.id, PIPELINE, "w2", LEASE_S, steal=True)
    assert stolen is not None
    assert (stolen.owner, stolen.attempts, stolen.deaths) == ("w2", 2, 1)
    with pytest.raises(LeaseLost):
        ledger.handover.skipped(job.id, "dead", "late")


def test_a_job_that_is_built_is_not_stolen(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS")
    assert ledger.jobs.claim(job_id, PIPELINE, "w2", LEASE_S, steal=True) is None
    assert state(ledger, job_id) is JobState.BUILT


def die_by_recovery(ledger: Ledger, job_id: int) -> None:
    if ledger.jobs.claim(job_id, PIPELINE, "dead", LEASE_S):
        ledger.jobs.free_of(["dead"])


def die_by_redelivery(ledger: Ledger, job_id: int) -> None:
    ledger.jobs.claim(job_id, PIPELINE, "dead", LEASE_S, steal=True)


@pytest.mark.parametrize("die", [die_by_recovery, die_by_redelivery])
def test_an_image_that_kills_its_workers_ends_failed(
    ledger: Ledger, die: Callable[[Ledger, int], None]
) -> None:
    job_id = ledger.jobs.accept(instance(), PIPELINE).job_id
    for _ in range(UNKNOWN_TRIES + 5):
        die(ledger, job_id)
    job = ledger.jobs.get(job_id)
    assert job is not None
    # One claim more than the image was given: to end the job without looking at the image.
    assert (job.state, job.attempts) == (JobState.FAILED, UNKNOWN_TRIES + 1)
    assert job.reason == f"the worker died {UNKNOWN_TRIES + 1} times while it held the job"


@pytest.mark.parametrize("die", [die_by_recovery, die_by_redelivery])
def test_after_three_deaths_a_worker_may_still_say_why(
    ledger: Ledger, die: Callable[[Ledger, int], None]
) -> None:
    job_id = ledger.jobs.accept(instance(), PIPELINE).job_id
    job = None
    while job is None or job.deaths < UNKNOWN_TRIES:
        die(ledger, job_id)
        job = ledger.jobs.get(job_id)
        assert job is not None
    if die is die_by_recovery:
        assert ledger.jobs.claim(job_id, PIPELINE, "dead", LEASE_S) is not None
    ledger.handover.failed(
        job_id, "dead", "the worker died", built=[output("SR")], routes=to("PACS")
    )
    assert state(ledger, job_id) is JobState.FAILED
    assert [d.role for d in ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)] == ["SR"]


def test_transient_failures_do_not_count_as_deaths(ledger: Ledger, clock: Clock) -> None:
    job = claimed(ledger)
    for _ in range(UNKNOWN_TRIES + 1):
        ledger.jobs.released(job.id, "w1", "disk full", clock.now)
        assert ledger.jobs.claim(job.id, PIPELINE, "w1", LEASE_S) is not None
    ledger.jobs.free_of(["w1"])
    assert state(ledger, job.id) is JobState.RECEIVED
