"""Which archives are asked for what, and what nobody sent, on both databases."""

from dataclasses import replace
from datetime import timedelta

from dicom_node.ledger import (
    Became,
    Event,
    GivenUp,
    Inquiry,
    InquiryState,
    Job,
    JobState,
    Ledger,
    Origin,
    Priority,
    Shown,
)
from tests.dicom_node.ledger.records import (
    LEASE_S,
    PIPELINE,
    START,
    Clock,
    built,
    corrected,
    happened,
    instance,
    job_of,
)

HOLD_S = 900.0
SHOWN = (Shown(Became.FETCHED, "2026-03-01", "1.2.1", "1.2.3"),)


def radiograph(ledger: Ledger, number: int, patient: str = "P") -> Job:
    stored = instance(number, origin=Origin(patient_hash=patient))
    return job_of(ledger, ledger.jobs.accept(stored, PIPELINE).job_id)


def fetched(ledger: Ledger, number: int, patient: str = "P") -> Job:
    stored = instance(number, origin=Origin(patient_hash=patient), path=f"fetched/{number}")
    job_id = ledger.fetching.accept(stored, PIPELINE, "pacs", "for job 1", ledger.now())
    assert job_id is not None
    return job_of(ledger, job_id)


def end(ledger: Ledger, job: Job) -> None:
    assert ledger.jobs.claim(job.id, PIPELINE, "w1", LEASE_S) is not None
    ledger.handover.built(job.id, "w1", [], [])


def begun(ledger: Ledger, *destinations: str) -> Job:
    job = radiograph(ledger, 1)
    ledger.inquiries.begin(job.id, job.issue, destinations)
    return job


def claim(ledger: Ledger, destination: str = "pacs", owner: str = "s1") -> Inquiry:
    found = ledger.inquiries.claim(destination, owner, HOLD_S)
    assert found is not None
    return found


def test_nobody_is_asked_before_the_results_are_built(ledger: Ledger) -> None:
    job = begun(ledger, "pacs")
    assert ledger.inquiries.claim("pacs", "s1", HOLD_S) is None
    end(ledger, job)
    assert claim(ledger).job_id == job.id


def test_each_archive_is_asked_once_however_often_the_job_is_done(ledger: Ledger) -> None:
    job = begun(ledger, "pacs", "other")
    end(ledger, job)
    ledger.inquiries.answered(claim(ledger), SHOWN, "pacs: 1 fetched")
    ledger.inquiries.begin(job.id, job.issue, ["pacs", "other"])
    assert ledger.inquiries.claim("pacs", "s1", HOLD_S) is None
    assert claim(ledger, "other").attempts == 1
    other, pacs = ledger.inquiries.of_job(job.id)
    assert (pacs.state, pacs.shown) == (InquiryState.ANSWERED, SHOWN)
    assert (other.state, other.shown) == (InquiryState.WAITING, ())
    assert Event.INQUIRED in happened(ledger, job.id)


def test_other_bytes_of_the_image_are_asked_for_anew(ledger: Ledger) -> None:
    job = begun(ledger, "pacs")
    end(ledger, job)
    asked = claim(ledger)
    ledger.jobs.accept(corrected(), PIPELINE)
    assert ledger.inquiries.claim("pacs", "s2", HOLD_S) is None
    # What the first one comes to is still taken.
    ledger.inquiries.given_up(asked, "no more")


def test_what_is_not_followed_up_is_due_again(ledger: Ledger, clock: Clock) -> None:
    end(ledger, begun(ledger, "pacs"))
    claim(ledger)
    assert ledger.inquiries.claim("pacs", "s2", HOLD_S) is None
    clock.advance(HOLD_S + 1)
    assert claim(ledger, owner="s2").attempts == 2


def test_what_is_most_urgent_is_asked_for_first(ledger: Ledger) -> None:
    for number, priority in ((1, Priority.LOW), (2, Priority.ROUTINE), (3, Priority.STAT)):
        job = radiograph(ledger, number)
        ledger.ranking.rank(job.id, priority, "test")
        ledger.inquiries.begin(job.id, job.issue, ["pacs"])
        end(ledger, job)
    assert [claim(ledger).job_id for _ in range(3)] == [3, 2, 1]


def test_it_is_closed_only_when_all_that_was_fetched_of_the_patient_has_ended(
    ledger: Ledger,
) -> None:
    job = begun(ledger, "pacs")
    end(ledger, job)
    ledger.inquiries.answered(claim(ledger), SHOWN, "pacs: 2 fetched")
    first, second = fetched(ledger, 2), fetched(ledger, 3)
    fetched(ledger, 4, patient="somebody else")
    for one in (first, second):
        assert ledger.inquiries.to_be_closed("pacs") == []
        assert ledger.inquiries.in_hand([job.id]) == {job.id}
        end(ledger, one)
    (inquiry,) = ledger.inquiries.to_be_closed("pacs")
    ledger.inquiries.closed(inquiry)
    assert ledger.inquiries.to_be_closed("pacs") == []
    assert ledger.inquiries.in_hand([job.id]) == set()


