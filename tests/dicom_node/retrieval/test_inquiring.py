"""Earlier radiographs that only an archive has: asked for once, fetched once, never sent."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from pydicom import Dataset

from dicom_node.config import PriorsSection, RetentionSection
from dicom_node.config.profiles import Profile
from dicom_node.demo.node import free_port
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.intake.indexing import index_of
from dicom_node.ledger import Became, Inquiry, InquiryState, Job, JobState, Priority
from dicom_node.ops.retention import Retention
from dicom_node.patients import Patients
from dicom_node.queueing import Received
from dicom_node.retrieval.dicom import DicomArchive
from dicom_node.retrieval.inquiring import ASK_FOR_S, InquiryLoop
from dicom_node.retrieval.taking import Taking
from inference.decoding.transfer_syntaxes import decodable
from sr_writer.equipment import Equipment
from sr_writer.progression import Omission
from tests.dicom_node.bench import PACS, Bench
from tests.dicom_node.ledger.records import job_of
from tests.dicom_node.radiographs import changed, file_bytes
from tests.dicom_node.rejecting import predecessors, referenced
from tests.dicom_node.retrieval.archive import Held, archive
from tests.phantoms import draw

pytestmark = pytest.mark.slow

WANTED = Profile(("SEG", "SR"), next_best=False)
ASKING = PriorsSection(days=30, most=2, ask=(PACS,))


def visit(day: str, kind: Kind = Kind.LEFT_OPACITY, **overrides: object) -> Dataset:
    date = day.replace("-", "")
    dates = dict.fromkeys(("StudyDate", "SeriesDate", "ContentDate", "AcquisitionDate"), date)
    keys: dict[str, Any] = {"IssuerOfPatientID": "HOSPITAL"} | dates | overrides
    return as_dicom(draw(kind, rows=382, columns=318, seed=4), **keys)


def arrive(bench: Bench, image: Dataset) -> int:
    content = file_bytes(image)
    return bench.accept(content, "", index_of(content, "it", Patients.of(bench.spool)).origin)


def analyse(bench: Bench, image: Dataset, priors: PriorsSection = ASKING) -> int:
    job_id = arrive(bench, image)
    assert bench.work(job_id, WANTED, priors=priors).state is JobState.BUILT
    return job_id


def loop_of(bench: Bench, to: Held | int, priors: PriorsSection = ASKING) -> InquiryLoop:
    held = to if isinstance(to, Held) else Held(to, [])
    maker = Equipment()
    taking = Taking(
        bench.ledger, bench.spool, Patients.of(bench.spool), bench.pipeline,
        (maker.manufacturer, maker.model_name), lambda _: None,
    )  # fmt: skip
    asking = DicomArchive(held.destination, "CXRNODE", 100_000_000, decodable())
    return InquiryLoop(PACS, asking, priors, bench.ledger, bench.spool, taking, "asker")


def work_all(bench: Bench, priors: PriorsSection = ASKING) -> None:
    """As long as any job waits."""
    worker = bench.worker(WANTED, priors=priors)
    while bench.ledger.jobs.count_waiting():
        worker.handle(Received(0, redelivered=False))


def inquiry(bench: Bench, job_id: int) -> Inquiry:
    (found,) = bench.ledger.inquiries.of_job(job_id)
    return found


def became(bench: Bench, job_id: int) -> dict[str, Became]:
    return {one.taken[:10]: one.became for one in inquiry(bench, job_id).shown}


def job_from(bench: Bench, image: Dataset) -> Job:
    (job,) = bench.ledger.jobs.of_instance(image.SOPInstanceUID)
    return job


def test_what_is_there_is_fetched_analysed_and_told_in_one_new_report(bench: Bench) -> None:
    first, second = visit("2026-03-01", Kind.HEALTHY), visit("2026-03-02")
    job_id = analyse(bench, visit("2026-03-04"))
    report = bench.deliver()["SR"]
    with archive([first, second]) as pacs:
        loop = loop_of(bench, pacs)
        assert loop.ask_next()
        # The last was fetched first.
        for image in (second, first):
            job = job_from(bench, image)
            assert (job.priority, job.is_fetched) == (Priority.LOW, True)
            assert bench.work(job.id, WANTED, priors=ASKING).state is JobState.BUILT
            # Not after each of them.
            assert job_of(bench.ledger, job_id).state is JobState.BUILT
        loop.tell()
        work_all(bench)
        loop.tell()
        # Nor is anything asked again, of this one or of what was fetched.
        assert not loop.ask_next()
        assert pacs.asked.count("STUDY") == 1
        assert sorted(pacs.given) == sorted(one.SOPInstanceUID for one in (first, second))
    after = bench.deliver_all()
    assert [one.Modality for one in after] == ["SR"]
    assert predecessors(after[0]) == {report.SOPInstanceUID}
    images = {first.SOPInstanceUID, second.SOPInstanceUID}
    assert referenced(after[0], "PertinentOtherEvidenceSequence") == images
    assert inquiry(bench, job_id).state is InquiryState.CLOSED
    assert [bench.ledger.lookups.outputs(job_from(bench, one).id) for one in (first, second)] == [
        [],
        [],
    ]


def test_an_archive_that_is_away_is_asked_until_it_is_back(bench: Bench) -> None:
    job_id = analyse(bench, visit("2026-03-04"))
    port = free_port()
    loop = loop_of(bench, port)
    for attempts in (1, 2):
        assert loop.ask_next()
        found = inquiry(bench, job_id)
        assert (found.state, found.attempts) == (InquiryState.WAITING, attempts)
        assert found.reason.startswith(f"pacs: no connection to 127.0.0.1:{port}")
        assert not loop.ask_next()
        bench.clock.advance(3600)
    with archive([visit("2026-03-01")], port=port):
        assert loop.ask_next()
    assert inquiry(bench, job_id).state is InquiryState.ANSWERED
    assert became(bench, job_id) == {"2026-03-01": Became.FETCHED}


def test_after_a_day_it_is_given_up_in_words(bench: Bench) -> None:
    job_id = analyse(bench, visit("2026-03-04"))
    loop = loop_of(bench, free_port())
    loop.ask_next()
    bench.clock.advance(ASK_FOR_S)
    assert loop.ask_next()
    assert inquiry(bench, job_id).state is InquiryState.GIVEN_UP
    bench.clock.advance(ASK_FOR_S)
    assert not loop.ask_next()
    said = [one.detail for one in bench.ledger.reports.events(job_id)]
    assert any(one.startswith("pacs: given up, pacs: no connection to 127.0.0.1") for one in said)


def test_an_archive_that_gives_nothing_to_anybody_is_given_up_at_once(bench: Bench) -> None:
    job_id = analyse(bench, visit("2026-03-04"))
    with archive([visit("2026-03-01")], gives=False) as pacs:
        assert loop_of(bench, pacs).ask_next()
    found = inquiry(bench, job_id)
    assert found.state is InquiryState.GIVEN_UP
    assert found.reason.startswith("pacs offers no C-GET")
    assert job_of(bench.ledger, job_id).state is JobState.BUILT


def test_what_it_shows_and_does_not_give_is_named_in_the_report(bench: Bench) -> None:
    kept, given = visit("2026-03-01"), visit("2026-03-02")
    job_id = analyse(bench, visit("2026-03-04"))
    with archive([kept, given]) as pacs:
        pacs.withheld.add(kept.SOPInstanceUID)
        loop = loop_of(bench, pacs)
        loop.ask_next()
    work_all(bench)
    loop.tell()
    bench.deliver()
    work_all(bench)
    told = bench.ledger.progressions.of_job(job_id)
    assert told is not None
    assert {one.taken[:10]: one.why for one in told.omitted} == {
        "2026-03-01": Omission.NOT_RETRIEVED
    }
    (report,) = [one for one in bench.deliver_all() if one.Modality == "SR"]
    assert "as the archive did not give them: 2026-03-01." in report.to_json()


def test_no_more_studies_are_fetched_than_are_compared_the_last_ones(bench: Bench) -> None:
    job_id = analyse(bench, visit("2026-03-10"))
    days = ("2026-03-01", "2026-03-02", "2026-03-05", "2026-03-06")
    hand = visit("2026-03-07", BodyPartExamined="HAND", AnatomicRegionSequence=None)
    with archive([*map(visit, days), hand]) as pacs:
        loop_of(bench, pacs).ask_next()
    assert became(bench, job_id) == {
        "2026-03-07": Became.NOT_ELIGIBLE,
        "2026-03-06": Became.FETCHED,
        "2026-03-05": Became.FETCHED,
    }


def test_neither_strangers_nor_our_own_results_nor_another_issuers_are_kept(bench: Bench) -> None:
    maker = Equipment()
    ours = {"Manufacturer": maker.manufacturer, "ManufacturerModelName": maker.model_name}
    shown = [
        visit("2026-03-01", PatientBirthDate="19010203"),
        visit("2026-03-02", PatientBirthDate=""),
        visit("2026-03-03", **ours),
        visit("2026-03-04", IssuerOfPatientID="ELSEWHERE"),
        visit("2026-03-10", AcquisitionTime="235959"),
    ]
    job_id = analyse(bench, visit("2026-03-10"))
    with archive(shown) as pacs:
        loop_of(bench, pacs).ask_next()
    assert became(bench, job_id) == {
        "2026-03-01": Became.OTHER_PATIENT,
        "2026-03-02": Became.UNCONFIRMED,
        "2026-03-03": Became.OURS,
        "2026-03-10": Became.NOT_EARLIER,
    }
    assert [bench.ledger.jobs.of_instance(one.SOPInstanceUID) for one in shown] == [[]] * 5
    assert not bench.spool.has("fetched")


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


def test_without_the_setting_nobody_is_asked(bench: Bench) -> None:
    job_id = analyse(bench, visit("2026-03-04"), ASKING.model_copy(update={"ask": ()}))
    assert bench.ledger.inquiries.of_job(job_id) == []


def test_who_vanished_while_asking_is_followed_by_the_next_at_once(bench: Bench) -> None:
    job_id = analyse(bench, visit("2026-03-04"))
    assert bench.ledger.inquiries.claim(PACS, "dead", 900.0) is not None
    assert bench.ledger.inquiries.claim(PACS, "asker", 900.0) is None
    bench.ledger.inquiries.free_of(["dead"])
    again = bench.ledger.inquiries.claim(PACS, "asker", 900.0)
    assert again is not None
    assert (again.job_id, again.attempts) == (job_id, 2)


def test_a_destination_that_a_person_has_paused_is_not_asked(bench: Bench) -> None:
    analyse(bench, visit("2026-03-04"))
    bench.ledger.breakers.pause(PACS, "test", "maintenance")
    assert bench.ledger.inquiries.claim(PACS, "asker", 900.0) is None


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
