"""What goes instead of what is not accepted is built when wanted, and never waited for in vain."""

from dataclasses import replace
from functools import partial

from dicom_node.errors import UNKNOWN_TRIES
from dicom_node.ledger import (
    DeliveryState,
    Job,
    JobState,
    Ledger,
    Progress,
    Route,
)
from tests.dicom_node.ledger.records import (
    LEASE_S,
    claimed,
    corrected,
    happened,
    output,
    progress,
    state,
)
from tests.dicom_node.ledger.standing_in import CHAIN, ROLES, states, taken


def test_once_all_was_taken_nothing_is_built_ahead_until_something_is_declined(
    ledger: Ledger,
) -> None:
    wanted = partial(ledger.handover.are_stand_ins_wanted, 1)
    assert wanted([CHAIN])
    job = claimed(ledger)
    ledger.handover.built(job.id, "w1", [output(role) for role in ROLES], [CHAIN])
    batch = taken(ledger)
    ledger.deliveries.delivered(batch["SEG"], "s1", 0x0000)
    assert wanted([CHAIN]), "nobody knows yet of SR"
    ledger.deliveries.delivered(batch["SR"], "s1", 0x0000)
    assert not wanted([CHAIN])
    assert wanted([CHAIN, replace(CHAIN, destination="OTHER")])
    assert not wanted([CHAIN, Route("OTHER", ["SC"], {})])
    another = claimed(ledger, number=2)
    ledger.handover.built(another.id, "w1", [output("SEG", 2)], [CHAIN])
    ledger.deliveries.refused(taken(ledger)["SEG"], "s1", None, "no SEG", "PR")
    assert wanted([CHAIN])


def test_what_was_not_built_ahead_is_built_when_it_is_wanted(ledger: Ledger) -> None:
    job = claimed(ledger)
    usual = [output(role) for role in ("SEG", "SR", "SC")]
    ledger.handover.built(job.id, "w1", usual, [CHAIN])
    batch = taken(ledger)
    refused = ledger.deliveries.refused(batch["SEG"], "s1", None, "no SEG", "PR")
    assert refused is DeliveryState.SUBSTITUTED
    again = ledger.jobs.claim(job.id, job.pipeline, "w1", LEASE_S)
    assert again is not None
    assert again.attempts == 1
    assert "opened again, to build what goes instead" in happened(ledger, job.id)
    ledger.handover.built(job.id, "w1", [output(role) for role in ROLES], [CHAIN])
    assert list(taken(ledger)) == ["PR"]
    now = ledger.jobs.get(job.id)
    assert now is not None
    assert now.state is JobState.BUILT


