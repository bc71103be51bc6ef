"""What the ledger keeps of a patient over time: what each report was told, and till when."""

from dataclasses import replace

import pytest

from dicom_node.ledger import (
    Event,
    FindingsRecord,
    InstanceKind,
    Job,
    JobState,
    Kept,
    Ledger,
    Origin,
    Relative,
)
from sr_writer.progression import Omission, Omitted, Prior, Progression, Reference
from tests.dicom_node.ledger.records import (
    LEASE_S,
    PIPELINE,
    Clock,
    corrected,
    deliver,
    happened,
    instance,
    job_of,
    output,
    state,
    to,
)

FOUND = FindingsRecord("positive", "because", 10.0, 20.0, 15.0)
IMAGE = Reference("1.2.1", "1.2.1.1", "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3.1")
TOLD = Progression(
    "2026-03-04T08:00:00",
    (
        Prior(
            "2026-03-01", IMAGE, {"SR": replace(IMAGE, sop_instance_uid="1.2.3.4")}, 1.5, None, 2.0
        ),
    ),
    (Omitted("2026-02-01", "1.2.3.5", "1.2.5", Omission.TOO_OLD),),
)


def arrived(ledger: Ledger, number: int, pipeline: str = PIPELINE, patient: str = "P") -> Job:
    """A radiograph of a patient, of a study of its own."""
    origin = Origin(patient_hash=patient, acquired_at=f"2026-03-{number:02d}")
    stored = instance(number, study_instance_uid=f"1.2.{number}", origin=origin)
    return job_of(ledger, ledger.jobs.accept(stored, pipeline).job_id)


def analysed(ledger: Ledger, job: Job, *roles: str) -> Job:
    assert ledger.jobs.claim(job.id, job.pipeline, "w1", LEASE_S) is not None
    outputs = [output(role, job.id) for role in roles]
    ledger.handover.built(job.id, "w1", outputs, to("PACS", roles=roles), FOUND)
    return job_of(ledger, job.id)


def relatives(ledger: Ledger, job: Job) -> dict[int, Relative]:
    return {one.job_id: one for one in ledger.progressions.relatives(job)}


def test_what_is_told_comes_back_as_it_went_in() -> None:
    again = Progression.of(TOLD.as_text())
    assert again == TOLD
    assert again.digest == TOLD.digest
    assert replace(TOLD, revision=1).digest != TOLD.digest


def test_a_job_tells_of_nothing_until_it_is_fixed_and_then_stays_so(ledger: Ledger) -> None:
    job = arrived(ledger, 1)
    assert not ledger.progressions.is_fixed(job)
    assert ledger.progressions.of_job(job.id) is None
    ledger.progressions.fix(job, TOLD, ledger.now())
    assert ledger.progressions.is_fixed(job)
    assert ledger.progressions.of_job(job.id) == TOLD


def test_that_there_is_nothing_to_tell_is_kept_as_well(ledger: Ledger) -> None:
    job = arrived(ledger, 1)
    ledger.progressions.fix(job, Progression(""), ledger.now())
    assert ledger.progressions.is_fixed(job)
    assert ledger.progressions.of_job(job.id) is None


def test_what_was_analysed_without_looking_is_not_looked_at_again(ledger: Ledger) -> None:
    job = analysed(ledger, arrived(ledger, 1))
    assert ledger.progressions.is_fixed(job)
    assert ledger.progressions.of_job(job.id) is None
    assert ledger.progressions.outdate([job.id], "why") == []


def test_another_issue_is_another_matter(ledger: Ledger) -> None:
    job = arrived(ledger, 1)
    ledger.progressions.fix(job, TOLD, ledger.now())
    analysed(ledger, job, "SR")
    ledger.jobs.accept(corrected(), PIPELINE)
    assert job_of(ledger, job.id).issue == 1
    assert ledger.progressions.of_job(job.id) is None


