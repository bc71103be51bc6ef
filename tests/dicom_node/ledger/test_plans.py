"""What is asked again and again, or by somebody who waits, reads no whole table of SQLite.

Held by the plans, not by times: at a million jobs a look at each is seconds (tests.bench.ledger).
"""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from dicom_node.ledger import Filter, Kept, Ledger, Search, Selection
from tests.dicom_node.ledger.records import PIPELINE, START, instance

#: Tables with a row for each job, or several.
LARGE = ("jobs", "instances", "outputs", "deliveries", "events", "findings", "sources", "purged")
#: `SCAN deliveries USING COVERING INDEX ...` reads an index alone, in its order; the one of what
#: was replaced or withdrawn has nothing else in it.
SCANNED = re.compile(
    rf"SCAN ({'|'.join(LARGE)})\b(?! USING (COVERING INDEX|INDEX ix_events_changes))"
)


class Plans:
    """The plan of each statement that was sent, as SQLite explains it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def note(self, _connection: Any, cursor: Any, statement: str, given: Any, *_more: Any) -> None:
        if not statement.startswith(("PRAGMA", "BEGIN", "INSERT")):
            plan = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", given).fetchall()
            self.asked.append(f"{' ; '.join(row[3] for row in plan)}: {statement}")

    def scans(self) -> list[str]:
        return [asked for asked in self.asked if SCANNED.search(asked)]


@pytest.fixture
def plans(ledger: Ledger) -> Iterator[Plans]:
    """Of what is asked after the ledger was made."""
    del ledger
    plans = Plans()
    event.listen(Engine, "before_cursor_execute", plans.note)
    yield plans
    event.remove(Engine, "before_cursor_execute", plans.note)


Ask = Callable[[Ledger], object]


def jobs_meant_by(asked: Filter) -> Ask:
    return lambda ledger: ledger.lookups.jobs(asked, 50)


def requeued_by(asked: Selection) -> Ask:
    return lambda ledger: ledger.requeue.candidates(asked)


SOON = timedelta(seconds=1)
A_DAY_AGO = START - timedelta(days=1)
ASKED: dict[str, Ask] = {
    # The node, all the time.
    "accept": lambda ledger: ledger.jobs.accept(instance(9), PIPELINE),
    "accept again": lambda ledger: ledger.jobs.accept(instance(1), PIPELINE),
    "claim": lambda ledger: ledger.jobs.claim(1, PIPELINE, "w1", 60.0),
    "count_waiting": lambda ledger: ledger.jobs.count_waiting(),
    "waiting": lambda ledger: ledger.jobs.waiting(PIPELINE, 500, START),
    "free_expired": lambda ledger: ledger.jobs.free_expired(),
    "free_of": lambda ledger: ledger.jobs.free_of(["w1"]),
    "wait_no_longer_than": lambda ledger: ledger.jobs.wait_no_longer_than(SOON),
    "deliveries.claim": lambda ledger: ledger.deliveries.claim("PACS", "s1", 60.0, 32),
    "deliveries.next_due": lambda ledger: ledger.deliveries.next_due("PACS"),
    "deliveries.free_expired": lambda ledger: ledger.deliveries.free_expired(),
    "deliveries.free_of": lambda ledger: ledger.deliveries.free_of(["s1"]),
    "deliveries.give_up": lambda ledger: ledger.deliveries.give_up("PACS", 1.0),
    "deliveries.make_due": lambda ledger: ledger.deliveries.make_due("PACS"),
    "verifications.claim": lambda ledger: ledger.verifications.claim("PACS", 60.0, 32),
    "verifications.next_due": lambda ledger: ledger.verifications.next_due("PACS"),
    "verifications.silences": lambda ledger: ledger.verifications.silences(),
    "verifications.waive": lambda ledger: ledger.verifications.waive("PACS", "why"),
    "pruning.look": lambda ledger: ledger.pruning.look(Kept(START, START)),
    "pruning.forget": lambda ledger: ledger.pruning.forget(
        Kept(START, START), [1, 2], lambda _paths: None
    ),
    "marks.known": lambda ledger: ledger.marks.known(["1.2.3.1"]),
    # Its watch, and Prometheus.
    "figures": lambda ledger: ledger.gauges.figures(),
    "totals": lambda ledger: ledger.tallies.totals(),
    "fold": lambda ledger: ledger.tallies.fold(),
    "alerts.is_due": lambda ledger: ledger.alerts.is_due("", 30.0),
    "notices.claim": lambda ledger: ledger.notices.claim(["email"]),
    "drifts.is_due": lambda ledger: ledger.drifts.is_due(86400.0),
    "examinations.since": lambda ledger: list(ledger.examinations.since(A_DAY_AGO, PIPELINE)),
    "examinations.reaches_back_to": lambda ledger: ledger.examinations.reaches_back_to(
        A_DAY_AGO, PIPELINE
    ),
    # People, who wait for it.
    "quality": lambda ledger: ledger.quality.by_device(A_DAY_AGO, START),
    "summary": lambda ledger: ledger.reports.summary(),
    "destinations": lambda ledger: ledger.destinations.all(),
    "workers": lambda ledger: ledger.workers.all(),
    "backlog": lambda ledger: ledger.counts.backlog(A_DAY_AGO),
    "days": lambda ledger: ledger.counts.days([A_DAY_AGO, START]),
    "events": lambda ledger: ledger.reports.events(1),
    "of_job": lambda ledger: ledger.deliveries.of_job(1),
    "find": lambda ledger: ledger.lookups.meant_by("A-1", "hash"),
    "find purged": lambda ledger: ledger.pruning.purged(["1.2.3.1"], ["1.2.9"]),
    **{
        f"jobs {asked}": jobs_meant_by(asked)
        for asked in (
            *(Filter(states=[state]) for state in ("BUILT", "SKIPPED", "FAILED", "WAITING")),
            Filter(accession_numbers=["A-1"]),
            Filter(study_instance_uids=["1.2.9"]),
            Filter(since=A_DAY_AGO),
            Filter(states=["BUILT", "REFUSED"], since=A_DAY_AGO),
            Filter(states=["BUILT"], accession_numbers=["A-1"]),
        )
    },
    **{
        f"requeue {asked}": requeued_by(asked)
        for asked in (
            Selection(),
            Selection(states=["FAILED"], since=A_DAY_AGO),
            Selection(states=["DELIVERED"], study_instance_uids=["1.2.9"]),
            Selection(states=["DELIVERED"], accession_numbers=["A-1"]),
            Selection(states=["WITHDRAWN"], destinations=["PACS"]),
        )
    },
}


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_no_whole_table_is_read(ledger: Ledger, plans: Plans) -> None:
    wrong = {}
    for asked, ask in ASKED.items():
        plans.asked.clear()
        ask(ledger)
        if scans := plans.scans():
            wrong[asked] = scans
    assert wrong == {}


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_a_whole_table_that_is_read_is_seen(ledger: Ledger, plans: Plans) -> None:
    ledger.instances.find(Search(since=START))
    assert plans.scans()
