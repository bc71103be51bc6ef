"""Destinations that have gone or moved: what has not left is withdrawn, or goes elsewhere."""

import pytest

from dicom_node.errors import UsageError
from dicom_node.ledger import DeliveryState, JobState, Ledger, Progress, Route
from dicom_node.ledger.sending.destinations import BATCH
from tests.dicom_node.ledger.records import (
    LEASE_S,
    Clock,
    built,
    claimed,
    output,
    progress,
    state,
    to,
)

ME = "operator@host"


def where(ledger: Ledger, job_id: int) -> dict[tuple[str, str], str]:
    return {(d.destination, d.role): d.state.value for d in ledger.deliveries.of_job(job_id)}


def deliver(ledger: Ledger, destination: str) -> None:
    for delivery in ledger.deliveries.claim(destination, "s1", LEASE_S, 10):
        ledger.deliveries.delivered(delivery.id, "s1", 0x0000)


def test_every_destination_is_listed_with_what_became_of_its_deliveries(
    ledger: Ledger, clock: Clock
) -> None:
    built(ledger, "PACS", "OLD", roles="AB")
    clock.advance(5)
    deliver(ledger, "PACS")
    old, pacs = ledger.destinations.all()
    assert (old.name, old.counts, old.last_delivered_at) == (
        "OLD", {DeliveryState.WAITING: 2}, None,
    )  # fmt: skip
    assert (pacs.name, pacs.counts, pacs.last_delivered_at) == (
        "PACS", {DeliveryState.DELIVERED: 2}, clock.now,
    )  # fmt: skip


def test_a_forgotten_destination_gets_nothing_and_no_longer_holds_up_the_job(
    ledger: Ledger,
) -> None:
    job_id = built(ledger, "PACS", "OLD", roles="A")
    deliver(ledger, "PACS")
    assert ledger.destinations.forget("OLD", ME) == 1
    assert where(ledger, job_id) == {("PACS", "A"): "DELIVERED", ("OLD", "A"): "WITHDRAWN"}
    assert progress(ledger, job_id) is Progress.DELIVERED
    assert ledger.deliveries.claim("OLD", "s1", LEASE_S, 10) == []
    assert ledger.reports.summary().deliveries_waiting == {}
    withdrawn = next(
        e for e in ledger.reports.events(job_id) if e.event == "withdrawn before it left"
    )
    assert (withdrawn.owner, withdrawn.detail) == (ME, "OLD was forgotten")
    assert ledger.destinations.forget("OLD", ME) == 0


def test_what_was_withdrawn_everywhere_is_not_called_delivered(ledger: Ledger) -> None:
    job_id = built(ledger, "OLD", roles="AB")
    assert ledger.destinations.forget("OLD", ME) == 2
    assert progress(ledger, job_id) is Progress.WITHDRAWN


def test_what_a_sender_holds_is_left_to_it_until_its_lease_ends(
    ledger: Ledger, clock: Clock
) -> None:
    job_id = built(ledger, "OLD", roles="AB")
    (held,) = ledger.deliveries.claim("OLD", "s1", LEASE_S, 1)
    assert ledger.destinations.forget("OLD", ME) == 1
    assert where(ledger, job_id) == {("OLD", "A"): "WAITING", ("OLD", "B"): "WITHDRAWN"}
    clock.advance(LEASE_S + 1)
    assert ledger.destinations.move("OLD", "PACS", ME) == 1
    assert where(ledger, job_id) == {("PACS", "A"): "WAITING", ("OLD", "B"): "WITHDRAWN"}
    assert ledger.deliveries.of_job(job_id)[0].owner is None
    assert held.role == "A"


def test_moved_deliveries_go_to_the_new_name_at_once_with_their_reserves(
    ledger: Ledger, clock: Clock
) -> None:
    job = claimed(ledger)
    outputs = [output(role) for role in ("SEG", "SC", "PR")]
    ledger.handover.built(job.id, "w1", outputs, [Route("OLD", ("SEG", "SC"), {"PR": "SEG"})])
    for delivery in ledger.deliveries.claim("OLD", "s1", LEASE_S, 10):
        ledger.deliveries.retry(
            delivery.id, "s1", None, "no connection", clock.now.replace(year=2030)
        )
    # What is kept in reserve moves too, and is in no number.
    assert ledger.destinations.move("OLD", "PACS", ME) == 2
    assert where(ledger, job.id) == {
        ("PACS", "SEG"): "WAITING", ("PACS", "SC"): "WAITING", ("PACS", "PR"): "RESERVE",
    }  # fmt: skip
    seg, sc = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    assert (seg.role, sc.role) == ("SEG", "SC")
    assert (
        ledger.deliveries.refused(seg.id, "s1", None, "no SEG", "PR") is DeliveryState.SUBSTITUTED
    )
    moved = [e for e in ledger.reports.events(job.id) if e.event == "moved to another destination"]
    assert {(e.owner, e.detail) for e in moved} == {(ME, "from OLD to PACS")}


def test_what_the_new_name_gets_anyway_is_not_sent_twice(ledger: Ledger) -> None:
    job_id = built(ledger, "OLD", "PACS", roles="A")
    deliver(ledger, "PACS")
    assert ledger.destinations.move("OLD", "PACS", ME) == 0
    assert where(ledger, job_id) == {("OLD", "A"): "WITHDRAWN", ("PACS", "A"): "DELIVERED"}
    assert progress(ledger, job_id) is Progress.DELIVERED


def test_nothing_is_moved_to_where_it_goes_already(ledger: Ledger) -> None:
    job_id = built(ledger, "PACS", roles="AB")
    with pytest.raises(UsageError, match="PACS is where it goes already"):
        ledger.destinations.move("PACS", "PACS", ME)
    assert where(ledger, job_id) == {("PACS", "A"): "WAITING", ("PACS", "B"): "WAITING"}


def test_more_jobs_than_one_transaction_takes_are_all_moved(ledger: Ledger) -> None:
    job_ids = [built(ledger, "OLD", roles="A", number=number) for number in range(BATCH + 1)]
    assert ledger.destinations.move("OLD", "PACS", ME) == BATCH + 1
    assert {tuple(where(ledger, job_id)) for job_id in job_ids} == {(("PACS", "A"),)}


def test_a_job_still_at_work_goes_on_after_its_destination_was_forgotten(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handover.handed_over(job.id, "w1", [output("SEG")], to("OLD"))
    assert ledger.destinations.forget("OLD", ME) == 1
    assert state(ledger, job.id) is JobState.ANALYZING
    ledger.handover.built(job.id, "w1", [output("SR")], to("PACS"))
    deliver(ledger, "PACS")
    assert progress(ledger, job.id) is Progress.DELIVERED


def test_what_is_to_be_built_again_can_be_forgotten_and_moved(ledger: Ledger) -> None:
    job_id = built(ledger, "OLD", roles="AB")
    for delivery in ledger.deliveries.claim("OLD", "s1", LEASE_S, 10):
        assert (
            ledger.repairs.damaged(delivery.id, "s1", "its SHA-256 differs")
            is DeliveryState.DAMAGED
        )
    assert ledger.destinations.move("OLD", "PACS", ME) == 2
    assert where(ledger, job_id) == {("PACS", "A"): "DAMAGED", ("PACS", "B"): "DAMAGED"}
    assert ledger.destinations.forget("PACS", ME) == 2
    assert where(ledger, job_id) == {("PACS", "A"): "WITHDRAWN", ("PACS", "B"): "WITHDRAWN"}
