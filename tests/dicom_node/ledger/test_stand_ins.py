"""What a destination does not accept, and what goes there instead."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from dicom_node.ledger import (
    DeliveryState,
    Ledger,
    Progress,
    Substitution,
)
from tests.dicom_node.ledger.records import (
    LEASE_S,
    START,
    claimed,
    happened,
    output,
    progress,
)
from tests.dicom_node.ledger.standing_in import CHAIN, ROLES, states, taken


def with_reserves(ledger: Ledger) -> int:
    job = claimed(ledger)
    ledger.handover.built(job.id, "w1", [output(role) for role in ROLES], [CHAIN])
    return job.id


def test_what_is_kept_in_reserve_is_not_sent_and_not_waited_for(ledger: Ledger) -> None:
    job_id = with_reserves(ledger)
    batch = taken(ledger)
    assert list(batch) == ["SEG", "SR", "SC"]
    for delivery_id in batch.values():
        ledger.deliveries.delivered(delivery_id, "s1", 0x0000)
    assert progress(ledger, job_id) is Progress.DELIVERED
    assert ledger.deliveries.next_due("PACS") is None
    stand_ins = {d.role: d.stands_in_for for d in ledger.deliveries.of_job(job_id)}
    assert stand_ins == {"SEG": None, "SR": None, "SC": None, **CHAIN.reserves}


def test_the_next_best_is_sent_and_said(ledger: Ledger) -> None:
    job_id = with_reserves(ledger)
    batch = taken(ledger)
    refused = ledger.deliveries.refused(batch["SEG"], "s1", None, "PACS does not accept SEG", "PR")
    assert refused is DeliveryState.SUBSTITUTED
    ledger.deliveries.delivered(batch["SR"], "s1", 0x0000)
    ledger.deliveries.delivered(batch["SC"], "s1", 0x0000)
    assert progress(ledger, job_id) is Progress.WAITING
    (instead,) = taken(ledger).items()
    assert instead[0] == "PR"
    ledger.deliveries.delivered(instead[1], "s1", 0x0000)
    assert progress(ledger, job_id) is Progress.DELIVERED
    assert states(ledger, job_id)["SEG"] == "SUBSTITUTED"
    (said,) = ledger.reports.summary().substitutions
    assert said == Substitution("PACS does not accept SEG: PR is sent instead", 1, START)
    events = happened(ledger, job_id)
    assert "not accepted, another is sent instead" in events
    assert "sent instead of what is not accepted" in events


def test_what_is_sent_anyway_stands_in_as_well(ledger: Ledger) -> None:
    job_id = with_reserves(ledger)
    batch = taken(ledger)
    for role in ("SR", "SC"):
        ledger.deliveries.delivered(batch[role], "s1", 0x0000)
    ledger.deliveries.refused(batch["SEG"], "s1", None, "no SEG", "PR")
    ledger.deliveries.refused(taken(ledger)["PR"], "s1", None, "no PR", "SC")
    assert progress(ledger, job_id) is Progress.DELIVERED
    assert states(ledger, job_id) == {
        "SEG": "SUBSTITUTED", "SR": "DELIVERED", "SR2D": "RESERVE",
        "SC": "DELIVERED", "PR": "SUBSTITUTED", "DOC": "RESERVE",
    }  # fmt: skip


def test_where_nothing_is_left_to_send_it_was_refused(ledger: Ledger) -> None:
    job_id = with_reserves(ledger)
    batch = taken(ledger)
    ledger.deliveries.delivered(batch["SR"], "s1", 0x0000)
    assert ledger.deliveries.refused(batch["SC"], "s1", None, "no SC") is DeliveryState.REFUSED
    ledger.deliveries.refused(batch["SEG"], "s1", None, "no SEG", "PR")
    # The overlay, which would be next, has been refused as well.
    assert (
        ledger.deliveries.refused(taken(ledger)["PR"], "s1", None, "no PR", "SC")
        is DeliveryState.REFUSED
    )
    assert progress(ledger, job_id) is Progress.INCOMPLETE


def test_a_stand_in_that_is_still_to_be_built_goes_as_soon_as_it_is(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handover.handed_over(job.id, "w1", [output("SEG"), output("SR")], [CHAIN])
    batch = taken(ledger)
    refused = ledger.deliveries.refused(batch["SEG"], "s1", None, "no SEG", "PR")
    assert refused is DeliveryState.SUBSTITUTED
    ledger.deliveries.delivered(batch["SR"], "s1", 0x0000)
    ledger.handover.built(
        job.id, "w1", [output(role) for role in ("SR2D", "SC", "PR", "DOC")], [CHAIN]
    )
    assert sorted(taken(ledger)) == ["PR", "SC"]


def test_of_a_job_that_ended_without_it_no_stand_in_is_hoped_for(ledger: Ledger) -> None:
    job = claimed(ledger)
    ledger.handover.handed_over(job.id, "w1", [output("SEG"), output("SR")], [CHAIN])
    ledger.handover.failed(job.id, "w1", "the overlay is not valid")
    batch = taken(ledger)
    assert ledger.deliveries.refused(batch["SEG"], "s1", None, "no", "PR") is DeliveryState.REFUSED


def test_one_destinations_refusal_is_not_anothers(ledger: Ledger) -> None:
    job = claimed(ledger)
    other = replace(CHAIN, destination="OTHER")
    ledger.handover.built(job.id, "w1", [output(role) for role in ROLES], [CHAIN, other])
    ledger.deliveries.refused(taken(ledger)["SEG"], "s1", None, "no SEG", "PR")
    assert "PR" in taken(ledger)
    assert list(taken(ledger, "OTHER")) == ["SEG", "SR", "SC"]


def test_a_refusal_that_meets_the_hand_over_lets_the_stand_in_go(ledger: Ledger) -> None:
    """Whichever of the two commits first."""
    handed = []
    for number in range(12):
        job = claimed(ledger, number=number)
        ledger.handover.handed_over(job.id, "w1", [output("SEG", number)], [CHAIN])
        (delivery,) = ledger.deliveries.claim("PACS", "s1", LEASE_S, 1)
        handed.append((job.id, number, delivery.id))
    barrier = threading.Barrier(2, timeout=30)

    def refuse() -> None:
        for _, _, delivery_id in handed:
            barrier.wait()
            ledger.deliveries.refused(delivery_id, "s1", None, "no SEG", "PR")

    def build() -> None:
        for job_id, number, _ in handed:
            barrier.wait()
            ledger.handover.built(job_id, "w1", [output("PR", number)], [CHAIN])

    with ThreadPoolExecutor(2) as pool:
        for run in [pool.submit(refuse), pool.submit(build)]:
            run.result()
    for job_id, _, _ in handed:
        assert states(ledger, job_id) == {"SEG": "SUBSTITUTED", "PR": "WAITING"}
