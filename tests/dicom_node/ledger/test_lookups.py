"""What a person looks up, on SQLite and on PostgreSQL."""

from datetime import timedelta

import pytest

from dicom_node.ledger import Filter, Ledger, Origin, Progress
from tests.dicom_node.ledger.records import (
    PIPELINE,
    START,
    Clock,
    built,
    claimed,
    instance,
    output,
    to,
)


def received(ledger: Ledger, number: int, accession: str = "", patient: str = "") -> int:
    stored = instance(number, origin=Origin(accession, patient))
    return ledger.jobs.accept(stored, PIPELINE).job_id


def listed(ledger: Ledger, asked: Filter) -> list[int]:
    return [job.id for job in ledger.lookups.jobs(asked, 10)]


def test_jobs_are_those_that_meet_all_conditions(ledger: Ledger, clock: Clock) -> None:
    first = received(ledger, 1, "A-1")
    clock.advance(3600)
    second = received(ledger, 2, "A-2")
    assert listed(ledger, Filter()) == [second, first]
    assert listed(ledger, Filter(accession_numbers=["A-1", "A-3"])) == [first]
    assert listed(ledger, Filter(since=START + timedelta(minutes=1))) == [second]
    assert listed(ledger, Filter(ids=[first], accession_numbers=["A-2"])) == []
    assert [job.id for job in ledger.lookups.jobs(Filter(), 1)] == [second]


def test_states_are_those_of_jobs_and_of_their_deliveries(ledger: Ledger) -> None:
    waiting, refused = built(ledger, "PACS", number=1), built(ledger, "OTHER", number=2)
    for delivery in ledger.deliveries.claim("OTHER", "s1", 60.0, 10):
        ledger.deliveries.refused(delivery.id, "s1", 0xC000, "refused")
    failed = claimed(ledger, number=3).id
    ledger.handover.failed(failed, "w1", "undecodable")
    assert listed(ledger, Filter(states=["FAILED"])) == [failed]
    assert listed(ledger, Filter(states=["WAITING"])) == [waiting]
    assert listed(ledger, Filter(states=["REFUSED", "FAILED"])) == [failed, refused]
    assert listed(ledger, Filter(states=["BUILT"])) == [refused, waiting]
    found = {job.id: job.progress for job in ledger.lookups.jobs(Filter(), 10)}
    assert found == {waiting: Progress.WAITING, refused: Progress.INCOMPLETE, failed: None}


@pytest.mark.parametrize("text", ["A-1", "1.2.3.1", "2.25.1.SEG"])
def test_a_number_or_a_uid_means_one_job(ledger: Ledger, text: str) -> None:
    job = received(ledger, 1, "A-1", "hash of a patient")
    received(ledger, 2, "A-2")
    ledger.jobs.claim(job, PIPELINE, "w1", 60.0)
    ledger.handover.built(job, "w1", [output("SEG", 1)], to("PACS", roles=["SEG"]))
    assert ledger.lookups.meant_by(text, "another hash") == [job]
    assert ledger.lookups.meant_by("nothing", "hash of a patient") == [job]


def test_a_study_or_series_means_all_in_it_and_no_hash_means_nobody(ledger: Ledger) -> None:
    both = [received(ledger, 1), received(ledger, 2)]
    for uid in ("1.2.9", "1.2.9.1"):
        assert ledger.lookups.meant_by(uid, "") == both
    assert ledger.lookups.meant_by("4711", "") == []


def test_bytes_that_came_under_another_number_are_found_by_both(ledger: Ledger) -> None:
    job = received(ledger, 1, "A-1")
    other = instance(1, sha256="cd" * 32, origin=Origin("A-2"))
    ledger.jobs.accept(other, PIPELINE)
    for number in ("A-1", "A-2"):
        assert ledger.lookups.meant_by(number, "") == [job]
        assert listed(ledger, Filter(accession_numbers=[number])) == [job]
