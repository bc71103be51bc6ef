"""What is built for a silent destination is held, and leaves only when a person asks."""

from datetime import timedelta

from dicom_node.ledger import DeliveryState, Ledger, Progress, Route, Selection
from dicom_node.ledger.work.pruning import Kept
from tests.dicom_node.ledger.records import (
    PIPELINE,
    Clock,
    built,
    claimed,
    corrected,
    deliver,
    fail,
    happened,
    output,
    progress,
    to,
)

DAY_S = 24 * 3600.0
OF_HELD = Selection(states=["HELD"])
SILENT = Route("PACS", ("A", "B"), {"C": "A"}, is_silent=True)


def held(ledger: Ledger, number: int = 1, *routes: Route) -> int:
    """A job whose outputs are held for the PACS."""
    job = claimed(ledger, number=number)
    outputs = [output(role, number) for role in "ABC"]
    ledger.handover.built(job.id, "w1", outputs, [SILENT, *routes])
    return job.id


def states(ledger: Ledger, job_id: int, destination: str = "PACS") -> dict[str, str]:
    return {each.role: each.state.value for each in ledger.deliveries.of_job(job_id)
            if each.destination == destination}  # fmt: skip


def test_nothing_of_it_is_given_out_and_nothing_is_said_to_wait(ledger: Ledger) -> None:
    job_id = held(ledger)
    assert states(ledger, job_id) == {"A": "HELD", "B": "HELD", "C": "RESERVE"}
    assert deliver(ledger) == []
    assert progress(ledger, job_id) is Progress.HELD
    assert ledger.reports.summary().progress[Progress.HELD] == 1
    assert ledger.counts.backlog(since=ledger.now()).deliveries.count == 0
    assert ledger.deliveries.make_due("PACS") == 0


def test_another_destination_gets_its_own(ledger: Ledger) -> None:
    job_id = held(ledger, 1, *to("RESEARCH", roles="AB"))
    assert deliver(ledger, "RESEARCH") == ["A", "B"]
    assert progress(ledger, job_id) is Progress.HELD


def test_a_person_lets_it_leave_as_it_is_and_some_of_it_first(ledger: Ledger) -> None:
    first, second = held(ledger, 1), held(ledger, 2)
    found = ledger.requeue.candidates(OF_HELD)
    assert [(one.job_id, one.reason) for one in found] == [
        (first, "PACS was silent"),
        (second, "PACS was silent"),
    ]
    # Not unless it is asked for by its state.
    assert ledger.requeue.candidates(Selection(job_ids=[first])) == []
    assert ledger.repairs.redeliver([first], "me@host", OF_HELD) == 2
    assert deliver(ledger) == ["A", "B"]
    assert progress(ledger, first) is Progress.DELIVERED
    assert progress(ledger, second) is Progress.HELD


def ages_s(ledger: Ledger) -> set[float]:
    """Of the oldest that waits, as each of those says it who are asked: they do not differ."""
    depths = [one.oldest_s for one in ledger.gauges.figures().depths if one.count]
    stages = ledger.pace.stages()
    return {
        *depths,
        ledger.counts.backlog(since=ledger.now()).oldest_s,
        max(stages.analysis.oldest_s, stages.delivery.oldest_s),
        *ledger.reports.summary().oldest_delivery_age_s.values(),
    }


def test_what_was_held_for_weeks_is_not_late_when_it_is_let_go(
    ledger: Ledger, clock: Clock
) -> None:
    job_id = held(ledger)
    clock.advance(21 * DAY_S)
    ledger.repairs.redeliver([job_id], "me", OF_HELD)
    clock.advance(40)
    assert ages_s(ledger) == {40.0}
    # What comes by itself has waited since it came.
    built(ledger, "PACS", number=2)
    clock.advance(100)
    deliver(ledger, limit=2)
    assert ages_s(ledger) == {100.0}