def test_what_is_fetched_twice_is_one_job(ledger: Ledger) -> None:
    job = fetched(ledger, 1)
    assert (job.priority, job.is_fetched, job.state) == (Priority.LOW, True, JobState.RECEIVED)
    again = instance(1, sha256="f" * 64, path="fetched/again")
    assert ledger.fetching.accept(again, PIPELINE, "pacs", "for job 2", ledger.now()) is None
    assert job_of(ledger, job.id).path == "fetched/1"


def test_what_was_sent_here_is_never_taken_for_fetched(ledger: Ledger) -> None:
    job = radiograph(ledger, 1)
    again = instance(1, path="fetched/1")
    assert ledger.fetching.accept(again, PIPELINE, "pacs", "for job 2", ledger.now()) is None
    assert not job_of(ledger, job.id).is_fetched


def test_of_what_a_worker_has_in_hand_when_it_is_sent_here_nothing_is_lost(ledger: Ledger) -> None:
    """Who analyses it as fetched builds nothing: it is begun again."""
    job = fetched(ledger, 1)
    assert ledger.jobs.claim(job.id, PIPELINE, "w1", LEASE_S) is not None
    accepted = ledger.jobs.accept(instance(1, path="received/1"), PIPELINE)
    assert (accepted.job_id, accepted.state, accepted.is_reopened) == (
        job.id,
        JobState.RECEIVED,
        True,
    )
    now = job_of(ledger, job.id)
    assert (now.is_fetched, now.path, now.priority) == (False, "received/1", Priority.ROUTINE)
    assert ledger.pruning.named(["fetched/1", "received/1"]) == {"fetched/1", "received/1"}


def test_what_an_older_pipeline_has_is_fetched_for_a_newer(ledger: Ledger) -> None:
    ledger.jobs.accept(instance(1), "older")
    assert ledger.fetching.state_of(instance(1).sop_instance_uid, PIPELINE) is None
    assert fetched(ledger, 1).is_fetched
    state = ledger.fetching.state_of(instance(1).sop_instance_uid, PIPELINE)
    assert state is JobState.RECEIVED


def test_an_inquiry_of_a_job_that_is_gone_is_no_fault(ledger: Ledger) -> None:
    end(ledger, begun(ledger, "pacs"))
    gone = replace(claim(ledger), job_id=99)
    ledger.inquiries.given_up(gone, "no more")
    assert [one.event for one in ledger.reports.events(1)][-1] == Event.BUILT


def test_what_was_fetched_counts_neither_in_a_trial_nor_as_a_devices(ledger: Ledger) -> None:
    end(ledger, radiograph(ledger, 1))
    end(ledger, fetched(ledger, 2))
    since, until = START - timedelta(days=1), START + timedelta(days=1)
    assert len(list(ledger.trial.cases(since, until))) == 1
    ((before, after),) = ledger.quality.by_device(since, until).values()
    assert before.received + after.received == 1


def give_up(ledger: Ledger, number: int, destination: str, reason: str) -> Job:
    job = radiograph(ledger, number)
    ledger.inquiries.begin(job.id, job.issue, [destination])
    end(ledger, job)
    ledger.inquiries.given_up(claim(ledger, destination), reason)
    return job


def test_what_is_asked_no_more_is_counted_by_destination_with_the_last_reason(
    ledger: Ledger, clock: Clock
) -> None:
    assert ledger.inquiries.given_up_by_destination() == {}
    give_up(ledger, 1, "pacs", "it was away")
    clock.now += timedelta(days=2)
    give_up(ledger, 2, "pacs", "it offers no C-GET")
    give_up(ledger, 3, "other", "it was away")
    at = clock.now
    assert ledger.inquiries.given_up_by_destination() == {
        "pacs": GivenUp("pacs", 2, 1, at, "it offers no C-GET"),
        "other": GivenUp("other", 1, 1, at, "it was away"),
    }
    assert ledger.gauges.figures().given_up == (
        GivenUp("other", 1, 1, at, "it was away"),
        GivenUp("pacs", 2, 1, at, "it offers no C-GET"),
    )


def test_of_a_job_with_other_results_what_was_asked_before_counts_no_longer(ledger: Ledger) -> None:
    job_id = built(ledger, "pacs")
    ledger.inquiries.begin(job_id, 0, ["pacs"])
    ledger.inquiries.given_up(claim(ledger), "it was away")
    assert ledger.inquiries.given_up_by_destination()
    ledger.jobs.accept(corrected(), PIPELINE)
    assert ledger.inquiries.given_up_by_destination() == {}
