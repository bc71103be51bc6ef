"""Instances and findings: what arrived, and what was found in it."""

from dataclasses import replace
from datetime import timedelta
from typing import Unpack

from dicom_node.ledger import (
    FindingsRecord,
    InstanceKind,
    Ledger,
    Origin,
    Search,
)
from tests.dicom_node.ledger.records import (
    LEASE_S,
    PIPELINE,
    START,
    Changes,
    Clock,
    claimed,
    instance,
    output,
    to,
)

ORIGIN = Origin("A-17", "ab" * 32, "2026-03-01T11:58:00", "ACME", "Shiny", "XR-2")
FOUND = FindingsRecord("positive", "infected pixels", 12.5, None, 12.5, ("one_lung_only",))

# Instances


def accepted(ledger: Ledger, number: int, **changes: Unpack[Changes]) -> None:
    ledger.jobs.accept(instance(number, **(Changes(origin=ORIGIN) | changes)), PIPELINE)


def numbers(ledger: Ledger, search: Search) -> list[str]:
    found = ledger.instances.find(search)
    return [one.stored.sop_instance_uid.rpartition(".")[2] for one in found]


def test_what_arrived_is_kept_as_it_was_said(ledger: Ledger) -> None:
    stored = replace(instance(), kind=InstanceKind.CORRECTION, origin=ORIGIN)
    ledger.jobs.accept(stored, PIPELINE)
    (found,) = ledger.instances.find(Search())
    assert (found.stored, found.received_at) == (stored, START)


def test_the_same_bytes_are_one_instance_and_other_bytes_another(
    ledger: Ledger, clock: Clock
) -> None:
    for sha256 in ("ab" * 32, "cd" * 32, "ab" * 32):
        accepted(ledger, 1, sha256=sha256)
        clock.advance(60)
    # For two pipelines it arrived once, too.
    ledger.jobs.accept(instance(1), "another")
    found = ledger.instances.find(Search(sop_instance_uids=["1.2.3.1"]))
    assert [one.stored.sha256[:2] for one in found] == ["cd", "ab"]
    assert found[1].received_at == START
    assert len(ledger.jobs.of_instance("1.2.3.1")) == 2


def test_instances_are_found_by_what_people_know_of_them(ledger: Ledger, clock: Clock) -> None:
    accepted(ledger, 1)
    clock.advance(60)
    accepted(ledger, 2, origin=Origin(accession_number="B-1"), study_instance_uid="1.2.8")
    accepted(ledger, 3, origin=Origin(), series_instance_uid="1.2.8.1")
    assert numbers(ledger, Search()) == ["3", "2", "1"]
    assert numbers(ledger, Search(accession_numbers=["A-17", "B-1"])) == ["2", "1"]
    assert numbers(ledger, Search(patient_hashes=["ab" * 32])) == ["1"]
    assert numbers(ledger, Search(study_instance_uids=["1.2.8"])) == ["2"]
    assert numbers(ledger, Search(series_instance_uids=["1.2.8.1"])) == ["3"]
    assert numbers(ledger, Search(since=START + timedelta(seconds=1))) == ["3", "2"]
    assert numbers(ledger, Search(["A-17"], study_instance_uids=["1.2.8"])) == []
    assert len(ledger.instances.find(Search(), limit=2)) == 2


def test_hostile_texts_are_kept_without_what_no_database_takes(ledger: Ledger) -> None:
    accepted(ledger, 1, origin=Origin(accession_number="A\0\ud800'; DROP TABLE jobs"))
    (found,) = ledger.instances.find(Search())
    assert found.stored.origin.accession_number == "A??'; DROP TABLE jobs"


# Findings


def test_findings_come_with_the_job_that_is_built(ledger: Ledger) -> None:
    job = claimed(ledger)
    assert ledger.findings.of_job(job.id) is None
    ledger.handover.built(job.id, "w1", [output("SR")], to("PACS"), FOUND)
    assert ledger.findings.of_job(job.id) == FOUND


def test_an_analysis_repeated_has_its_findings_once(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handover.built(job.id, "w1", [output("SR")], to("PACS"), FOUND)
    (delivery,) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 1)
    ledger.repairs.damaged(delivery.id, "s1", "cut short")
    ledger.jobs.claim(job.id, PIPELINE, "w1", LEASE_S)
    again = replace(FOUND, decision="negative", percent_left=0.0, cautions=())
    ledger.handover.built(job.id, "w1", [output("SR")], to("PACS"), again)
    assert ledger.findings.of_job(job.id) == again


def test_findings_are_of_the_issue_that_the_job_has(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handover.built(job.id, "w1", [output("SR")], to("PACS"), FOUND)
    ledger.jobs.accept(instance(sha256="cd" * 32), PIPELINE)
    assert ledger.findings.of_job(job.id) is None
    assert ledger.jobs.claim(job.id, PIPELINE, "w1", LEASE_S) is not None
    other = replace(FOUND, percent_left=80.0)
    ledger.handover.built(job.id, "w1", [output("SR", 2)], to("PACS"), other)
    assert ledger.findings.of_job(job.id) == other
