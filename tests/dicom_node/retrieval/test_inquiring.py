"""Earlier radiographs that only an archive has: asked for once, fetched once, told at once."""

from contextlib import AbstractContextManager
from typing import Any

import pytest

from dicom_node.cli.checks.archives import archives
from dicom_node.cli.checks.check import Check, Level
from dicom_node.config import parse
from dicom_node.demo.node import free_port
from dicom_node.demo.phantom import Kind
from dicom_node.errors import UNKNOWN_TRIES
from dicom_node.ledger import Became, InquiryState, JobState, Priority
from dicom_node.retrieval.archive import Conversation
from dicom_node.retrieval.inquiring import ASK_FOR_S
from sr_writer.equipment import Equipment
from sr_writer.progression import Omission
from tests.dicom_node.bench import PACS, Bench
from tests.dicom_node.ledger.records import job_of
from tests.dicom_node.rejecting import predecessors, referenced
from tests.dicom_node.retrieval.archive import archive
from tests.dicom_node.retrieval.asking import (
    ASKING,
    WANTED,
    analyse,
    became,
    inquiry,
    job_from,
    loop_of,
    visit,
    work_all,
)

pytestmark = pytest.mark.slow


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
    ours: dict[str, Any] = {
        "Manufacturer": maker.manufacturer,
        "ManufacturerModelName": maker.model_name,
    }
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


def test_the_doctor_tries_whether_an_archive_may_be_asked(bench: Bench) -> None:
    def looked_at(port: int) -> Check:
        to = {"name": PACS, "aet": "PACS", "host": "127.0.0.1", "port": port}
        config = parse({"node": {"state": bench.folder}, "destination": [to],
                        "priors": {"days": 30, "ask": [PACS]}})  # fmt: skip
        (check,) = archives(config, network=True)
        return check

    with archive([]) as pacs:
        assert looked_at(pacs.port).level is Level.OK
    with archive([], gives=False) as pacs:
        check = looked_at(pacs.port)
    assert (check.level, check.found) == (Level.FAULT, "pacs offers no C-GET")
    assert looked_at(free_port()).level is Level.FAULT


class _Buggy:
    """Fails as no code of ours should."""

    def open(self) -> AbstractContextManager[Conversation]:
        raise ZeroDivisionError("of Doe^Jane")


def test_a_bug_is_tried_a_few_times_and_quotes_nobody(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = analyse(bench, visit("2026-03-04"))
    loop = loop_of(bench, free_port())
    loop._archive = _Buggy()
    for _ in range(UNKNOWN_TRIES):
        assert loop.ask_next()
        bench.clock.advance(3600)
    assert not loop.ask_next()
    found = inquiry(bench, job_id)
    assert (found.state, found.reason) == (InquiryState.GIVEN_UP, "unexpected ZeroDivisionError")
    assert caplog.records[-1].exc_info is not None
