"""Does the archive keep what it answered to have stored? One that does, and many that do not.

Each association, each report and each row of the ledger is real; the clock alone is set forward.
"""

import threading
from dataclasses import replace

import pytest
from pydicom.uid import generate_uid

from dicom_node.delivery.sender import Sender
from dicom_node.delivery.verifying import OVERDUE_S
from dicom_node.ledger import REJECTION_NOTE, Progress, Route
from dicom_node.ledger.sending.verifications import RESENDS
from dicom_node.queueing import Queues
from tests.dicom_node.delivery.archive import Archive
from tests.dicom_node.delivery.bench import Bench, delivery_of, wait_until
from tests.dicom_node.delivery.stepping import WITHIN_S, Node, node, said, states
from tests.dicom_node.hearts import heart
from tests.dicom_node.ledger.records import progress

pytestmark = pytest.mark.slow


# By a query


def test_what_the_archive_shows_is_verified(bench: Bench, archive: Archive) -> None:
    sender, job_id = node(bench, archive, "query")
    assert states(bench, job_id) == {"SENT"}
    assert progress(bench.ledger, job_id) is Progress.SENT
    sender.verify()
    assert states(bench, job_id) == {"VERIFIED"}
    assert said(bench, job_id) == "pacs shows it"
    assert set(archive.arrived.values()) == {1}


def test_what_it_shows_later_is_asked_for_again_and_not_sent_again(
    bench: Bench, archive: Archive
) -> None:
    archive.keeps = lambda _uid: False
    sender, job_id = node(bench, archive, "query")
    sender.verify()
    assert states(bench, job_id) == {"SENT"}
    assert said(bench, job_id) == "pacs does not show it"
    archive.held |= set(archive.arrived)
    sender.verify(60)
    assert states(bench, job_id) == {"VERIFIED"}
    assert set(archive.arrived.values()) == {1}


def test_what_it_answered_to_have_stored_and_lost_is_sent_again(
    bench: Bench, archive: Archive
) -> None:
    lost = []

    def loses_the_first(uid: str) -> bool:
        if uid not in lost:
            lost.append(uid)
            return False
        return True

    archive.keeps = loses_the_first
    sender, job_id = node(bench, archive, "query")
    sender.verify(WITHIN_S + 1)
    assert states(bench, job_id) == {"WAITING"}
    sender.send()
    sender.verify()
    assert states(bench, job_id) == {"VERIFIED"}
    assert set(archive.arrived.values()) == {2}


def test_what_it_loses_again_and_again_ends_unverified_and_is_said(
    bench: Bench, archive: Archive
) -> None:
    archive.keeps = lambda _uid: False
    sender, job_id = node(bench, archive, "query")
    for _ in range(RESENDS + 1):
        sender.verify(WITHIN_S + 1)
        sender.send()
    assert states(bench, job_id) == {"UNVERIFIED"}
    assert set(archive.arrived.values()) == {RESENDS + 1}
    (one,) = bench.ledger.reports.summary().unverified
    assert (one.outputs, one.reason) == (3, "pacs does not show it; it was sent 4 times")


@pytest.mark.parametrize("refuses", ["at association", "by status"])
def test_an_archive_without_a_query_leaves_it_unverified_and_says_so(
    bench: Bench, refuses: str
) -> None:
    with Archive(offers_find=refuses == "by status", on_find=0x0122) as archive:
        sender, job_id = node(bench, archive, "query")
        sender.verify()
        assert states(bench, job_id) == {"UNVERIFIED"}
        assert "C-FIND" in said(bench, job_id)


def test_an_archive_that_is_away_is_asked_until_it_is_back(bench: Bench, archive: Archive) -> None:
    sender, job_id = node(bench, archive, "query")
    archive.on_find = 0xA700
    sender.verify(WITHIN_S + 1)
    assert states(bench, job_id) == {"SENT"}
    assert said(bench, job_id) == "pacs: answered C-FIND with 0xa700"
    archive.on_find = 0x0000
    sender.verify(600)
    assert states(bench, job_id) == {"VERIFIED"}


def test_an_archive_that_stays_away_for_a_day_leaves_it_unverified(
    bench: Bench, archive: Archive
) -> None:
    sender, job_id = node(bench, archive, "query")
    archive.on_find = 0xA700
    sender.verify(WITHIN_S + OVERDUE_S + 1)
    assert states(bench, job_id) == {"UNVERIFIED"}


# After an attempt without an answer


def test_what_is_there_after_an_attempt_without_an_answer_is_not_sent_again(
    bench: Bench, archive: Archive
) -> None:
    def abort_once(event: object) -> int:
        if len(archive.arrived) == 1 and archive.arrived.total() == 1:
            archive.held |= set(archive.arrived)
            event.assoc.abort()  # type: ignore[attr-defined]
        return 0x0000

    archive.on_store = abort_once
    sender, job_id = node(bench, archive, "query")
    assert sorted(s.value for s in bench.states(job_id)) == ["SENT", "SENT", "WAITING"]
    assert "aborted the association" in (delivery_of(bench, job_id, "SEG").reason or "")
    bench.clock.advance(60)
    sender.send()
    sender.verify()
    assert states(bench, job_id) == {"VERIFIED"}
    assert set(archive.arrived.values()) == {1}


def test_what_is_not_there_after_such_an_attempt_is_sent_again(
    bench: Bench, archive: Archive
) -> None:
    def abort_once(event: object) -> int:
        if archive.arrived.total() == 1:
            event.assoc.abort()  # type: ignore[attr-defined]
            return 0xA700
        return 0x0000

    archive.on_store = abort_once
    sender, job_id = node(bench, archive, "query")
    bench.clock.advance(60)
    sender.send()
    sender.verify()
    assert states(bench, job_id) == {"VERIFIED"}
    assert sorted(archive.arrived.values()) == [1, 1, 2]


# What is not verified


def test_a_rejection_note_is_not_asked_for_since_archives_hide_it(
    bench: Bench, archive: Archive
) -> None:
    to = archive.destination(verify="query")
    study = generate_uid()
    job = bench.ledger.jobs.claim(bench.accept(study), "pipeline", "worker", 60)
    assert job is not None
    note = replace(bench.output("SC", study), role=REJECTION_NOTE)
    bench.ledger.handover.built(job.id, "worker", [note], [Route("pacs", [REJECTION_NOTE])])
    Node(bench, to).send()
    assert states(bench, job.id) == {"DELIVERED"}


# The sender as a whole


def test_a_sender_verifies_by_itself(bench: Bench, archive: Archive) -> None:
    archive.reports_at_once = True
    to = archive.destination(verify="commitment", verify_within_s=WITHIN_S)
    job_id = bench.build(to)
    queues = Queues("filesystem://", bench.folder / "queue", prefetch=1)
    owner = heart(bench.ledger, "sender")
    sender = Sender("CXRNODE", [to], bench.spool, bench.ledger, queues, owner)
    stop = threading.Event()
    thread = threading.Thread(target=sender.run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: states(bench, job_id) == {"VERIFIED"}, 40)
    finally:
        stop.set()
        thread.join()
        queues.close()
    assert set(archive.arrived.values()) == {1}
