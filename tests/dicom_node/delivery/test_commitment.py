"""Storage commitment with an archive that reports: early, late, twice, of a part, of nothing.

Each association, each report and each row of the ledger is real; the clock alone is set forward.
"""

import logging
from collections.abc import Iterator

import pytest

from dicom_node.config import Caller, NodeSection
from dicom_node.intake.listener import Listener
from dicom_node.queueing import Queues
from tests.dicom_node.delivery.archive import ALL_WELL, FAILURES, Archive, information
from tests.dicom_node.delivery.bench import Bench, delivery_of
from tests.dicom_node.delivery.stepping import WITHIN_S, node, said, states
from tests.dicom_node.listening import INSTALLATION

pytestmark = pytest.mark.slow


@pytest.fixture
def listener(bench: Bench) -> Iterator[Listener]:
    """That of another process, to which the archive is no known sender."""
    node = NodeSection(state=bench.folder, port=0)
    queues = Queues("filesystem://", node.queue_folder, prefetch=1)
    callers = [Caller(aet="MODALITY")]
    listener = Listener(node, callers, bench.spool, bench.ledger, queues, INSTALLATION, ["ARCHIVE"])
    listener.start()
    yield listener
    listener.stop()
    queues.close()


def test_a_report_by_an_association_of_its_own_verifies(
    bench: Bench, archive: Archive, listener: Listener
) -> None:
    sender, job_id = node(bench, archive, "commitment")
    sender.verify()
    (asked,) = archive.asked
    assert sorted(asked.uids) == sorted(archive.arrived)
    assert states(bench, job_id) == {"SENT"}
    assert archive.settle(listener.port, asked) == 0x0000
    assert states(bench, job_id) == {"VERIFIED"}
    # Twice is as good as once.
    assert archive.settle(listener.port, asked) == 0x0000
    sender.verify(WITHIN_S + 1)
    assert len(archive.asked) == 1
    assert set(archive.arrived.values()) == {1}


def test_a_report_by_the_same_association_verifies(bench: Bench, archive: Archive) -> None:
    archive.reports_at_once = True
    sender, job_id = node(bench, archive, "commitment")
    sender.verify()
    assert states(bench, job_id) == {"VERIFIED"}


def test_a_report_without_role_selection_counts_as_well(
    bench: Bench, archive: Archive, listener: Listener
) -> None:
    sender, job_id = node(bench, archive, "commitment")
    sender.verify()
    report = information(archive.asked[0].transaction_uid, archive.held, {})
    assert archive.report(listener.port, report, with_role=False) == 0x0000
    assert states(bench, job_id) == {"VERIFIED"}


def test_a_sender_that_died_after_its_request_is_reported_to_all_the_same(
    bench: Bench, archive: Archive, listener: Listener
) -> None:
    """What is needed to understand a report is on the disk before the request leaves."""
    _, job_id = node(bench, archive, "commitment")
    ids = [each.id for each in bench.ledger.deliveries.of_job(job_id)]
    bench.ledger.verifications.begin("2.25.1", "pacs", ids, bench.clock(), bench.clock())
    report = information("2.25.1", archive.held, {})
    assert archive.report(listener.port, report) == 0x0000
    assert states(bench, job_id) == {"VERIFIED"}


@pytest.mark.parametrize("bare", [False, True], ids=["empty sequences", "no sequences"])
@pytest.mark.parametrize("event_type", [ALL_WELL, FAILURES])
def test_a_report_that_names_nothing_verifies_nothing_and_is_asked_for_again(
    bench: Bench, archive: Archive, listener: Listener, event_type: int, bare: bool
) -> None:
    sender, job_id = node(bench, archive, "commitment")
    sender.verify()
    report = information(archive.asked[0].transaction_uid, (), {}, bare=bare)
    assert archive.report(listener.port, report, event_type) == 0x0000
    assert states(bench, job_id) == {"SENT"}
    sender.verify(60)
    assert len(archive.asked) == 2
    assert archive.settle(listener.port, archive.asked[1]) == 0x0000
    assert states(bench, job_id) == {"VERIFIED"}
    assert set(archive.arrived.values()) == {1}


def test_a_partial_report_leaves_the_rest_to_the_next(
    bench: Bench, archive: Archive, listener: Listener
) -> None:
    sender, job_id = node(bench, archive, "commitment")
    sender.verify()
    asked = archive.asked[0]
    first = information(asked.transaction_uid, asked.uids[:1], {})
    assert archive.report(listener.port, first) == 0x0000
    assert sorted(s.value for s in bench.states(job_id)) == ["SENT", "SENT", "VERIFIED"]
    assert archive.settle(listener.port, asked) == 0x0000
    assert states(bench, job_id) == {"VERIFIED"}


def test_what_the_report_says_is_not_there_is_sent_again_and_nothing_else(
    bench: Bench, archive: Archive, listener: Listener
) -> None:
    sender, job_id = node(bench, archive, "commitment")
    sender.verify()
    lost = delivery_of(bench, job_id, "SR").sop_instance_uid
    archive.held.discard(lost)
    assert archive.settle(listener.port, archive.asked[0]) == 0x0000
    assert bench.by_role(job_id) == {"SEG": "VERIFIED", "SR": "WAITING", "SC": "VERIFIED"}
    sender.send()
    # The same report once more says nothing about what was sent since.
    assert archive.report(
        listener.port, information(archive.asked[0].transaction_uid, (), {lost: 0x0112}), FAILURES
    ) == 0x0000  # fmt: skip
    assert bench.by_role(job_id)["SR"] == "SENT"
    sender.verify()
    assert archive.settle(listener.port, archive.asked[1]) == 0x0000
    assert states(bench, job_id) == {"VERIFIED"}
    assert archive.arrived[lost] == 2
    assert sorted(archive.arrived.values()) == [1, 1, 2]