def test_what_is_outdated_is_told_anew_under_another_name(ledger: Ledger) -> None:
    job = arrived(ledger, 1)
    ledger.progressions.fix(job, TOLD, ledger.now())
    analysed(ledger, job)
    assert ledger.progressions.outdate([job.id], "one more came") == [job.id]
    assert state(ledger, job.id) is JobState.RECEIVED
    assert happened(ledger, job.id)[-1] == Event.OUTDATED
    assert not ledger.progressions.is_fixed(job)
    # Until then it is what it was.
    assert ledger.progressions.of_job(job.id) == TOLD
    ledger.progressions.fix(job, TOLD, ledger.now())
    assert ledger.progressions.of_job(job.id) == TOLD
    analysed(ledger, job)
    ledger.progressions.outdate([job.id], "it was rejected")
    ledger.progressions.fix(job, Progression(TOLD.taken), ledger.now())
    assert ledger.progressions.of_job(job.id) == Progression(TOLD.taken, revision=1)


def test_relatives_are_of_the_patient_and_of_other_studies(ledger: Ledger) -> None:
    job = arrived(ledger, 9)
    first = analysed(ledger, arrived(ledger, 1), "SR")
    waits = arrived(ledger, 2)
    arrived(ledger, 3, patient="Q")
    arrived(ledger, 4, patient="")
    other = instance(5, study_instance_uid="1.2.5", origin=Origin(patient_hash="P"))
    ledger.jobs.accept(replace(other, kind=InstanceKind.CORRECTION), PIPELINE)
    found = relatives(ledger, job)
    assert set(found) == {first.id, waits.id}
    assert found[waits.id].state is JobState.RECEIVED
    assert found[waits.id].decision is None
    one = found[first.id]
    assert (one.decision, one.percent_left, one.percent_right) == ("positive", 10.0, 20.0)
    assert one.image.study_instance_uid == "1.2.1"
    assert (one.acquired_at, one.is_rejected) == ("2026-03-01", False)
    assert ledger.progressions.reports(first.id)["SR"].sop_instance_uid == f"2.25.{first.id}.SR"
    nobody = arrived(ledger, 6, patient="")
    assert relatives(ledger, nobody) == {}


def test_of_an_image_that_two_pipelines_have_the_own_one_counts(ledger: Ledger) -> None:
    ours = analysed(ledger, arrived(ledger, 1))
    arrived(ledger, 1, pipeline="newer")
    arrived(ledger, 2, pipeline="newer")
    found = relatives(ledger, arrived(ledger, 9))
    assert {one.pipeline for one in found.values()} == {PIPELINE, "newer"}
    assert ours.id in found
    assert len(found) == 2


@pytest.mark.parametrize("how", ["by a note", "by a person"])
def test_what_was_rejected_or_withdrawn_is_known_as_such(ledger: Ledger, how: str) -> None:
    first = analysed(ledger, arrived(ledger, 1), "SR")
    if how == "by a note":
        note = ledger.jobs.accept(instance(99), PIPELINE).job_id
        held = ledger.jobs.claim(note, PIPELINE, "w1", LEASE_S)
        assert held is not None
        ledger.rejections.rejected(held, "w1", ["1.2.3.1"], "113001", "rejected")
    else:
        ledger.withdrawing.withdraw([first.id], "ada@host", "a mistake")
    assert relatives(ledger, arrived(ledger, 9))[first.id].is_rejected


def test_a_report_does_not_know_what_was_analysed_after_it_asked(
    ledger: Ledger, clock: Clock
) -> None:
    job = arrived(ledger, 9)
    first = arrived(ledger, 1)
    ledger.progressions.fix(job, Progression(""), ledger.now())
    clock.advance(1)
    analysed(ledger, first)
    others = ledger.progressions.relatives(job)
    assert ledger.progressions.unknown_to(job.id, others) == others
    told = Progression("2026-03-09", (Prior("2026-03-01", others[0].image, {}, 1.0, 2.0, 3.0),))
    ledger.progressions.fix(job, told, ledger.now())
    assert ledger.progressions.unknown_to(job.id, others) == []
    never_looked = analysed(ledger, arrived(ledger, 8))
    assert ledger.progressions.unknown_to(never_looked.id, others) == []


def test_it_goes_with_its_job(ledger: Ledger, clock: Clock) -> None:
    job = arrived(ledger, 1)
    ledger.progressions.fix(job, TOLD, ledger.now())
    analysed(ledger, job, "SR")
    deliver(ledger)
    clock.advance(1000)
    before = Kept(ledger.now(), None, None)
    assert ledger.pruning.forget(before, [job.id], lambda _: None) == 1
    assert ledger.jobs.get(job.id) is None
    assert ledger.progressions.of_job(job.id) is None
