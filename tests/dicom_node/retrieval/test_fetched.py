"""What becomes of a fetched radiograph: nothing of it is sent, and it goes as others do."""

import threading
from datetime import timedelta

import pytest

from dicom_node.config import PriorsSection, RetentionSection
from dicom_node.ledger import Became, InquiryState, JobState, Priority
from dicom_node.ops.retention import Retention
from tests.dicom_node.bench import PACS, Bench
from tests.dicom_node.ledger.records import job_of
from tests.dicom_node.radiographs import changed
from tests.dicom_node.retrieval.archive import archive
from tests.dicom_node.retrieval.asking import (
    analyse,
    arrive,
    became,
    inquiry,
    job_from,
    loop_of,
    visit,
    work_all,
)

pytestmark = pytest.mark.slow


def test_what_was_routed_here_meanwhile_is_no_second_job(bench: Bench) -> None:
    first = visit("2026-03-01")
    job_id = analyse(bench, visit("2026-03-04"))
    arrive(bench, first)
    with archive([first]) as pacs:
        loop_of(bench, pacs).ask_next()
        assert pacs.given == []
    assert became(bench, job_id) == {"2026-03-01": Became.KNOWN}
    assert not job_from(bench, first).is_fetched


def test_what_is_routed_here_after_it_was_fetched_gets_its_results_sent(bench: Bench) -> None:
    first = visit("2026-03-01")
    analyse(bench, visit("2026-03-04"))
    with archive([first]) as pacs:
        loop_of(bench, pacs).ask_next()
    work_all(bench)
    bench.deliver()
    # In the hand of a worker, too: what it reports comes too late.
    fetched = job_from(bench, first)
    arrive(bench, first)
    job = job_from(bench, first)
    assert (job.id, job.state, job.is_fetched) == (fetched.id, JobState.RECEIVED, False)
    assert (job.priority, job.path.partition("/")[0]) == (Priority.ROUTINE, "received")
    work_all(bench)
    sent = {one.role for one in bench.ledger.deliveries.of_job(job.id)}
    assert sent == {"SEG", "SR"}
    # It came once more: nothing is sent twice.
    bench.deliver()
    arrive(bench, first)
    assert job_from(bench, first).state is JobState.BUILT


def test_of_one_that_cannot_be_analysed_nothing_is_sent_and_no_report_is_made_anew(
    bench: Bench,
) -> None:
    broken = visit("2026-03-01", PixelData=b"\0" * 1000)
    job_id = analyse(bench, visit("2026-03-04"))
    with archive([broken]) as pacs:
        loop = loop_of(bench, pacs)
        loop.ask_next()
    work_all(bench)
    loop.tell()
    assert job_from(bench, broken).state is JobState.FAILED
    assert bench.ledger.deliveries.of_job(job_from(bench, broken).id) == []
    assert inquiry(bench, job_id).state is InquiryState.CLOSED
    assert job_of(bench.ledger, job_id).state is JobState.BUILT


def test_results_of_what_was_fetched_are_sent_where_that_is_asked_for(bench: Bench) -> None:
    sending = PriorsSection(days=30, ask=(PACS,), send=True)
    first = visit("2026-03-01")
    analyse(bench, visit("2026-03-04"), sending)
    with archive([first]) as pacs:
        loop_of(bench, pacs, sending).ask_next()
    work_all(bench, sending)
    sent = {one.role for one in bench.ledger.deliveries.of_job(job_from(bench, first).id)}
    assert sent == {"SEG", "SR"}


def test_retention_removes_what_was_fetched_and_it_may_be_fetched_again(bench: Bench) -> None:
    first = visit("2026-03-01")
    analyse(bench, visit("2026-03-04"))
    with archive([first]) as pacs:
        loop_of(bench, pacs).ask_next()
        work_all(bench)
        path = job_from(bench, first).path
        bench.deliver()
        bench.clock.advance(timedelta(days=31).total_seconds())
        keeping = RetentionSection(delivered_days=30)
        Retention(bench.ledger, bench.spool, keeping).purge(threading.Event())
        assert bench.ledger.jobs.of_instance(first.SOPInstanceUID) == []
        assert not bench.spool.has(path)
        analyse(bench, visit("2026-03-05"))
        loop_of(bench, pacs).ask_next()
    assert job_from(bench, first).issue == 0


def test_results_that_were_sent_and_purged_are_not_sent_twice_for_it(bench: Bench) -> None:
    first = visit("2026-03-01")
    analyse(bench, first)
    bench.deliver()
    bench.clock.advance(timedelta(days=31).total_seconds())
    keeping = RetentionSection(delivered_days=30)
    Retention(bench.ledger, bench.spool, keeping).purge(threading.Event())
    analyse(bench, visit("2026-03-04"))
    with archive([first]) as pacs:
        loop_of(bench, pacs).ask_next()
    work_all(bench)
    job = job_from(bench, first)
    assert (job.state, job.issue, job.is_fetched) == (JobState.BUILT, 1, True)
    arrive(bench, first)
    work_all(bench)
    job = job_from(bench, first)
    assert (job.state, job.is_fetched) == (JobState.BUILT, True)
    assert bench.ledger.deliveries.of_job(job.id) == []


def test_both_files_go_of_what_was_fetched_and_then_sent_in_other_bytes(bench: Bench) -> None:
    first = visit("2026-03-01")
    analyse(bench, visit("2026-03-04"))
    with archive([first]) as pacs:
        loop_of(bench, pacs).ask_next()
    fetched = job_from(bench, first).path
    work_all(bench)
    arrive(bench, changed(first, StudyDescription="as the router has it"))
    work_all(bench)
    received = job_from(bench, first).path
    assert fetched.partition("_")[2] != received.partition("_")[2]
    bench.deliver()
    bench.clock.advance(timedelta(days=31).total_seconds())
    keeping = RetentionSection(delivered_days=30)
    Retention(bench.ledger, bench.spool, keeping).purge(threading.Event())
    assert [bench.spool.has(path) for path in (fetched, received)] == [False, False]
