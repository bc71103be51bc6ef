"""What is in each stage, and what passed it: on SQLite and PostgreSQL."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from dicom_node.ledger import FindingsRecord, Ledger, Origin, Stage, Verify
from tests.dicom_node.ledger.records import (
    PIPELINE,
    START,
    Clock,
    built,
    claimed,
    deliver,
    fail,
    instance,
    output,
    to,
)

TEN_MINUTES = timedelta(minutes=10)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(ledger_url: str, clock: Clock) -> Iterator[Ledger]:
    with closing(Ledger.open(ledger_url, clock)) as opened:
        yield opened


def test_an_empty_node_has_nothing_in_any_stage(ledger: Ledger) -> None:
    stages = ledger.pace.stages()
    assert stages.analysis == stages.delivery == stages.verification == Stage(0, 0, 0, 0.0)
    assert ledger.pace.flow([START]).received == (0,)
    assert ledger.pace.turnarounds_s(START) == []


def test_each_stage_has_what_waits_what_is_in_hand_and_what_was_tried(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.jobs.accept(instance(1), PIPELINE)
    again = claimed(ledger, number=2)
    ledger.jobs.released(again.id, "w1", "no memory", clock.now)
    claimed(ledger, number=3)
    built(ledger, "PACS", roles="ABC", number=4)
    first, second, _ = ledger.deliveries.claim("PACS", "s1", 60, 10)
    ledger.deliveries.retry(first.id, "s1", 0xC000, "PACS: no", clock.now)
    ledger.deliveries.delivered(second.id, "s1", 0x0000, verify=Verify(60, 600))
    clock.advance(30)
    stages = ledger.pace.stages()
    assert stages.analysis == Stage(2, 1, 1, 30.0)
    assert stages.delivery == Stage(1, 1, 1, 30.0)
    assert stages.verification == Stage(1, 0, 0, 30.0)
    declined = ledger.pace.declined()["PACS"]
    assert (declined.count, declined.reason) == (1, "PACS: no")


def test_what_passed_is_counted_by_spans(ledger: Ledger, clock: Clock) -> None:
    for number in range(1, 8):
        job = claimed(ledger, number=number)
        if number % 2:
            fail(ledger, job)
        else:
            ledger.handover.built(job.id, "w1", [output("A", number)], to("PACS", roles="A"))
            clock.advance(5)
            deliver(ledger)
        clock.advance(200)
    begin = [START + ago * TEN_MINUTES for ago in range(3)]
    flow = ledger.pace.flow(begin)
    assert sum(flow.received) == 7
    assert flow.received == (3, 3, 1)
    assert (sum(flow.analysed), sum(flow.stored), sum(flow.confirmed)) == (7, 3, 0)
    # Of before the first span nothing counts.
    assert ledger.pace.flow(begin[1:]).received == (3, 1)
    assert sum(ledger.pace.flow(begin[2:]).analysed) == 1


def test_a_turnaround_is_until_the_last_result_was_first_stored(
    ledger: Ledger, clock: Clock
) -> None:
    built(ledger, "PACS", roles="AB")
    clock.advance(2)
    deliver(ledger, limit=1)
    clock.advance(3)
    deliver(ledger)
    assert ledger.pace.turnarounds_s(START) == [5.0]
    assert ledger.pace.turnarounds_s(START + timedelta(seconds=1)) == []


def test_decisions_and_arrivals_and_deaths(ledger: Ledger, clock: Clock) -> None:
    origin = Origin(station_name="ER 1")
    job_id = ledger.jobs.accept(instance(1, calling_aet="MOBILE", origin=origin), PIPELINE).job_id
    assert ledger.jobs.claim(job_id, PIPELINE, "w1", 60)
    found = FindingsRecord("negative", "nothing", 0.0, 0.0, 0.0)
    ledger.handover.built(job_id, "w1", [output("A")], to("PACS"), found)
    claimed(ledger, "w2", number=2)
    assert ledger.jobs.free_of(["w2"]) == [2]
    assert ledger.pace.decisions(START) == {"negative": 1}
    newest, oldest = ledger.pace.arrivals(START)
    assert (oldest.calling_aet, oldest.station_name, oldest.at) == ("MOBILE", "ER 1", START)
    assert newest.calling_aet == "PACS"
    assert ledger.pace.arrivals(START + timedelta(seconds=1)) == []
    assert ledger.pace.deaths(START) == 1
    clock.advance(5)
    assert ledger.pace.deaths(clock.now) == 0
