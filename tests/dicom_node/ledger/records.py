"""What the ledger's tests put into it, and a clock that stands still."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypedDict, Unpack

from dicom_node.ledger import (
    BuiltOutput,
    InstanceKind,
    Job,
    JobState,
    Ledger,
    Origin,
    Progress,
    Route,
    StoredInstance,
)

PIPELINE = "fpn-1"
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LEASE_S = 60.0
#: Hash of other bytes than those of `instance`.
OTHER = "ff" * 32


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Changes(TypedDict, total=False):
    """What of a stored instance is to be otherwise."""

    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    calling_aet: str
    path: str
    sha256: str
    origin: Origin
    kind: InstanceKind


def instance(number: int = 1, **changes: Unpack[Changes]) -> StoredInstance:
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
    return replace(made, **changes)


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
    job = ledger.jobs.claim(
        ledger.jobs.accept(instance(number), PIPELINE).job_id, PIPELINE, owner, LEASE_S
    )
    assert job is not None
    return job


def built(ledger: Ledger, *destinations: str, roles: str = "AB", number: int = 1) -> int:
    """A job whose outputs wait for the destinations; its id."""
    job = claimed(ledger, number=number)
    outputs = [output(role, number) for role in roles]
    ledger.handover.built(job.id, "w1", outputs, to(*destinations, roles=roles))
    return job.id


def state(ledger: Ledger, job_id: int) -> JobState:
    job = ledger.jobs.get(job_id)
    assert job is not None
    return job.state


def progress(ledger: Ledger, job_id: int) -> Progress:
    return ledger.deliveries.progress([job_id])[job_id]


def happened(ledger: Ledger, job_id: int) -> list[str]:
    return [entry.event for entry in ledger.reports.events(job_id)]


def corrected(sha256: str = OTHER) -> StoredInstance:
    """Other bytes of the first instance, of another study."""
    path = f"received/{sha256[:2]}/x.dcm"
    return instance(1, sha256=sha256, path=path, study_instance_uid="1.2.8")


def job_of(ledger: Ledger, job_id: int) -> Job:
    job = ledger.jobs.get(job_id)
    assert job is not None
    return job


def deliver(ledger: Ledger, destination: str = "PACS", limit: int = 10) -> list[str]:
    """What a sender gets there; the roles."""
    batch = ledger.deliveries.claim(destination, "s1", LEASE_S, limit)
    for delivery in batch:
        ledger.deliveries.delivered(delivery.id, "s1", 0x0000)
    return [delivery.role for delivery in batch]


def fail(ledger: Ledger, job: Job) -> None:
    ledger.handover.failed(job.id, "w1", "undecodable")


def skip(ledger: Ledger, job: Job) -> None:
    ledger.handover.skipped(job.id, "w1", "a lateral view")


def note(ledger: Ledger) -> Job:
    return claimed(ledger, number=99)