def test_without_a_report_it_is_requested_again_with_growing_pauses(
    bench: Bench, archive: Archive
) -> None:
    """The listener may have been away when the archive reported, and it reports once."""
    sender, job_id = node(bench, archive, "commitment")
    sender.verify()
    requests = []
    # It is due 60, 60 + 120 and 180 + 240 s after the first, and later as far as it is seen late.
    for after_s in (30, 40, 90, 40, 200, 60):
        sender.verify(after_s)
        requests.append(len(archive.asked))
    assert requests == [1, 2, 2, 3, 3, 4]
    assert len({asked.transaction_uid for asked in archive.asked}) == 4
    assert {tuple(sorted(asked.uids)) for asked in archive.asked} == {tuple(sorted(archive.held))}
    # At its deadline what it shows decides, as ever.
    sender.verify(WITHIN_S)
    assert states(bench, job_id) == {"VERIFIED"}
    assert len(archive.asked) == 4


@pytest.mark.parametrize("which", [0, 1])
def test_a_report_on_either_request_verifies_and_ends_the_asking(
    bench: Bench, archive: Archive, listener: Listener, which: int
) -> None:
    sender, job_id = node(bench, archive, "commitment")
    sender.verify()
    sender.verify(61)
    assert archive.settle(listener.port, archive.asked[which]) == 0x0000
    assert states(bench, job_id) == {"VERIFIED"}
    sender.verify(200)
    assert len(archive.asked) == 2


def test_an_archive_that_reports_on_nothing_is_said_once_and_so_is_that_it_does_again(
    bench: Bench, archive: Archive, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    silent = "answers no request for storage commitment: see that it knows this node's AE title"
    sender, _ = node(bench, archive, "commitment")

    def said(what: str) -> list[int]:
        return [r.levelno for r in caplog.records if r.getMessage().startswith(what)]

    for after_s in (3, 70, 130):
        sender.verify(after_s)
    assert len(archive.asked) == 3
    assert said(silent) == []
    sender.verify(125)
    sender.verify(40)
    assert said(silent) == [logging.WARNING]
    assert archive.settle(listener.port, archive.asked[0]) == 0x0000
    sender.verify(40)
    assert said("no longer silent") == [logging.INFO]
    assert said(silent) == [logging.WARNING]


def test_without_a_report_in_time_what_the_archive_shows_decides(
    bench: Bench, archive: Archive
) -> None:
    sender, job_id = node(bench, archive, "commitment")
    sender.verify()
    assert len(archive.asked) == 1
    sender.verify(WITHIN_S + 1)
    assert states(bench, job_id) == {"VERIFIED"}
    assert said(bench, job_id) == "pacs shows it"
    assert len(archive.asked) == 1


def test_without_report_and_query_it_is_unverified_until_the_report_comes(
    bench: Bench, listener: Listener
) -> None:
    with Archive(offers_find=False) as archive:
        sender, job_id = node(bench, archive, "commitment")
        sender.verify()
        sender.verify(WITHIN_S + 1)
        assert states(bench, job_id) == {"UNVERIFIED"}
        assert said(bench, job_id) == "pacs offers no C-FIND"
        bench.clock.advance(3 * 24 * 3600)
        assert archive.settle(listener.port, archive.asked[0]) == 0x0000
        assert states(bench, job_id) == {"VERIFIED"}


def test_where_commitment_is_not_offered_a_query_decides(bench: Bench) -> None:
    with Archive(offers_commitment=False) as archive:
        sender, job_id = node(bench, archive, "commitment")
        sender.verify()
        assert states(bench, job_id) == {"VERIFIED"}


def test_a_request_that_is_refused_is_made_again(
    bench: Bench, archive: Archive, listener: Listener
) -> None:
    archive.on_commit = 0x0213
    sender, job_id = node(bench, archive, "commitment")
    sender.verify()
    assert said(bench, job_id).startswith(
        "pacs: answered a request for storage commitment with 0x0213"
    )
    archive.on_commit = 0x0000
    sender.verify(60)
    assert archive.settle(listener.port, archive.asked[0]) == 0x0000
    assert states(bench, job_id) == {"VERIFIED"}


def test_a_report_on_what_nobody_asked_is_refused(
    bench: Bench, archive: Archive, listener: Listener
) -> None:
    _, job_id = node(bench, archive, "commitment")
    report = information("2.25.1", archive.held, {})
    assert archive.report(listener.port, report) == 0x0115
    assert archive.report(listener.port, report, 9) == 0x0113
    assert states(bench, job_id) == {"SENT"}


def test_who_is_no_destination_may_not_report(archive: Archive, listener: Listener) -> None:
    report = information("2.25.1", (), {})
    assert archive.report(listener.port, report, calling_aet="STRANGER") is None
