"""Verifications: SENT is not VERIFIED, and a report counts whenever and however often it comes."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from dicom_node.ledger import (
    CommitmentReport,
    Delivery,
    DeliveryState,
    Ledger,
    Progress,
    Reported,
    Selection,
    Silence,
    Verify,
)
from dicom_node.ledger.sending.verifications import RESENDS
from tests.dicom_node.ledger.records import LEASE_S, Clock, built, happened, progress

WITHIN_S = 3600.0
VERIFY = Verify(after_s=2.0, within_s=WITHIN_S)
UID = "2.25.77"


def sent(ledger: Ledger, roles: str = "AB", number: int = 1) -> list[Delivery]:
    """Outputs that PACS answered to have stored."""
    job_id = built(ledger, "PACS", roles=roles, number=number)
    resend(ledger)
    return ledger.deliveries.of_job(job_id)


def resend(ledger: Ledger) -> None:
    for delivery in ledger.deliveries.claim("PACS", "s1", LEASE_S, 10):
        ledger.deliveries.delivered(delivery.id, "s1", 0x0000, verify=VERIFY)


def begin(ledger: Ledger, clock: Clock, deliveries: list[Delivery], uid: str = UID) -> None:
    answer_by = clock.now + timedelta(seconds=WITHIN_S)
    ids = [each.id for each in deliveries]
    ledger.verifications.begin(uid, "PACS", ids, answer_by, answer_by)


def report(
    ledger: Ledger, *held: Delivery, failed: Mapping[str, int] | None = None, uid: str = UID
) -> Reported | None:
    uids = frozenset(each.sop_instance_uid for each in held)
    return ledger.verifications.report(CommitmentReport(uid, uids, failed or {}))


def states(ledger: Ledger, deliveries: list[Delivery]) -> list[str]:
    return [each.state.value for each in ledger.deliveries.of_job(deliveries[0].job_id)]


def test_sent_is_not_verified_until_the_destination_says_so(ledger: Ledger, clock: Clock) -> None:
    outputs = sent(ledger)
    job_id = outputs[0].job_id
    assert progress(ledger, job_id) is Progress.SENT
    assert ledger.verifications.claim("PACS", 60, 10) == []
    clock.advance(2)
    claimed = ledger.verifications.claim("PACS", 60, 10)
    assert [(each.role, each.checks) for each in claimed] == [("A", 1), ("B", 1)]
    # Nobody else asks meanwhile; who never comes back to it is followed by another.
    assert ledger.verifications.claim("PACS", 60, 10) == []
    clock.advance(60)
    assert len(ledger.verifications.claim("PACS", 60, 10)) == 2
    ledger.verifications.verified([each.id for each in claimed], "PACS shows it")
    assert progress(ledger, job_id) is Progress.DELIVERED
    assert ledger.reports.summary().progress[Progress.DELIVERED] == 1
    assert happened(ledger, job_id)[-1] == "verified"


@pytest.mark.parametrize("times", [1, 2])
def test_a_report_verifies_what_it_names_however_often_it_comes(
    ledger: Ledger, clock: Clock, times: int
) -> None:
    outputs = sent(ledger)
    begin(ledger, clock, outputs)
    numbers = [report(ledger, *outputs) for _ in range(times)]
    assert states(ledger, outputs) == ["VERIFIED", "VERIFIED"]
    assert numbers[0] == Reported("PACS", verified=2)
    assert numbers[1:] == [Reported("PACS")] * (times - 1)
    assert happened(ledger, outputs[0].job_id).count("verified") == 2


def test_what_a_report_does_not_name_is_asked_for_again(ledger: Ledger, clock: Clock) -> None:
    outputs = sent(ledger, "ABC")
    begin(ledger, clock, outputs)
    assert report(ledger, outputs[1]) == Reported("PACS", verified=1, unsettled=2)
    assert states(ledger, outputs) == ["SENT", "VERIFIED", "SENT"]
    clock.advance(60)
    assert [each.role for each in ledger.verifications.claim("PACS", 60, 10)] == ["A", "C"]


def test_a_request_for_what_has_just_been_reported_on_is_about_nothing(
    ledger: Ledger, clock: Clock
) -> None:
    outputs = sent(ledger)
    begin(ledger, clock, outputs)
    report(ledger, *outputs)
    begin(ledger, clock, outputs, uid="2.25.78")
    assert states(ledger, outputs) == ["VERIFIED", "VERIFIED"]
    assert report(ledger, *outputs, uid="2.25.78") == Reported("PACS")


def test_a_report_that_names_nothing_verifies_nothing(ledger: Ledger, clock: Clock) -> None:
    outputs = sent(ledger)
    begin(ledger, clock, outputs)
    assert report(ledger) == Reported("PACS", unsettled=2)
    assert states(ledger, outputs) == ["SENT", "SENT"]


def test_an_instance_that_is_not_there_is_sent_again(ledger: Ledger, clock: Clock) -> None:
    outputs = sent(ledger)
    begin(ledger, clock, outputs)
    failed = {outputs[0].sop_instance_uid: 0x0112}
    assert report(ledger, outputs[1], failed=failed) == Reported("PACS", verified=1, missing=1)
    assert states(ledger, outputs) == ["WAITING", "VERIFIED"]
    assert [each.role for each in ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)] == ["A"]


def test_the_same_report_does_not_send_again_what_has_been_sent_since(
    ledger: Ledger, clock: Clock
) -> None:
    outputs = sent(ledger, "A")
    begin(ledger, clock, outputs)
    failed = {outputs[0].sop_instance_uid: 0x0112}
    report(ledger, failed=failed)
    resend(ledger)
    assert report(ledger, failed=failed) == Reported("PACS")
    assert states(ledger, outputs) == ["SENT"]
    # A later commitment has its own report.
    begin(ledger, clock, outputs, uid="2.25.78")
    assert report(ledger, failed=failed) == Reported("PACS")
    assert report(ledger, *outputs, uid="2.25.78") == Reported("PACS", verified=1)


def test_another_failure_is_asked_for_again_and_not_sent_again(
    ledger: Ledger, clock: Clock
) -> None:
    outputs = sent(ledger, "A")
    begin(ledger, clock, outputs)
    failed = {outputs[0].sop_instance_uid: 0x0213}
    assert report(ledger, failed=failed) == Reported("PACS", unsettled=1)
    (delivery,) = ledger.deliveries.of_job(outputs[0].job_id)
    assert (delivery.state, delivery.verification) == (
        DeliveryState.SENT, f"storage commitment {UID}: failed with 0x0213",
    )  # fmt: skip
    assert ledger.deliveries.next_due("PACS") is None


def test_what_is_stored_and_never_there_ends_unverified_and_is_said(
    ledger: Ledger, clock: Clock
) -> None:
    (output,) = outputs = sent(ledger, "A")
    for number in range(RESENDS + 1):
        begin(ledger, clock, outputs, uid=f"2.25.{number}")
        report(ledger, failed={output.sop_instance_uid: 0x0112}, uid=f"2.25.{number}")
        resend(ledger)
    assert states(ledger, outputs) == ["UNVERIFIED"]
    assert progress(ledger, output.job_id) is Progress.UNVERIFIED
    summary = ledger.reports.summary()
    assert summary.progress[Progress.UNVERIFIED] == 1
    (said,) = summary.unverified
    assert said.reason.endswith("0x0112 (no such object instance); it was sent 4 times")
    assert ledger.counts.backlog(clock.now - timedelta(hours=1)).unverified == 1
    # A person brings it back.
    assert ledger.repairs.redeliver([output.job_id], "me", Selection(states=["UNVERIFIED"])) == 1
    resend(ledger)
    assert states(ledger, outputs) == ["SENT"]


def test_a_report_that_comes_after_its_time_still_verifies(ledger: Ledger, clock: Clock) -> None:
    outputs = sent(ledger)
    begin(ledger, clock, outputs)
    clock.advance(2 * WITHIN_S)
    ledger.verifications.unverified([each.id for each in outputs], "PACS offers no C-FIND")
    assert report(ledger, *outputs) == Reported("PACS", verified=2)
    assert states(ledger, outputs) == ["VERIFIED", "VERIFIED"]


def test_a_report_on_what_nobody_requested_changes_nothing(ledger: Ledger, clock: Clock) -> None:
    outputs = sent(ledger)
    begin(ledger, clock, outputs)
    assert report(ledger, *outputs, uid="2.25.99") is None
    # Nor does an instance of another commitment.
    others = sent(ledger, "A", number=2)
    assert report(ledger, *others) == Reported("PACS", unsettled=2)
    assert states(ledger, others) == ["SENT"]


def test_what_is_to_be_taken_back_is_not_sent_again(ledger: Ledger, clock: Clock) -> None:
    (output,) = outputs = sent(ledger, "A")
    ledger.issues.to_be_retracted(output.job_id, [output.id], "2.25.5")
    begin(ledger, clock, outputs)
    report(ledger, failed={output.sop_instance_uid: 0x0112})
    (delivery,) = ledger.deliveries.of_job(output.job_id)
    assert (delivery.state, delivery.reason) == (DeliveryState.UNVERIFIED, "2.25.5")
    assert ledger.repairs.redeliver([output.job_id], "me", Selection(states=["UNVERIFIED"])) == 0


def test_nothing_is_asked_of_a_destination_that_is_paused(ledger: Ledger, clock: Clock) -> None:
    sent(ledger)
    clock.advance(2)
    ledger.breakers.pause("PACS", "me")
    assert ledger.verifications.claim("PACS", 60, 10) == []
    ledger.breakers.resume("PACS", "me")
    assert len(ledger.verifications.claim("PACS", 60, 10)) == 2


def test_what_is_not_to_be_verified_any_more_counts_as_delivered(ledger: Ledger) -> None:
    outputs = sent(ledger)
    assert ledger.verifications.waive("PACS", "PACS is not verified any more") == 2
    assert states(ledger, outputs) == ["DELIVERED", "DELIVERED"]
    assert ledger.verifications.waive("PACS", "PACS is not verified any more") == 0


def test_a_renamed_destination_is_asked_under_its_new_name(ledger: Ledger, clock: Clock) -> None:
    outputs = sent(ledger)
    begin(ledger, clock, outputs[:1])
    assert ledger.destinations.move("PACS", "ARCHIVE", "me") == 0
    assert ledger.verifications.claim("PACS", 60, 10) == []
    clock.advance(60)
    assert [each.role for each in ledger.verifications.claim("ARCHIVE", 60, 10)] == ["A", "B"]
    # What was requested under the old one is still understood.
    assert report(ledger, outputs[0]) == Reported("PACS", verified=1)


def test_nothing_is_asked_of_a_destination_that_was_forgotten(ledger: Ledger) -> None:
    outputs = sent(ledger)
    ledger.destinations.forget("PACS", "me")
    assert states(ledger, outputs) == ["DELIVERED", "DELIVERED"]


# Give-up age


def test_what_has_waited_too_long_is_given_up_and_comes_back_when_asked(
    ledger: Ledger, clock: Clock
) -> None:
    job_id = built(ledger, "PACS", roles="A")
    (delivery,) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    ledger.deliveries.retry(delivery.id, "s1", None, "no connection", clock.now)
    clock.advance(3600)
    never_tried = built(ledger, "PACS", roles="A", number=2)
    assert ledger.deliveries.give_up("PACS", 7200) == []
    assert ledger.deliveries.give_up("PACS", 3599) == [delivery.id]
    (given_up,) = ledger.deliveries.of_job(job_id)
    assert (given_up.state, given_up.reason) == (DeliveryState.GIVEN_UP, "no connection")
    assert progress(ledger, job_id) is Progress.INCOMPLETE
    assert progress(ledger, never_tried) is Progress.WAITING
    (refusal,) = ledger.reports.summary().refusals
    assert refusal.is_given_up
    assert ledger.repairs.redeliver([job_id], "me") == 1
    assert ledger.deliveries.give_up("PACS", 3599) == []


def test_what_a_sender_held_when_it_died_may_be_there(ledger: Ledger) -> None:
    built(ledger, "PACS", roles="A")
    (delivery,) = ledger.deliveries.claim("PACS", "dead", LEASE_S, 10)
    assert not delivery.in_doubt
    ledger.deliveries.free_of(["dead"])
    (again,) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    assert again.in_doubt
    ledger.deliveries.retry(again.id, "s1", 0xA700, "out of resources", ledger.now())
    (answered,) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 10)
    assert not answered.in_doubt


def request(ledger: Ledger, clock: Clock, outputs: list[Delivery], *numbers: int) -> None:
    for number in numbers:
        begin(ledger, clock, outputs, uid=f"2.25.{number}")


def test_who_reports_on_none_of_three_requests_is_silent(ledger: Ledger, clock: Clock) -> None:
    outputs, first = sent(ledger), clock.now
    request(ledger, clock, outputs, 1, 2, 3)
    assert ledger.verifications.silences() == {}
    clock.advance(121)
    assert ledger.verifications.silences() == {"PACS": Silence(3, first)}
    (record,) = ledger.destinations.all()
    assert record.silence == Silence(3, first)
    # Nobody is asked any more: what was is no matter of today.
    clock.advance(8 * 24 * 3600)
    assert ledger.verifications.silences() == {}


def test_two_requests_or_those_that_were_not_taken_say_nothing(
    ledger: Ledger, clock: Clock
) -> None:
    outputs = sent(ledger)
    request(ledger, clock, outputs, 1, 2, 3, 4)
    for number in (3, 4):
        ledger.verifications.not_requested(f"2.25.{number}")
    clock.advance(121)
    assert ledger.verifications.silences() == {}


def test_a_report_on_any_request_ends_the_silence_until_there_are_three_more(
    ledger: Ledger, clock: Clock
) -> None:
    outputs = sent(ledger)
    request(ledger, clock, outputs, 1, 2, 3, 4)
    clock.advance(121)
    report(ledger, uid="2.25.2")
    assert ledger.verifications.silences() == {}
    clock.advance(1)
    since = clock.now
    request(ledger, clock, outputs, 5, 6, 7)
    clock.advance(121)
    assert ledger.verifications.silences() == {"PACS": Silence(3, since)}


def test_what_a_person_sends_again_meanwhile_is_not_asked_for(ledger: Ledger, clock: Clock) -> None:
    outputs = sent(ledger, roles="A")
    again = Selection(states=["DELIVERED"])
    assert ledger.repairs.redeliver([outputs[0].job_id], "me", again) == 1
    begin(ledger, clock, outputs)
    assert states(ledger, outputs) == ["WAITING"]
    assert report(ledger, *outputs) == Reported("PACS")