def test_what_is_declined_while_the_last_is_built_is_not_forgotten(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handover.handed_over(job.id, "w1", [output("SEG"), output("SR")], [CHAIN])
    ledger.deliveries.refused(taken(ledger)["SEG"], "s1", None, "no SEG", "PR")
    ledger.handover.built(job.id, "w1", [output("SC")], [CHAIN])
    now = ledger.jobs.get(job.id)
    assert now is not None
    assert now.state is JobState.RECEIVED


def test_what_is_sent_anyway_is_waited_for_by_nobody(ledger: Ledger) -> None:
    job = claimed(ledger)
    only = Route("PACS", ["PR", "SC"], {})
    ledger.handover.handed_over(job.id, "w1", [output("PR")], [only])
    ledger.deliveries.refused(taken(ledger)["PR"], "s1", None, "no PR", "SC")
    ledger.handover.built(job.id, "w1", [output("SC")], [only])
    now = ledger.jobs.get(job.id)
    assert now is not None
    assert now.state is JobState.BUILT


def only_taken_once(ledger: Ledger) -> None:
    """A destination that has taken all it gets: nothing is built ahead for it."""
    job = claimed(ledger, number=99)
    ledger.handover.built(job.id, "w1", [output("SEG", 99), output("SR", 99)], [CHAIN])
    for delivery_id in taken(ledger).values():
        ledger.deliveries.delivered(delivery_id, "s1", 0x0000)


def refused_after_it_was_built(ledger: Ledger) -> Job:
    """A job opened again for what goes instead of its segmentation."""
    job = claimed(ledger)
    ledger.handover.built(job.id, "w1", [output(role) for role in ("SEG", "SR", "SC")], [CHAIN])
    batch = taken(ledger)
    ledger.deliveries.refused(batch.pop("SEG"), "s1", None, "no SEG", "PR")
    for delivery_id in batch.values():
        ledger.deliveries.delivered(delivery_id, "s1", 0x0000)
    again = ledger.jobs.claim(job.id, job.pipeline, "w1", LEASE_S)
    assert again is not None
    return again


def test_what_a_radiograph_does_not_have_is_not_built_for_ever(ledger: Ledger) -> None:
    """Of one in colours there is no presentation state."""
    job = refused_after_it_was_built(ledger)
    usual = [output(role) for role in ("SEG", "SR", "SC", "SR2D", "DOC")]
    ledger.handover.built(job.id, "w1", usual, [CHAIN], with_stand_ins=True)
    assert state(ledger, job.id) is JobState.BUILT
    assert states(ledger, job.id)["SEG"] == "REFUSED"
    assert progress(ledger, job.id) is Progress.INCOMPLETE
    (why,) = [d.reason for d in ledger.deliveries.of_job(job.id) if d.role == "SEG"]
    assert why == "no SEG: PR would go instead, and there is none"


def test_what_no_destination_keeps_ready_any_more_is_not_waited_for(ledger: Ledger) -> None:
    """The configuration has changed since."""
    job = refused_after_it_was_built(ledger)
    ledger.handover.built(job.id, "w1", [], [replace(CHAIN, reserves={})])
    assert state(ledger, job.id) is JobState.BUILT
    assert states(ledger, job.id)["SEG"] == "REFUSED"


def test_where_the_stand_in_cannot_be_built_nobody_is_told_that_it_is_sent(
    ledger: Ledger,
) -> None:
    job = refused_after_it_was_built(ledger)
    ledger.handover.failed(job.id, "w1", "the file is damaged")
    assert states(ledger, job.id)["SEG"] == "DEAD"
    assert progress(ledger, job.id) is Progress.INCOMPLETE
    # Once it can be, it is tried again, and refused again.
    assert ledger.requeue.repeat([job.id], job.pipeline, "somebody@here") == [job.id]
    assert ledger.jobs.claim(job.id, job.pipeline, "w1", LEASE_S) is not None
    ledger.handover.built(job.id, "w1", [output(role) for role in ROLES], [CHAIN])
    assert states(ledger, job.id)["SEG"] == "WAITING"
    ledger.deliveries.refused(taken(ledger)["SEG"], "s1", None, "no SEG", "PR")
    assert states(ledger, job.id)["PR"] == "WAITING"


def test_of_a_job_whose_workers_die_no_stand_in_is_hoped_for(ledger: Ledger) -> None:
    job = refused_after_it_was_built(ledger)
    for _ in range(UNKNOWN_TRIES):
        ledger.jobs.free_of(["w1"])
        assert ledger.jobs.claim(job.id, job.pipeline, "w1", LEASE_S) is not None
    ledger.jobs.free_of(["w1"])
    assert state(ledger, job.id) is JobState.FAILED
    assert states(ledger, job.id)["SEG"] == "DEAD"


def of_a_new_issue(ledger: Ledger) -> Job:
    """A job whose destination took the first issue's stand-in, about other bytes now."""
    job = refused_after_it_was_built(ledger)
    ledger.handover.built(job.id, "w1", [output(role) for role in ROLES], [CHAIN])
    for delivery_id in taken(ledger).values():
        ledger.deliveries.delivered(delivery_id, "s1", 0x0000)
    ledger.jobs.accept(corrected(), job.pipeline)
    again = ledger.jobs.claim(job.id, job.pipeline, "w1", LEASE_S)
    assert again is not None
    assert again.issue == 1
    assert not ledger.issues.superseded(again, "w1", [], "other pixels")
    return again


def test_what_stood_in_for_an_earlier_issue_stands_in_for_no_later_one(ledger: Ledger) -> None:
    job = of_a_new_issue(ledger)
    later = [output(role, 2) for role in ("SEG", "SR", "SC")]
    ledger.handover.built(job.id, "w1", later, [CHAIN])
    ledger.deliveries.refused(taken(ledger)["SEG"], "s1", None, "no SEG", "PR")
    assert state(ledger, job.id) is JobState.RECEIVED
    assert ledger.jobs.claim(job.id, job.pipeline, "w1", LEASE_S) is not None
    ledger.handover.built(job.id, "w1", [output(role, 2) for role in ROLES], [CHAIN])
    assert list(taken(ledger)) == ["PR"]


def test_nor_where_it_is_refused_while_the_later_one_is_built(ledger: Ledger) -> None:
    job = of_a_new_issue(ledger)
    reports = [output("SEG", 2), output("SR", 2)]
    ledger.handover.handed_over(job.id, "w1", reports, [CHAIN])
    ledger.deliveries.refused(taken(ledger)["SEG"], "s1", None, "no SEG", "PR")
    ledger.handover.built(job.id, "w1", [output("SC", 2)], [CHAIN])
    assert state(ledger, job.id) is JobState.RECEIVED


def test_what_stood_in_for_a_notice_does_not_for_the_report_that_followed_it(
    ledger: Ledger,
) -> None:
    job = claimed(ledger)
    notice = [output("SR", 7), output("SR2D", 7)]
    ledger.handover.failed(job.id, "w1", "out of luck", built=notice, routes=[CHAIN])
    ledger.deliveries.refused(taken(ledger)["SR"], "s1", None, "no SR", "SR2D")
    ledger.deliveries.delivered(taken(ledger)["SR2D"], "s1", 0x0000)
    ledger.requeue.repeat([job.id], job.pipeline, "somebody@here")
    again = ledger.jobs.claim(job.id, job.pipeline, "w1", LEASE_S)
    assert again is not None
    own = [output(role).sop_instance_uid for role in ROLES]
    assert not ledger.issues.superseded(again, "w1", own, "a report")
    ledger.handover.built(job.id, "w1", [output("SEG"), output("SR")], [CHAIN])
    ledger.deliveries.refused(taken(ledger)["SR"], "s1", None, "no SR", "SR2D")
    assert state(ledger, job.id) is JobState.RECEIVED


def test_a_damaged_stand_in_is_built_again_where_nothing_else_asks_for_it(
    ledger: Ledger,
) -> None:
    only_taken_once(ledger)
    job = refused_after_it_was_built(ledger)
    ledger.handover.built(job.id, "w1", [output(role) for role in ROLES], [CHAIN])
    stand_in = taken(ledger)["PR"]
    moved = replace(CHAIN, destination="NEW")
    other = claimed(ledger, number=5)
    ledger.handover.built(other.id, "w1", [output("SEG", 5), output("SR", 5)], [moved])
    for delivery_id in taken(ledger, "NEW").values():
        ledger.deliveries.delivered(delivery_id, "s1", 0x0000)
    wanted = ledger.handover.are_stand_ins_wanted
    assert not wanted(job.id, [moved])
    ledger.repairs.damaged(stand_in, "s1", "other bytes")
    assert wanted(job.id, [moved])


def test_what_waits_for_its_stand_in_is_forgotten_or_moved_with_its_destination(
    ledger: Ledger,
) -> None:
    job = refused_after_it_was_built(ledger)
    ledger.destinations.move("PACS", "NEW", "somebody@here")
    at = {d.role: d.destination for d in ledger.deliveries.of_job(job.id)}
    assert at["SEG"] == "NEW"
    ledger.destinations.forget("NEW", "somebody@here")
    assert states(ledger, job.id)["SEG"] == "WITHDRAWN"


def test_another_pipeline_that_takes_over_what_waits_for_a_stand_in_makes_a_new_issue(
    ledger: Ledger,
) -> None:
    """After an upgrade: the results of before have other UIDs, and are to be taken back."""
    job = refused_after_it_was_built(ledger)
    ledger.jobs.free_of(["w1"])
    assert ledger.jobs.adopt("another") == [job.id]
    again = ledger.jobs.claim(job.id, "another", "w1", LEASE_S)
    assert again is not None
    assert again.issue == 1
    earlier = ledger.issues.earlier(job.id, [])
    assert {one.role for one in earlier.arrived} == {"SR", "SC"}
    assert not ledger.issues.superseded(again, "w1", [], "another pipeline")
    assert states(ledger, job.id)["SEG"] == "WITHDRAWN"


def test_what_was_not_accepted_is_moved_with_what_goes_instead(ledger: Ledger) -> None:
    job = refused_after_it_was_built(ledger)
    ledger.handover.built(job.id, "w1", [output(role) for role in ROLES], [CHAIN])
    assert ledger.destinations.move("PACS", "NEW", "somebody@here") == 1
    at = {d.role: (d.destination, d.state.value) for d in ledger.deliveries.of_job(job.id)}
    assert (at["SEG"], at["PR"]) == (("NEW", "SUBSTITUTED"), ("NEW", "WAITING"))
    ledger.repairs.damaged(taken(ledger, "NEW")["PR"], "s1", "other bytes")
    assert ledger.jobs.claim(job.id, job.pipeline, "w1", LEASE_S) is not None
    new = replace(CHAIN, destination="NEW")
    ledger.handover.built(job.id, "w1", [output(role) for role in ROLES], [new])
    assert states(ledger, job.id)["SEG"] == "SUBSTITUTED"
