"""The ledger on SQLite and on PostgreSQL: every state, who may change it, and what races do."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text, update

from dicom_node.errors import UNKNOWN_TRIES, LedgerUnavailable, UsageError
from dicom_node.ledger import (
    Acceptance,
    BuiltOutput,
    DeliveryState,
    Entry,
    Event,
    IllegalTransition,
    Job,
    JobState,
    LeaseLost,
    Ledger,
    Route,
    StoredInstance,
    Substitution,
)
from dicom_node.ledger.migrate import MIGRATIONS
from dicom_node.ledger.schema import HEAD, jobs, metadata
from dicom_node.ledger.states import (
    DELIVERY_TRANSITIONS,
    JOB_TRANSITIONS,
    delivery_after,
    job_after,
)

PIPELINE = "fpn-1"
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LEASE_S = 60.0


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(ledger_url: str, clock: Clock) -> Iterator[Ledger]:
    with closing(Ledger.open(ledger_url, clock)) as opened:
        yield opened


def instance(number: int = 1, **changes: str) -> StoredInstance:
    made = StoredInstance(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1.1",
        sop_instance_uid=f"1.2.3.{number}",
        study_instance_uid="1.2.9",
        series_instance_uid="1.2.9.1",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        calling_aet="PACS",
        path=f"received/ab/1.2.3.{number}.dcm",
        sha256="ab" * 32,
        size_bytes=15_000_000,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # all the changed fields are text


def output(role: str, number: int = 1) -> BuiltOutput:
    return BuiltOutput(
        role=role,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.66.4",
        sop_instance_uid=f"2.25.{number}.{role}",
        series_instance_uid="2.25.5",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        path=f"outputs/cd/{role}.{number}.dcm",
        sha256="cd" * 32,
        size_bytes=100,
    )


def to(*destinations: str, roles: Sequence[str] = ("SEG", "SR")) -> list[Route]:
    return [Route(destination, roles) for destination in destinations]


def claimed(ledger: Ledger, owner: str = "w1", number: int = 1) -> Job:
    job = ledger.claim_job(ledger.accept(instance(number), PIPELINE).job_id, owner, LEASE_S)
    assert job is not None
    return job


def built(ledger: Ledger, *destinations: str, roles: str = "AB", number: int = 1) -> int:
    """A job whose outputs wait for the destinations; its id."""
    job = claimed(ledger, number=number)
    outputs = [output(role, number) for role in roles]
    ledger.built(job.id, "w1", outputs, to(*destinations, roles=roles))
    return job.id


def state(ledger: Ledger, job_id: int) -> JobState:
    job = ledger.job(job_id)
    assert job is not None
    return job.state


def happened(ledger: Ledger, job_id: int) -> list[str]:
    return [entry.event for entry in ledger.events(job_id)]


# Accepting


def test_an_accepted_instance_is_a_job_that_waits(ledger: Ledger) -> None:
    acceptance = ledger.accept(instance(), PIPELINE)
    assert acceptance == Acceptance(acceptance.job_id, True, JobState.RECEIVED, False)
    job = ledger.job(acceptance.job_id)
    assert job is not None
    assert (job.state, job.attempts, job.received_at) == (JobState.RECEIVED, 0, START)
    assert (job.sop_instance_uid, job.path, job.sha256) == (
        "1.2.3.1",
        instance().path,
        instance().sha256,
    )
    assert ledger.events(job.id) == [
        Entry(START, "received", "RECEIVED", job.id, None, None, detail="")
    ]


def test_the_same_instance_again_is_the_same_job(ledger: Ledger) -> None:
    first = ledger.accept(instance(), PIPELINE)
    again = ledger.accept(instance(), PIPELINE)
    assert again == Acceptance(first.job_id, False, JobState.RECEIVED, other_bytes=False)
    assert happened(ledger, first.job_id) == ["received", "duplicate received"]


def test_other_bytes_under_the_same_uid_are_said_and_change_nothing(ledger: Ledger) -> None:
    first = ledger.accept(instance(), PIPELINE)
    again = ledger.accept(instance(sha256="ff" * 32, path="received/ff/x.dcm"), PIPELINE)
    assert again == Acceptance(first.job_id, False, JobState.RECEIVED, other_bytes=True)
    job = ledger.job(first.job_id)
    assert job is not None
    assert job.sha256 == "ab" * 32
    assert "received/ff/x.dcm" in ledger.events(first.job_id)[-1].detail


def test_another_pipeline_is_another_job_of_the_same_instance(ledger: Ledger) -> None:
    first = ledger.accept(instance(), PIPELINE)
    second = ledger.accept(instance(), "fpn-2")
    assert second.is_new
    assert [job.id for job in ledger.find("1.2.3.1")] == [first.job_id, second.job_id]
    assert ledger.find("1.2.3.4") == []
    assert ledger.job(999) is None


# The life of a job


def test_a_claim_is_for_one_worker_only(ledger: Ledger, clock: Clock) -> None:
    job = claimed(ledger, "w1")
    assert (job.state, job.attempts, job.owner) == (JobState.ANALYZING, 1, "w1")
    assert job.lease_until == clock.now + timedelta(seconds=LEASE_S)
    assert ledger.claim_job(job.id, "w2", LEASE_S) is None
    assert ledger.claim_job(999, "w2", LEASE_S, steal=True) is None


def test_outputs_wait_for_every_destination(ledger: Ledger) -> None:
    job = claimed(ledger)
    output_ids = ledger.built(job.id, "w1", [output("SEG"), output("SR")], to("PACS", "RESEARCH"))
    assert state(ledger, job.id) is JobState.BUILT
    waiting = ledger.deliveries(job.id)
    assert [(d.output_id, d.role, d.destination) for d in waiting] == [
        (output_ids[0], "SEG", "PACS"),
        (output_ids[0], "SEG", "RESEARCH"),
        (output_ids[1], "SR", "PACS"),
        (output_ids[1], "SR", "RESEARCH"),
    ]
    assert {d.state for d in waiting} == {DeliveryState.WAITING}
    assert {d.study_instance_uid for d in waiting} == {"1.2.9"}


def test_without_a_destination_a_built_job_is_delivered_at_once(ledger: Ledger) -> None:
    job_id = built(ledger)
    assert state(ledger, job_id) is JobState.DELIVERED
    assert happened(ledger, job_id) == ["received", "claimed", "built", "all delivered"]


def test_a_skipped_job_keeps_its_reason(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.skipped(job.id, "w1", "a lateral view")
    ended = ledger.job(job.id)
    assert ended is not None
    assert (ended.state, ended.reason, ended.owner) == (JobState.SKIPPED, "a lateral view", None)


def test_a_failed_job_keeps_its_reason_and_its_traceback(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.failed(job.id, "w1", "undecodable", "Traceback ...")
    assert state(ledger, job.id) is JobState.FAILED
    last = ledger.events(job.id)[-1]
    assert (last.event, last.owner, last.detail) == ("failed", "w1", "undecodable\nTraceback ...")


def test_a_reason_that_quotes_hostile_bytes_is_kept_readable(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.failed(job.id, "w1", "header says \0\udcff 胸")
    ended = ledger.job(job.id)
    assert ended is not None
    assert ended.reason == "header says ?? 胸"


def test_a_released_job_is_claimable_again_only_when_due(ledger: Ledger, clock: Clock) -> None:
    job = claimed(ledger)
    ledger.released(job.id, "w1", "disk full", clock.now + timedelta(seconds=30))
    assert state(ledger, job.id) is JobState.RECEIVED
    assert ledger.claim_job(job.id, "w2", LEASE_S) is None
    clock.advance(30)
    again = ledger.claim_job(job.id, "w2", LEASE_S)
    assert again is not None
    assert (again.attempts, again.deaths, again.reason) == (2, 0, "disk full")


@pytest.mark.parametrize(
    "report",
    [
        lambda ledger, job: ledger.handed_over(job, "w1", [output("SEG")], to("PACS")),
        lambda ledger, job: ledger.built(job, "w1", [output("SEG")], to("PACS")),
        lambda ledger, job: ledger.skipped(job, "w1", "r"),
        lambda ledger, job: ledger.failed(job, "w1", "r"),
        lambda ledger, job: ledger.released(job, "w1", "r", START),
    ],
    ids=["handed over", "built", "skipped", "failed", "released"],
)
def test_whoever_lost_the_lease_can_report_nothing(
    ledger: Ledger, clock: Clock, report: Callable[[Ledger, int], None]
) -> None:
    job = claimed(ledger, "w1")
    clock.advance(LEASE_S + 1)
    ledger.free_expired_leases()
    ledger.claim_job(job.id, "w2", LEASE_S)
    with pytest.raises(LeaseLost, match="no longer held by w1"):
        report(ledger, job.id)
    assert state(ledger, job.id) is JobState.ANALYZING
    assert ledger.deliveries(job.id) == []


def test_a_slow_worker_whose_job_nobody_took_may_still_report(ledger: Ledger, clock: Clock) -> None:
    job = claimed(ledger)
    clock.advance(LEASE_S + 1)
    ledger.skipped(job.id, "w1", "a lateral view")
    assert state(ledger, job.id) is JobState.SKIPPED


# Workers that vanish


def test_only_expired_leases_are_freed(ledger: Ledger, clock: Clock) -> None:
    old = claimed(ledger, number=1)
    clock.advance(LEASE_S / 2)
    claimed(ledger, number=2)
    clock.advance(LEASE_S / 2 + 1)
    assert ledger.free_expired_leases() == [old.id]
    freed = ledger.job(old.id)
    assert freed is not None
    assert (freed.state, freed.deaths, freed.owner) == (JobState.RECEIVED, 1, None)


def test_the_leases_of_the_dead_are_freed_at_once(ledger: Ledger) -> None:
    dead, alive = claimed(ledger, "dead", 1), claimed(ledger, "alive", 2)
    assert ledger.free_leases_of([]) == []
    assert ledger.free_leases_of(["dead", "long gone"]) == [dead.id]
    assert state(ledger, alive.id) is JobState.ANALYZING


def test_a_redelivered_job_is_taken_from_the_worker_that_vanished(ledger: Ledger) -> None:
    job = claimed(ledger, "dead")
    stolen = ledger.claim_job(job.id, "w2", LEASE_S, steal=True)
    assert stolen is not None
    assert (stolen.owner, stolen.attempts, stolen.deaths) == ("w2", 2, 1)
    with pytest.raises(LeaseLost):
        ledger.skipped(job.id, "dead", "late")


def test_a_job_that_is_built_is_not_stolen(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS")
    assert ledger.claim_job(job_id, "w2", LEASE_S, steal=True) is None
    assert state(ledger, job_id) is JobState.BUILT


def die_by_recovery(ledger: Ledger, job_id: int) -> None:
    if ledger.claim_job(job_id, "dead", LEASE_S):
        ledger.free_leases_of(["dead"])


def die_by_redelivery(ledger: Ledger, job_id: int) -> None:
    ledger.claim_job(job_id, "dead", LEASE_S, steal=True)


@pytest.mark.parametrize("die", [die_by_recovery, die_by_redelivery])
def test_an_image_that_kills_its_workers_ends_failed(
    ledger: Ledger, die: Callable[[Ledger, int], None]
) -> None:
    job_id = ledger.accept(instance(), PIPELINE).job_id
    for _ in range(UNKNOWN_TRIES + 5):
        die(ledger, job_id)
    job = ledger.job(job_id)
    assert job is not None
    # One claim more than the image was given: to end the job without looking at the image.
    assert (job.state, job.attempts) == (JobState.FAILED, UNKNOWN_TRIES + 1)
    assert job.reason == f"the worker died {UNKNOWN_TRIES + 1} times while it held the job"


@pytest.mark.parametrize("die", [die_by_recovery, die_by_redelivery])
def test_after_three_deaths_a_worker_may_still_say_why(
    ledger: Ledger, die: Callable[[Ledger, int], None]
) -> None:
    job_id = ledger.accept(instance(), PIPELINE).job_id
    job = None
    while job is None or job.deaths < UNKNOWN_TRIES:
        die(ledger, job_id)
        job = ledger.job(job_id)
        assert job is not None
    if die is die_by_recovery:
        assert ledger.claim_job(job_id, "dead", LEASE_S) is not None
    ledger.failed(job_id, "dead", "the worker died", built=[output("SR")], routes=to("PACS"))
    assert state(ledger, job_id) is JobState.FAILED
    assert [d.role for d in ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)] == ["SR"]


def test_transient_failures_do_not_count_as_deaths(ledger: Ledger, clock: Clock) -> None:
    job = claimed(ledger)
    for _ in range(UNKNOWN_TRIES + 1):
        ledger.released(job.id, "w1", "disk full", clock.now)
        assert ledger.claim_job(job.id, "w1", LEASE_S) is not None
    ledger.free_leases_of(["w1"])
    assert state(ledger, job.id) is JobState.RECEIVED


# What recovery republishes


def test_what_was_published_lately_is_not_published_again(ledger: Ledger, clock: Clock) -> None:
    first = ledger.accept(instance(1), PIPELINE).job_id
    clock.advance(100)
    second = ledger.accept(instance(2), PIPELINE).job_id
    assert ledger.waiting_jobs(10, clock.now - timedelta(seconds=50)) == [first]
    ledger.mark_published([first])
    assert ledger.waiting_jobs(10, clock.now - timedelta(seconds=50)) == []
    clock.advance(100)
    assert ledger.waiting_jobs(10, clock.now - timedelta(seconds=50)) == [first, second]
    assert ledger.waiting_jobs(1, clock.now - timedelta(seconds=50)) == [first]
    assert happened(ledger, first) == ["received", "republished"]


def test_what_came_back_is_published_at_once(ledger: Ledger, clock: Clock) -> None:
    released, freed = claimed(ledger, "w1", 1), claimed(ledger, "dead", 2)
    ledger.released(released.id, "w1", "disk full", clock.now)
    ledger.free_leases_of(["dead"])
    assert ledger.waiting_jobs(10, clock.now - timedelta(days=1)) == [released.id, freed.id]


def test_only_jobs_that_are_due_count_as_waiting(ledger: Ledger, clock: Clock) -> None:
    job = claimed(ledger, number=1)
    ledger.accept(instance(2), PIPELINE)
    ledger.released(job.id, "w1", "disk full", clock.now + timedelta(seconds=30))
    assert ledger.count_waiting() == 1
    clock.advance(30)
    assert ledger.count_waiting() == 2


# Deliveries


def test_the_outputs_of_one_study_are_taken_together_in_order(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="SRX")
    batch = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    assert [(d.role, d.attempts, d.owner) for d in batch] == [
        ("S", 1, "s1"),
        ("R", 1, "s1"),
        ("X", 1, "s1"),
    ]
    assert {d.job_id for d in batch} == {job_id}
    assert ledger.claim_deliveries("PACS", "s2", LEASE_S, 10) == []
    assert ledger.claim_deliveries("OTHER", "s2", LEASE_S, 10) == []


def test_the_study_that_waited_longest_goes_first(ledger: Ledger, clock: Clock) -> None:
    for number, study in enumerate(["1.1", "1.2", "1.1"], 1):
        job_id = ledger.accept(instance(number, study_instance_uid=study), PIPELINE).job_id
        ledger.claim_job(job_id, "w1", LEASE_S)
        ledger.built(job_id, "w1", [output("SEG", number)], to("PACS"))
        clock.advance(1)
    first = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    assert [d.study_instance_uid for d in first] == ["1.1", "1.1"]
    second = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    assert [d.study_instance_uid for d in second] == ["1.2"]


def test_a_batch_is_no_longer_than_asked(ledger: Ledger) -> None:
    built(ledger, "PACS", roles="ABC")
    assert [d.role for d in ledger.claim_deliveries("PACS", "s1", LEASE_S, 2)] == ["A", "B"]
    assert [d.role for d in ledger.claim_deliveries("PACS", "s1", LEASE_S, 2)] == ["C"]


def test_a_job_is_delivered_with_its_last_delivery(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", "RESEARCH", roles="A")
    (to_pacs,) = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    ledger.delivered(to_pacs.id, "s1", 0x0000)
    assert state(ledger, job_id) is JobState.BUILT
    (to_research,) = ledger.claim_deliveries("RESEARCH", "s1", LEASE_S, 10)
    ledger.delivered(to_research.id, "s1", 0xB000)
    assert state(ledger, job_id) is JobState.DELIVERED
    assert [d.dimse_status for d in ledger.deliveries(job_id)] == [0x0000, 0xB000]
    assert ledger.events(job_id)[-2].detail == "status 0xb000"


def test_a_failed_attempt_is_due_again_later(ledger: Ledger, clock: Clock) -> None:
    built(ledger, "PACS", roles="A")
    (delivery,) = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    later = clock.now + timedelta(seconds=8)
    ledger.retry(delivery.id, "s1", None, "no connection", later)
    assert ledger.next_due("PACS") == later
    assert ledger.claim_deliveries("PACS", "s1", LEASE_S, 10) == []
    clock.advance(8)
    (again,) = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    assert (again.id, again.attempts, again.reason) == (delivery.id, 2, "no connection")
    assert ledger.next_due("PACS") is None


def test_a_refusal_fails_the_job_once_nothing_waits_any_more(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="AB")
    first, second = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    ledger.refused(first.id, "s1", 0xA900, "PACS: will not take it")
    assert state(ledger, job_id) is JobState.BUILT
    ledger.delivered(second.id, "s1", 0x0000)
    job = ledger.job(job_id)
    assert job is not None
    assert (job.state, job.reason) == (JobState.FAILED, "PACS: will not take it")
    assert [d.state for d in ledger.deliveries(job_id)] == [
        DeliveryState.REFUSED,
        DeliveryState.DELIVERED,
    ]


@pytest.mark.parametrize(
    "report",
    [
        lambda ledger, delivery: ledger.delivered(delivery, "s1", 0),
        lambda ledger, delivery: ledger.retry(delivery, "s1", None, "r", START),
        lambda ledger, delivery: ledger.refused(delivery, "s1", None, "r"),
    ],
    ids=["delivered", "retry", "refused"],
)
def test_a_sender_that_lost_its_delivery_can_report_nothing(
    ledger: Ledger, clock: Clock, report: Callable[[Ledger, int], None]
) -> None:
    built(ledger, "PACS", roles="A")
    (delivery,) = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    clock.advance(LEASE_S + 1)
    assert ledger.free_expired_deliveries() == [delivery.id]
    with pytest.raises(LeaseLost):
        report(ledger, delivery.id)
    assert ledger.next_due("PACS") == clock.now


def test_the_deliveries_of_a_dead_sender_are_due_at_once(ledger: Ledger) -> None:
    built(ledger, "PACS", "RESEARCH", roles="A")
    (dead,) = ledger.claim_deliveries("PACS", "dead", LEASE_S, 10)
    ledger.claim_deliveries("RESEARCH", "alive", LEASE_S, 10)
    assert ledger.free_deliveries_of([]) == []
    assert ledger.free_deliveries_of(["dead"]) == [dead.id]
    (again,) = ledger.claim_deliveries("PACS", "s2", LEASE_S, 10)
    assert (again.id, again.attempts) == (dead.id, 2)


def test_after_an_outage_everything_of_that_destination_is_due(
    ledger: Ledger, clock: Clock
) -> None:
    built(ledger, "PACS", "RESEARCH", roles="AB")
    for destination in ("PACS", "RESEARCH"):
        for delivery in ledger.claim_deliveries(destination, "s1", LEASE_S, 10):
            ledger.retry(delivery.id, "s1", None, "away", clock.now + timedelta(hours=1))
    assert ledger.make_due("PACS") == 2
    assert len(ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)) == 2
    assert ledger.claim_deliveries("RESEARCH", "s1", LEASE_S, 10) == []


# What leaves before the job is built


def test_what_is_handed_over_leaves_while_the_worker_goes_on(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handed_over(job.id, "w1", [output("SEG"), output("SR")], to("PACS"))
    assert state(ledger, job.id) is JobState.ANALYZING
    for delivery in ledger.claim_deliveries("PACS", "s1", LEASE_S, 10):
        ledger.delivered(delivery.id, "s1", 0x0000)
    assert state(ledger, job.id) is JobState.ANALYZING
    ledger.built(job.id, "w1", [output("SC")], to("PACS", roles=["SC"]))
    assert state(ledger, job.id) is JobState.BUILT
    (last,) = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    ledger.delivered(last.id, "s1", 0x0000)
    assert state(ledger, job.id) is JobState.DELIVERED


def test_a_job_whose_every_output_has_arrived_ends_when_it_is_built(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handed_over(job.id, "w1", [output("SR")], to("PACS"))
    (delivery,) = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    ledger.delivered(delivery.id, "s1", 0x0000)
    ledger.built(job.id, "w1", [], to("PACS"))
    assert state(ledger, job.id) is JobState.DELIVERED


def test_a_second_try_hands_nothing_over_twice(ledger: Ledger) -> None:
    job = claimed(ledger, "dead")
    first = ledger.handed_over(job.id, "dead", [output("SEG"), output("SR")], to("PACS"))
    (seg, _) = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    ledger.delivered(seg.id, "s1", 0x0000)
    ledger.free_leases_of(["dead"])
    assert ledger.claim_job(job.id, "w1", LEASE_S) is not None
    again = ledger.handed_over(job.id, "w1", [output("SEG"), output("SR")], to("PACS"))
    assert again == first
    ledger.built(job.id, "w1", [output("SC")], to("PACS", roles=["SC"]))
    assert [(d.role, d.state) for d in ledger.deliveries(job.id)] == [
        ("SEG", DeliveryState.DELIVERED),
        ("SR", DeliveryState.WAITING),
        ("SC", DeliveryState.WAITING),
    ]


@pytest.mark.parametrize("end", ["failed", "skipped"])
def test_what_a_job_without_a_result_has_to_say_changes_nothing_of_it(
    ledger: Ledger, end: str
) -> None:
    jobs = [claimed(ledger, number=number) for number in (1, 2)]
    for job, number in zip(jobs, (1, 2), strict=True):
        built, routes = [output("SR", number)], to("PACS")
        getattr(ledger, end)(job.id, "w1", "the reason", built=built, routes=routes)
    first, second = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
    ledger.delivered(first.id, "s1", 0x0000)
    ledger.refused(second.id, "s1", 0xA900, "PACS: will not take it")
    for job in jobs:
        ended = ledger.job(job.id)
        assert ended is not None
        assert (ended.state, ended.reason) == (JobState[end.upper()], "the reason")


# What a destination does not accept

CHAIN = Route("PACS", ["SEG", "SR", "SC"], {"PR": "SEG", "SR2D": "SR", "DOC": "SR2D"})
ROLES = ("SEG", "SR", "SR2D", "SC", "PR", "DOC")


def states(ledger: Ledger, job_id: int) -> dict[str, str]:
    return {d.role: d.state.value for d in ledger.deliveries(job_id)}


def taken(ledger: Ledger, destination: str = "PACS") -> dict[str, int]:
    batch = ledger.claim_deliveries(destination, "s1", LEASE_S, 10)
    return {delivery.role: delivery.id for delivery in batch}


def with_reserves(ledger: Ledger) -> int:
    job = claimed(ledger)
    ledger.built(job.id, "w1", [output(role) for role in ROLES], [CHAIN])
    return job.id


def test_what_is_kept_in_reserve_is_not_sent_and_not_waited_for(ledger: Ledger) -> None:
    job_id = with_reserves(ledger)
    batch = taken(ledger)
    assert list(batch) == ["SEG", "SR", "SC"]
    for delivery_id in batch.values():
        ledger.delivered(delivery_id, "s1", 0x0000)
    assert state(ledger, job_id) is JobState.DELIVERED
    assert ledger.next_due("PACS") is None
    stand_ins = {d.role: d.stands_in_for for d in ledger.deliveries(job_id)}
    assert stand_ins == {"SEG": None, "SR": None, "SC": None, **CHAIN.reserves}


def test_the_next_best_is_sent_and_said(ledger: Ledger) -> None:
    job_id = with_reserves(ledger)
    batch = taken(ledger)
    refused = ledger.refused(batch["SEG"], "s1", None, "PACS does not accept SEG", "PR")
    assert refused is DeliveryState.SUBSTITUTED
    ledger.delivered(batch["SR"], "s1", 0x0000)
    ledger.delivered(batch["SC"], "s1", 0x0000)
    assert state(ledger, job_id) is JobState.BUILT
    (instead,) = taken(ledger).items()
    assert instead[0] == "PR"
    ledger.delivered(instead[1], "s1", 0x0000)
    assert state(ledger, job_id) is JobState.DELIVERED
    assert states(ledger, job_id)["SEG"] == "SUBSTITUTED"
    (said,) = ledger.summary().substitutions
    assert said == Substitution("PACS does not accept SEG: PR is sent instead", 1, START)
    events = happened(ledger, job_id)
    assert "not accepted, another is sent instead" in events
    assert "sent instead of what is not accepted" in events


def test_what_is_sent_anyway_stands_in_as_well(ledger: Ledger) -> None:
    job_id = with_reserves(ledger)
    batch = taken(ledger)
    for role in ("SR", "SC"):
        ledger.delivered(batch[role], "s1", 0x0000)
    ledger.refused(batch["SEG"], "s1", None, "no SEG", "PR")
    ledger.refused(taken(ledger)["PR"], "s1", None, "no PR", "SC")
    assert state(ledger, job_id) is JobState.DELIVERED
    assert states(ledger, job_id) == {
        "SEG": "SUBSTITUTED", "SR": "DELIVERED", "SR2D": "RESERVE",
        "SC": "DELIVERED", "PR": "SUBSTITUTED", "DOC": "RESERVE",
    }  # fmt: skip


def test_where_nothing_is_left_to_send_the_job_fails(ledger: Ledger) -> None:
    job_id = with_reserves(ledger)
    batch = taken(ledger)
    ledger.delivered(batch["SR"], "s1", 0x0000)
    assert ledger.refused(batch["SC"], "s1", None, "no SC") is DeliveryState.REFUSED
    ledger.refused(batch["SEG"], "s1", None, "no SEG", "PR")
    # The overlay, which would be next, has been refused as well.
    assert ledger.refused(taken(ledger)["PR"], "s1", None, "no PR", "SC") is DeliveryState.REFUSED
    job = ledger.job(job_id)
    assert job is not None
    assert (job.state, job.reason) == (JobState.FAILED, "no SC")


def test_a_stand_in_that_is_still_to_be_built_goes_as_soon_as_it_is(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handed_over(job.id, "w1", [output("SEG"), output("SR")], [CHAIN])
    batch = taken(ledger)
    refused = ledger.refused(batch["SEG"], "s1", None, "no SEG", "PR")
    assert refused is DeliveryState.SUBSTITUTED
    ledger.delivered(batch["SR"], "s1", 0x0000)
    ledger.built(job.id, "w1", [output(role) for role in ("SR2D", "SC", "PR", "DOC")], [CHAIN])
    assert sorted(taken(ledger)) == ["PR", "SC"]


def test_of_a_job_that_ended_without_it_no_stand_in_is_hoped_for(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handed_over(job.id, "w1", [output("SEG"), output("SR")], [CHAIN])
    ledger.failed(job.id, "w1", "the overlay is not valid")
    batch = taken(ledger)
    assert ledger.refused(batch["SEG"], "s1", None, "no", "PR") is DeliveryState.REFUSED


def test_one_destinations_refusal_is_not_anothers(ledger: Ledger) -> None:
    job = claimed(ledger)
    other = replace(CHAIN, destination="OTHER")
    ledger.built(job.id, "w1", [output(role) for role in ROLES], [CHAIN, other])
    ledger.refused(taken(ledger)["SEG"], "s1", None, "no SEG", "PR")
    assert "PR" in taken(ledger)
    assert list(taken(ledger, "OTHER")) == ["SEG", "SR", "SC"]


def test_a_refusal_that_meets_the_hand_over_lets_the_stand_in_go(ledger: Ledger) -> None:
    """Whichever of the two commits first."""
    handed = []
    for number in range(12):
        job = claimed(ledger, number=number)
        ledger.handed_over(job.id, "w1", [output("SEG", number)], [CHAIN])
        (delivery,) = ledger.claim_deliveries("PACS", "s1", LEASE_S, 1)
        handed.append((job.id, number, delivery.id))
    barrier = threading.Barrier(2, timeout=30)

    def refuse() -> None:
        for _, _, delivery_id in handed:
            barrier.wait()
            ledger.refused(delivery_id, "s1", None, "no SEG", "PR")

    def build() -> None:
        for job_id, number, _ in handed:
            barrier.wait()
            ledger.built(job_id, "w1", [output("PR", number)], [CHAIN])

    with ThreadPoolExecutor(2) as pool:
        for run in [pool.submit(refuse), pool.submit(build)]:
            run.result()
    for job_id, _, _ in handed:
        assert states(ledger, job_id) == {"SEG": "SUBSTITUTED", "PR": "WAITING"}


# The health of the whole


def test_the_summary_shows_the_node_at_a_glance(ledger: Ledger, clock: Clock) -> None:
    assert ledger.summary().oldest_waiting_age_s is None
    built(ledger, "PACS", "RESEARCH", roles="AB", number=1)
    skipped, failed = claimed(ledger, number=2), claimed(ledger, number=3)
    ledger.skipped(skipped.id, "w1", "a lateral view")
    clock.advance(1)
    ledger.failed(failed.id, "w1", "undecodable")
    ledger.accept(instance(4), PIPELINE)
    clock.advance(30)
    ledger.accept(instance(5), PIPELINE)
    summary = ledger.summary()
    assert summary.counts == {
        JobState.RECEIVED: 2,
        JobState.ANALYZING: 0,
        JobState.BUILT: 1,
        JobState.DELIVERED: 0,
        JobState.SKIPPED: 1,
        JobState.FAILED: 1,
    }
    assert summary.oldest_waiting_age_s == 30
    assert summary.deliveries_waiting == {"PACS": 2, "RESEARCH": 2}
    assert [(f.sop_instance_uid, f.state, f.reason) for f in summary.failures] == [
        ("1.2.3.3", JobState.FAILED, "undecodable"),
        ("1.2.3.2", JobState.SKIPPED, "a lateral view"),
    ]


# The transition tables


@pytest.mark.parametrize(("before", "event"), list(product(JobState, Event)))
def test_a_job_changes_only_as_its_table_says(before: JobState, event: Event) -> None:
    if (before, event) in JOB_TRANSITIONS:
        assert job_after(before, event) is JOB_TRANSITIONS[before, event]
    else:
        with pytest.raises(IllegalTransition, match=f"a job that is {before}"):
            job_after(before, event)


@pytest.mark.parametrize(("before", "event"), list(product(DeliveryState, Event)))
def test_a_delivery_changes_only_as_its_table_says(before: DeliveryState, event: Event) -> None:
    if (before, event) in DELIVERY_TRANSITIONS:
        assert delivery_after(before, event) is DELIVERY_TRANSITIONS[before, event]
    else:
        with pytest.raises(IllegalTransition, match=f"a delivery that is {before}"):
            delivery_after(before, event)


def test_nothing_leaves_a_final_state() -> None:
    final = {JobState.DELIVERED, JobState.SKIPPED, JobState.FAILED}
    assert not [before for before, _ in JOB_TRANSITIONS if before in final]
    arrived = {DeliveryState.DELIVERED, DeliveryState.REFUSED, DeliveryState.SUBSTITUTED}
    assert not [before for before, _ in DELIVERY_TRANSITIONS if before in arrived]


# Races


def accept_and_claim(url: str, worker: str, count: int) -> tuple[list[int], list[int]]:
    """One process of several on the same instances: the jobs it was first to accept, to claim."""
    with closing(Ledger.open(url)) as ledger:
        accepted = [ledger.accept(instance(number), PIPELINE) for number in range(count)]
        jobs = [ledger.claim_job(a.job_id, worker, LEASE_S) for a in accepted]
    return [a.job_id for a in accepted if a.is_new], [job.id for job in jobs if job]


def test_processes_that_race_make_one_job_of_an_instance_and_claim_it_once(
    ledger_url: str,
) -> None:
    count, workers = 25, [f"w{number}" for number in range(4)]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(workers), mp_context=spawn) as pool:
        # The ledger does not exist yet: they race to make it, too.
        runs = [pool.submit(accept_and_claim, ledger_url, worker, count) for worker in workers]
        results = [run.result() for run in runs]
    made = [job_id for accepted, _ in results for job_id in accepted]
    taken = [job_id for _, claims in results for job_id in claims]
    assert len(made) == len(set(made)) == count
    assert sorted(taken) == sorted(made)


def test_two_destinations_that_finish_at_once_end_the_job(ledger: Ledger) -> None:
    destinations = ("A", "B", "C")
    job_ids = [built(ledger, *destinations, roles="S", number=number) for number in range(8)]

    def deliver(destination: str) -> None:
        for _ in job_ids:
            (delivery,) = ledger.claim_deliveries(destination, destination, LEASE_S, 1)
            barrier.wait()
            ledger.delivered(delivery.id, destination, 0x0000)

    barrier = threading.Barrier(len(destinations), timeout=30)
    with ThreadPoolExecutor(len(destinations)) as pool:
        list(pool.map(deliver, destinations))
    assert {state(ledger, job_id) for job_id in job_ids} == {JobState.DELIVERED}


def test_two_senders_of_one_destination_never_take_the_same_delivery(ledger: Ledger) -> None:
    for number in range(10):
        built(ledger, "PACS", roles="AB", number=number)

    def take(owner: str) -> list[int]:
        taken: list[int] = []
        while ledger.next_due("PACS"):
            taken += [d.id for d in ledger.claim_deliveries("PACS", owner, LEASE_S, 3)]
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [delivery for ids in pool.map(take, "abcd") for delivery in ids]
    assert len(taken) == len(set(taken)) == 20


# Migrations


def sqlalchemy_url(ledger_url: str) -> str:
    return ledger_url.replace("postgresql://", "postgresql+psycopg://")


def test_the_migrations_make_exactly_the_schema_of_the_code(
    ledger: Ledger, ledger_url: str
) -> None:
    del ledger  # it has made the tables
    engine = create_engine(sqlalchemy_url(ledger_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_head_that_the_code_knows_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_first_ledger_is_migrated_and_goes_on_where_it_was(ledger_url: str) -> None:
    engine = create_engine(sqlalchemy_url(ledger_url))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in FIRST_LEDGER:
            connection.execute(text(statement), {"at": START})
    engine.dispose()
    with closing(Ledger.open(ledger_url)) as ledger:
        assert state(ledger, 1) is JobState.BUILT
        (delivery,) = ledger.claim_deliveries("PACS", "s1", LEASE_S, 10)
        assert (delivery.role, delivery.stands_in_for) == ("SEG", None)
        ledger.delivered(delivery.id, "s1", 0x0000)
        assert state(ledger, 1) is JobState.DELIVERED


#: A job that waits for its delivery, as the first version of the ledger wrote it.
FIRST_LEDGER = (
    "INSERT INTO jobs (id, pipeline, state, attempts, deaths, due_at, received_at, updated_at,"
    " sop_class_uid, sop_instance_uid, study_instance_uid, series_instance_uid,"
    " transfer_syntax_uid, calling_aet, path, sha256, size_bytes) VALUES"
    " (1, 'p', 'BUILT', 1, 0, :at, :at, :at, '1.1', '1.2', '1.3', '1.4', '1.5', 'A', 'b', 'c', 9)",
    "INSERT INTO outputs (id, job_id, role, sop_class_uid, sop_instance_uid, series_instance_uid,"
    " transfer_syntax_uid, path, sha256, size_bytes) VALUES"
    " (1, 1, 'SEG', '1.1', '1.6', '1.7', '1.5', 'd', 'e', 9)",
    "INSERT INTO deliveries (id, job_id, output_id, destination, study_instance_uid, state,"
    " attempts, due_at, updated_at) VALUES (1, 1, 1, 'PACS', '1.3', 'WAITING', 0, :at, :at)",
)


def test_a_ledger_newer_than_the_code_is_refused(ledger: Ledger, ledger_url: str) -> None:
    ledger.close()
    engine = create_engine(sqlalchemy_url(ledger_url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    engine.dispose()
    with pytest.raises(UsageError, match="schema 0999"):
        Ledger.open(ledger_url)


def test_a_reopened_ledger_knows_what_it_knew(ledger_url: str) -> None:
    with closing(Ledger.open(ledger_url)) as ledger:
        job_id = ledger.accept(instance(), PIPELINE).job_id
    with closing(Ledger.open(ledger_url)) as ledger:
        assert state(ledger, job_id) is JobState.RECEIVED
        assert [job.id for job in ledger.find("1.2.3.1")] == [job_id]


# A database that goes away


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_a_url_that_names_no_ledger_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError):
        Ledger.open(url)


def test_a_database_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable):
        Ledger.open("postgresql://nobody@127.0.0.1:1/nothing")
    (tmp_path / "ledger").write_bytes(b"not a database, but long enough to have a header" * 99)
    with pytest.raises(LedgerUnavailable, match="not a database"):
        Ledger.open(f"sqlite:///{tmp_path / 'ledger'}")


def test_a_sqlite_ledger_that_another_process_holds_is_unavailable_for_as_long(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}?timeout=0.1"
    holder = create_engine(url)
    with closing(Ledger.open(url)) as ledger:
        with holder.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.execute(update(jobs).values(attempts=0))
            with pytest.raises(LedgerUnavailable, match="locked"):
                ledger.accept(instance(), PIPELINE)
            connection.rollback()
        assert ledger.accept(instance(), PIPELINE).is_new
    holder.dispose()


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_postgresql_that_drops_every_connection_is_used_again(
    ledger: Ledger, ledger_url: str
) -> None:
    ledger.accept(instance(1), PIPELINE)
    with psycopg.connect(ledger_url, autocommit=True) as server:
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert ledger.accept(instance(2), PIPELINE).is_new


def test_what_was_not_committed_is_not_there(ledger: Ledger) -> None:
    job = claimed(ledger)
    broken = replace(output("SR"), path=None)  # type: ignore[arg-type]  # what the schema refuses
    with pytest.raises(Exception, match=r"(?i)not.null"):
        ledger.built(job.id, "w1", [output("SEG"), broken], to("PACS"))
    assert state(ledger, job.id) is JobState.ANALYZING
    assert happened(ledger, job.id) == ["received", "claimed"]


def test_sqlite_holds_to_foreign_keys_and_syncs_every_commit(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    with closing(Ledger.open(url)) as ledger, ledger._read() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert pragmas == ["wal", 2, 1, 10_000]