def test_what_failed_long_ago_is_not_late_when_it_is_analysed_again(
    ledger: Ledger, clock: Clock
) -> None:
    job = claimed(ledger)
    fail(ledger, job)
    clock.advance(21 * DAY_S)
    ledger.requeue.repeat([job.id], PIPELINE, "me")
    clock.advance(40)
    assert ledger.reports.summary().oldest_waiting_age_s == 40.0
    assert ages_s(ledger) == {40.0}
    # Its results, which are made then, have waited as long as the image.
    assert ledger.jobs.claim(job.id, PIPELINE, "w1", 60)
    ledger.handover.built(job.id, "w1", [output("A")], to("PACS", roles="A"))
    clock.advance(5)
    assert ages_s(ledger) == {45.0}
    # Other bytes are another matter than the one that was asked for.
    clock.advance(DAY_S)
    ledger.jobs.accept(corrected(), PIPELINE)
    clock.advance(7)
    assert ledger.reports.summary().oldest_waiting_age_s == 7.0


def test_what_waited_when_silence_began_is_held_as_well(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", "OTHER")
    (taken,) = ledger.deliveries.claim("PACS", "s1", 60.0, 1)
    assert ledger.deliveries.hold("PACS", "s2") == 1
    # What a sender holds it brings to its end.
    ledger.deliveries.delivered(taken.id, "s1", 0x0000)
    assert sorted(states(ledger, job_id).values()) == ["DELIVERED", "HELD"]
    assert states(ledger, job_id, "OTHER") == {"A": "WAITING", "B": "WAITING"}
    assert "held, as the destination is silent" in happened(ledger, job_id)
    assert ledger.deliveries.hold("PACS", "s2") == 0


def test_what_is_replaced_or_rejected_while_it_is_held_never_leaves(ledger: Ledger) -> None:
    job_id = held(ledger)
    ledger.jobs.accept(corrected(), PIPELINE)
    job = ledger.jobs.claim(job_id, PIPELINE, "w1", 60.0)
    assert job is not None
    assert ledger.issues.superseded(job, "w1", (), "another issue") == 0
    ledger.handover.built(job_id, "w1", [output("D", 7)],
                          [Route("PACS", ("D",), is_silent=True)])  # fmt: skip
    assert states(ledger, job_id) == {"A": "WITHDRAWN", "B": "WITHDRAWN", "C": "WITHDRAWN",
                                      "D": "HELD"}  # fmt: skip
    assert ledger.repairs.redeliver([job_id], "me", OF_HELD) == 1
    assert deliver(ledger) == ["D"]


def test_a_notice_of_a_failure_is_held_and_let_go_too(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handover.failed(job.id, "w1", "undecodable", "", [output("A")], [SILENT])
    assert states(ledger, job.id) == {"A": "HELD"}
    assert ledger.repairs.redeliver([job.id], "me", OF_HELD) == 1
    assert deliver(ledger) == ["A"]
    other = claimed(ledger, number=2)
    fail(ledger, other)
    assert ledger.requeue.candidates(OF_HELD) == []


def test_it_is_forgotten_or_moved_with_its_destination(ledger: Ledger) -> None:
    first = held(ledger, 1)
    assert ledger.destinations.move("PACS", "NEW", "me") == 2
    assert states(ledger, first, "NEW") == {"A": "HELD", "B": "HELD", "C": "RESERVE"}
    assert ledger.destinations.forget("NEW", "me") == 2
    assert set(states(ledger, first, "NEW").values()) == {"WITHDRAWN"}


def test_it_is_kept_until_its_own_time_is_over(ledger: Ledger, clock: Clock) -> None:
    job_id = held(ledger)
    clock.advance(10 * 86400)
    ended = clock.now - timedelta(days=5)
    assert ledger.pruning.look(Kept(ended, ended)).job_ids == ()
    assert ledger.pruning.look(Kept(None, None, clock.now - timedelta(days=11))).job_ids == ()
    assert ledger.pruning.look(Kept(None, None, ended)).job_ids == (job_id,)
    # Not where something else of it is still on its way.
    other = held(ledger, 2, *to("RESEARCH", roles="A"))
    clock.advance(10 * 86400)
    kept = Kept(None, None, clock.now - timedelta(days=5))
    assert ledger.pruning.look(kept).job_ids == (job_id,)
    deliver(ledger, "RESEARCH")
    clock.advance(10 * 86400)
    kept = Kept(None, None, clock.now - timedelta(days=5))
    assert ledger.pruning.look(kept).job_ids == (job_id, other)
    assert DeliveryState.HELD in {each.state for each in ledger.deliveries.of_job(job_id)}
