"""Whose turn it is: the order that priorities give, and the cap on how long anybody waits."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest

from dicom_node.ledger import Job, JobState, Ledger, Priority, Route, Turns
from tests.dicom_node.ledger.records import (
    LEASE_S,
    PIPELINE,
    START,
    Clock,
    fail,
    happened,
    instance,
    job_of,
    output,
)

STAT, ROUTINE, LOW = Priority
LONGEST_S = 100.0


def turns() -> Turns:
    return Turns(LONGEST_S)


# The rule itself


def served(by: Turns, waits_s: dict[Priority, float], count: int) -> list[Priority | None]:
    """Whose turns come, where the first of each class has waited so long."""
    due = {priority: START - timedelta(seconds=waited) for priority, waited in waits_s.items()}
    return [by.next(due, START) for _ in range(count)]


def test_the_most_urgent_goes_first() -> None:
    assert served(turns(), {LOW: 90, ROUTINE: 90, STAT: 1}, 3) == [STAT] * 3
    assert served(turns(), {LOW: 90, ROUTINE: 1}, 2) == [ROUTINE] * 2
    assert turns().next({}, START) is None


def test_what_has_waited_too_long_takes_turns_with_the_most_urgent() -> None:
    assert served(turns(), {ROUTINE: 101, STAT: 1}, 4) == [STAT, ROUTINE] * 2
    assert served(turns(), {LOW: 500, ROUTINE: 101, STAT: 1}, 6) == [STAT, ROUTINE, LOW] * 2


def test_thousands_that_are_too_late_hold_up_nothing_urgent() -> None:
    late = turns()
    assert served(late, {ROUTINE: 3600}, 50) == [ROUTINE] * 50
    assert served(late, {ROUTINE: 3600, STAT: 0}, 1) == [STAT]


# Jobs


def accept(ledger: Ledger, number: int, priority: Priority = ROUTINE) -> int:
    return ledger.jobs.accept(instance(number), PIPELINE, priority).job_id


def claim(ledger: Ledger, by: Turns | None = None, owner: str = "w1") -> int | None:
    job = ledger.jobs.claim_next(PIPELINE, owner, LEASE_S, by or turns())
    return None if job is None else job.id


def claims(ledger: Ledger, by: Turns, count: int) -> list[int | None]:
    return [claim(ledger, by) for _ in range(count)]


def test_a_worker_is_given_the_most_urgent_and_of_these_the_oldest(
    ledger: Ledger, clock: Clock
) -> None:
    backlog = [accept(ledger, number, LOW) for number in (1, 2)]
    clock.advance(1)
    routine = [accept(ledger, number) for number in (3, 4)]
    clock.advance(1)
    stat = [accept(ledger, number, STAT) for number in (5, 6)]
    assert claims(ledger, turns(), 7) == [*stat, *routine, *backlog, None]


def test_what_waits_too_long_is_not_held_up_by_a_stream_of_stat(
    ledger: Ledger, clock: Clock
) -> None:
    routine = [accept(ledger, number) for number in (1, 2)]
    by = turns()
    for number in range(10, 10 + int(LONGEST_S) // 10 + 1):
        stat = accept(ledger, number, STAT)
        assert claim(ledger, by) == stat
        clock.advance(10)
    more = [accept(ledger, number, STAT) for number in (50, 51, 52)]
    assert claims(ledger, by, 5) == [routine[0], more[0], routine[1], more[1], more[2]]


def test_only_what_is_due_and_of_the_pipeline_has_a_turn(ledger: Ledger, clock: Clock) -> None:
    put_off = accept(ledger, 1, STAT)
    assert claim(ledger) == put_off
    ledger.jobs.released(put_off, "w1", "disk full", clock.now + timedelta(seconds=30))
    ledger.jobs.accept(instance(2), "another", STAT)
    low = accept(ledger, 3, LOW)
    assert claims(ledger, turns(), 2) == [low, None]
    clock.advance(30)
    assert claim(ledger) == put_off


def test_what_came_this_moment_is_due_by_a_clock_that_is_a_little_behind(
    ledger: Ledger, ledger_url: str
) -> None:
    """The bell has rung, and would not again until recovery looks."""
    accepted = accept(ledger, 1)
    behind = Clock()
    behind.advance(-0.2)
    with closing(Ledger.open(ledger_url, behind)) as of_worker:
        assert claim(of_worker) == accepted


def test_a_claim_is_as_any_other(ledger: Ledger) -> None:
    job = ledger.jobs.claim_next(PIPELINE, "w1", LEASE_S, turns())
    assert job is None
    job_id = accept(ledger, 1, STAT)
    job = ledger.jobs.claim_next(PIPELINE, "w1", LEASE_S, turns())
    assert job is not None
    assert (job.id, job.state, job.owner, job.attempts) == (job_id, JobState.ANALYZING, "w1", 1)
    assert job.priority is STAT
    assert happened(ledger, job_id) == ["received", "claimed"]


def test_a_claim_whose_answer_was_lost_is_not_made_twice(ledger: Ledger) -> None:
    first, second = accept(ledger, 1), accept(ledger, 2, STAT)
    assert claim(ledger) == second
    again = ledger.jobs.claim_next(PIPELINE, "w1", LEASE_S, turns(), is_repeated=True)
    assert again is not None
    assert again.id == second
    assert happened(ledger, second) == ["received", "claimed"]
    # Where it was lost on the way there, the repetition is the first.
    other = ledger.jobs.claim_next(PIPELINE, "w2", LEASE_S, turns(), is_repeated=True)
    assert other is not None
    assert other.id == first


def test_whose_worker_died_keeps_its_place_in_the_line(ledger: Ledger, clock: Clock) -> None:
    first = accept(ledger, 1)
    clock.advance(1)
    accept(ledger, 2)
    assert claim(ledger, owner="dead") == first
    clock.advance(1)
    ledger.jobs.free_of(["dead"])
    assert claim(ledger) == first


# Another class


def test_a_person_lets_one_go_first(ledger: Ledger, clock: Clock) -> None:
    accept(ledger, 1)
    clock.advance(1)
    asked = accept(ledger, 2)
    assert ledger.ranking.rank(asked, STAT, "me@host")
    assert not ledger.ranking.rank(asked, STAT, "me@host")
    assert not ledger.ranking.rank(999, STAT, "me@host")
    last = ledger.reports.events(asked)[-1]
    assert (last.event, last.owner, last.detail) == (
        "given another priority", "me@host", "ROUTINE to STAT",
    )  # fmt: skip
    assert claim(ledger) == asked


def test_an_image_is_as_urgent_as_it_ever_came(ledger: Ledger) -> None:
    job_id = accept(ledger, 1, LOW)
    ledger.jobs.accept(instance(1), PIPELINE, STAT, "sent by ER")
    assert job_of(ledger, job_id).priority is STAT
    assert ledger.reports.events(job_id)[1].detail == "LOW to STAT: it came again, sent by ER"
    ledger.jobs.accept(instance(1, sha256="ff" * 32), PIPELINE, ROUTINE)
    assert job_of(ledger, job_id).priority is STAT


def test_what_is_requeued_keeps_its_class(ledger: Ledger) -> None:
    job_id = accept(ledger, 1, LOW)
    job = claimed(ledger)
    fail(ledger, job)
    assert ledger.requeue.repeat([job_id], PIPELINE, "me@host") == [job_id]
    assert job_of(ledger, job_id).priority is LOW


def claimed(ledger: Ledger) -> Job:
    job = ledger.jobs.claim_next(PIPELINE, "w1", LEASE_S, turns())
    assert job is not None
    return job


def test_how_many_wait_is_said_of_each_class(ledger: Ledger, clock: Clock) -> None:
    for number, priority in enumerate((LOW, LOW, STAT)):
        accept(ledger, number, priority)
        clock.advance(10)
    waiting = ledger.reports.summary().waiting
    assert [(one, line.count, line.oldest_s) for one, line in waiting.items()] == [
        (STAT, 1, 10.0), (LOW, 2, 30.0),
    ]  # fmt: skip


# Deliveries


def build(ledger: Ledger, number: int, priority: Priority = ROUTINE) -> int:
    """A job of a study of its own whose two results wait for the archive."""
    study = f"1.2.9.{number}"
    arrived = instance(number, study_instance_uid=study)
    job_id = ledger.jobs.accept(arrived, PIPELINE, priority).job_id
    assert ledger.jobs.claim(job_id, PIPELINE, "w1", LEASE_S)
    outputs = [output(role, number) for role in ("SEG", "SR")]
    ledger.handover.built(job_id, "w1", outputs, [Route("PACS", ["SEG", "SR"])])
    return job_id


def sent(ledger: Ledger, by: Turns, count: int) -> list[int]:
    """Whose results a sender takes, visit by visit."""
    found = []
    for _ in range(count):
        batch = ledger.deliveries.claim("PACS", "s1", LEASE_S, 32, by)
        assert [one.role for one in batch] == ["SEG", "SR"]
        found += list(dict.fromkeys(one.job_id for one in batch))
    return found


def test_the_results_of_the_most_urgent_leave_first(ledger: Ledger, clock: Clock) -> None:
    low, routine = build(ledger, 1, LOW), build(ledger, 2)
    clock.advance(1)
    stat = build(ledger, 3, STAT)
    assert sent(ledger, turns(), 3) == [stat, routine, low]
    assert ledger.deliveries.claim("PACS", "s1", LEASE_S, 32, turns()) == []


def test_results_that_wait_too_long_take_turns_too(ledger: Ledger, clock: Clock) -> None:
    low = build(ledger, 1, LOW)
    clock.advance(LONGEST_S + 1)
    stat = [build(ledger, number, STAT) for number in (2, 3)]
    assert sent(ledger, turns(), 3) == [stat[0], low, stat[1]]


def test_who_is_let_go_first_is_so_on_the_whole_way(ledger: Ledger, clock: Clock) -> None:
    build(ledger, 1)
    clock.advance(1)
    asked = build(ledger, 2)
    assert ledger.ranking.rank(asked, STAT, "me@host")
    assert sent(ledger, turns(), 1) == [asked]


@pytest.mark.parametrize("priorities", [(ROUTINE,) * 15, (STAT, ROUTINE, LOW) * 5])
def test_workers_at_once_are_given_each_job_once(
    ledger_url: str, priorities: Iterable[Priority]
) -> None:
    # SQLite's lock is fought for, and a busy machine is slow.
    patient = "?timeout=60" if ledger_url.startswith("sqlite") else ""
    with closing(Ledger.open(ledger_url + patient)) as ledger:
        ids = [accept(ledger, number, one) for number, one in enumerate(priorities)]

        def work(owner: str) -> list[int]:
            by, found = turns(), []
            while job := ledger.jobs.claim_next(PIPELINE, owner, LEASE_S, by):
                found.append(job.id)
            return found

        with ThreadPoolExecutor(3) as pool:
            taken = [job_id for found in pool.map(work, "abc") for job_id in found]
    assert sorted(taken) == ids
