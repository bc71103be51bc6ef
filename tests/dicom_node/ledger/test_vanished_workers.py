"""Jobs whose workers vanish: freed, and at last given up."""

from dataclasses import replace

from dicom_node.errors import UNKNOWN_TRIES
from dicom_node.ledger import (
    JobState,
    Ledger,
)
from tests.dicom_node.ledger.records import (
    LEASE_S,
    PIPELINE,
    Clock,
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


def die(ledger: Ledger, job_id: int) -> None:
    if ledger.jobs.claim(job_id, PIPELINE, "dead", LEASE_S):
        ledger.jobs.free_of(["dead"])


def test_an_image_that_kills_its_workers_ends_failed(ledger: Ledger) -> None:
    job_id = ledger.jobs.accept(instance(), PIPELINE).job_id
    for _ in range(UNKNOWN_TRIES + 5):
        die(ledger, job_id)
    job = ledger.jobs.get(job_id)
    assert job is not None
    # One claim more than the image was given: to end the job without looking at the image.
    assert (job.state, job.attempts) == (JobState.FAILED, UNKNOWN_TRIES + 1)
    assert job.reason == f"the worker died {UNKNOWN_TRIES + 1} times while it held the job"


def test_after_three_deaths_a_worker_may_still_say_why(ledger: Ledger) -> None:
    job_id = ledger.jobs.accept(instance(), PIPELINE).job_id
    job = None
    while job is None or job.deaths < UNKNOWN_TRIES:
        die(ledger, job_id)
        job = ledger.jobs.get(job_id)
        assert job is not None
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


def test_a_worker_that_comes_back_did_not_die_of_the_image(ledger: Ledger, clock: Clock) -> None:
    job_id = ledger.jobs.accept(instance(), PIPELINE).job_id
    for number in range(UNKNOWN_TRIES + 2):
        assert ledger.jobs.claim(job_id, PIPELINE, f"w{number}", LEASE_S)
        clock.advance(LEASE_S + 1)
        assert ledger.jobs.free_expired() == [job_id]
        ledger.jobs.outlived(job_id, f"w{number}")
        job = ledger.jobs.get(job_id)
        assert job is not None
        assert (job.state, job.deaths) == (JobState.RECEIVED, 0)


def test_a_real_death_stays_counted_whoever_else_comes_back(ledger: Ledger) -> None:
    job_id = ledger.jobs.accept(instance(), PIPELINE).job_id
    die(ledger, job_id)
    assert ledger.jobs.claim(job_id, PIPELINE, "w1", LEASE_S)
    ledger.jobs.outlived(job_id, "w1")
    ledger.jobs.outlived(job_id, "never had it")
    job = ledger.jobs.get(job_id)
    assert job is not None
    assert (job.state, job.deaths, job.owner) == (JobState.ANALYZING, 1, "w1")


def test_nothing_is_taken_back_of_what_was_counted_before_new_bytes(ledger: Ledger) -> None:
    job_id = ledger.jobs.accept(instance(), PIPELINE).job_id
    assert ledger.jobs.claim(job_id, PIPELINE, "w1", LEASE_S)
    ledger.jobs.free_of(["w1"])
    ledger.jobs.accept(replace(instance(), sha256="f" * 64), PIPELINE)
    die(ledger, job_id)
    ledger.jobs.outlived(job_id, "w1")
    job = ledger.jobs.get(job_id)
    assert job is not None
    assert job.deaths == 1
