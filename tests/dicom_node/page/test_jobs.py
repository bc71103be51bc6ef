"""Jobs as people search them, and what is done to all that a search means."""

import re
from dataclasses import replace

import pytest

from dicom_node.audit import Trail
from dicom_node.ledger import Filter, FindingsRecord, JobState, Origin, Priority
from dicom_node.page.site.audit import Audit
from dicom_node.patients import Patients
from tests.dicom_node.ledger.records import (
    PIPELINE,
    built,
    claimed,
    deliver,
    fail,
    happened,
    instance,
    output,
    skip,
    state,
    to,
)
from tests.dicom_node.page.visiting import Site


def numbers(page: str) -> list[int]:
    """Of the jobs in the table."""
    return [int(found) for found in re.findall(r'<th scope="row"><a href="/jobs/(\d+)"', page)]


def tabs(page: str) -> dict[str, int]:
    found = re.findall(r'<a href="/jobs[^"]*"[^>]*>([\w ]+) <b[^>]*>(\d+)</b>', page)
    return {name: int(count) for name, count in found if int(count)}


def refuse(site: Site, number: int) -> int:
    job_id = built(site.ledger, "PACS", number=number)
    for one in site.ledger.deliveries.claim("PACS", "s1", 60, 10):
        site.ledger.deliveries.refused(one.id, "s1", 0xC000, "PACS: no")
    return job_id


@pytest.fixture
def many(site: Site) -> Site:
    """One of each: waits, failed, skipped, delivered, refused, on its way."""
    site.ledger.jobs.accept(instance(1), PIPELINE)
    fail(site.ledger, claimed(site.ledger, number=2))
    skip(site.ledger, claimed(site.ledger, number=3))
    built(site.ledger, "PACS", number=4)
    deliver(site.ledger)
    refuse(site, 5)
    built(site.ledger, "PACS", number=6)
    return site


def test_tabs_count_what_they_lead_to(many: Site) -> None:
    browser = many.as_("vera")
    found = tabs(browser.page("/jobs"))
    assert found == {"All": 6, "Waiting": 1, "Analysed": 3, "To be sent": 1, "Failed": 1,
                     "Refused": 1, "Skipped": 1}  # fmt: skip
    for value, job_id in (("RECEIVED", 1), ("FAILED", 2), ("SKIPPED", 3), ("REFUSED", 5)):
        assert numbers(browser.page(f"/jobs?state={value}")) == [job_id]


def test_filters_are_in_the_url_and_all_must_be_met(site: Site) -> None:
    for number, (accession, aet, station, decision) in enumerate(
        (
            ("A1", "MOBILE", "ER 1", "positive"),
            ("A2", "MOBILE", "ER 2", "negative"),
            ("A3", "FIXED", "ER 1", "negative"),
        ),
        start=1,
    ):
        origin = Origin(accession_number=accession, station_name=station)
        made = instance(number, calling_aet=aet, origin=origin, study_instance_uid=f"1.9.{number}")
        job_id = site.ledger.jobs.accept(made, PIPELINE).job_id
        assert site.ledger.jobs.claim(job_id, PIPELINE, "w1", 60)
        found = FindingsRecord(decision, "why", None, None, None)
        site.ledger.handover.built(job_id, "w1", [output("A", number)], to("PACS"), found)
    browser = site.as_("vera")
    for query, meant in (
        ("accession=A2", [2]),
        ("aet=MOBILE", [2, 1]),
        ("device=ER+1", [3, 1]),
        ("decision=negative", [3, 2]),
        ("decision=negative&aet=MOBILE", [2]),
        ("study=1.9.3", [3]),
        ("since=1", [3, 2, 1]),
        ("before=2", [2, 1]),
        ("accession=A9", []),
    ):
        assert numbers(browser.page(f"/jobs?{query}")) == meant, query
    assert tabs(browser.page("/jobs?decision=negative"))["Analysed"] == 2


def test_refused_results_are_told_apart_by_destination_and_reason(site: Site) -> None:
    ledger = site.ledger
    for number in (1, 2, 3):
        built(ledger, "PACS", "OLD", number=number)
    why = {("PACS", 1): "no such patient", ("PACS", 2): "disk full 100%", ("OLD", 1): "disk full"}
    for destination in ("PACS", "OLD"):
        for one in ledger.deliveries.claim(destination, "s1", 60, 20):
            if reason := why.get((destination, one.job_id)):
                ledger.deliveries.refused(one.id, "s1", 0xC000, f"{destination}: {reason}")
            else:
                ledger.deliveries.delivered(one.id, "s1", 0x0000)
    fail(ledger, claimed(ledger, number=4))
    browser = site.as_("otto")
    for query, expected in (
        ("state=REFUSED", [2, 1]),
        ("state=REFUSED&destination=PACS", [2, 1]),
        ("state=REFUSED&destination=OLD", [1]),
        ("state=REFUSED&reason=DISK+FULL", [2, 1]),
        ("state=REFUSED&destination=PACS&reason=disk", [2]),
        ("state=REFUSED&reason=100%25", [2]),
        ("state=REFUSED&reason=_", []),
        ("state=REFUSED&destination=PACS&accession=A1", []),
        ("state=REFUSED&destination=PACS&since=1", [2, 1]),
    ):
        assert numbers(browser.page(f"/jobs?{query}")) == expected, query
    page = browser.page("/jobs?destination=OLD&state=REFUSED")
    assert tabs(page) == {"All": 4, "Analysed": 3, "Failed": 1, "Refused": 1}
    # A tab of jobs leads to all of its own, and is not asked for what only results have.
    assert 'href="/jobs?state=FAILED"' in page
    assert 'name="reason"' not in browser.page("/jobs?state=FAILED")
    assert browser.get("/jobs?state=FAILED&reason=disk").status_code == 400
    assert "<option selected>OLD</option>" in page
    page = browser.page("/jobs?state=REFUSED&reason=disk")
    assert tabs(page)["Refused"] == 2
    assert page.count("disk full") == 2
    # What is sent again goes where it was refused and is asked for, and nowhere else.
    asked = {"action": "redeliver", "state": "REFUSED", "destination": "OLD"}
    assert "Deliver again: 1 job" in browser.submit("/jobs/confirm", **asked)
    assert "Requeued 0 jobs and 2 deliveries." in browser.submit("/jobs/act", **asked)
    assert {one.destination for one in ledger.deliveries.of_job(1) if one.state == "WAITING"} == {
        "OLD"
    }


def test_a_patient_is_found_by_the_id_which_is_in_no_url(site: Site) -> None:
    patients = Patients.of(site.node.spool)
    origin = Origin(accession_number="A1", patient_id_hash=patients.hash("PAT-4711"))
    site.ledger.jobs.accept(replace(instance(1), origin=origin), PIPELINE)
    site.ledger.jobs.accept(instance(2), PIPELINE)
    browser = site.as_("vera")
    browser.get("/")
    answer = browser.post("/find", text="PAT-4711")
    assert "4711" not in answer.headers["location"]
    page = browser.page(answer.headers["location"])
    assert numbers(page) == [1]
    assert "of one patient" in page
    assert "4711" not in (site.folder / "page.audit.jsonl").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "leads_to"),
    [
        ("A1", "/jobs?accession=A1"),
        ("1.2.9", "/jobs?study=1.2.9"),
        ("1.2.3.1", "/jobs/1"),
        ("2.25.1.A", "/jobs/1"),
        ("nothing", "/jobs"),
        ("", "/jobs"),
    ],
)
def test_find_leads_to_what_a_number_or_a_uid_means(site: Site, text: str, leads_to: str) -> None:
    made = instance(1, origin=Origin(accession_number="A1"))
    job_id = site.ledger.jobs.accept(made, PIPELINE).job_id
    site.ledger.jobs.claim(job_id, PIPELINE, "w1", 60)
    site.ledger.handover.built(job_id, "w1", [output("A")], to("PACS"))
    browser = site.as_("vera")
    browser.get("/")
    assert browser.post("/find", text=text).headers["location"] == leads_to


def test_all_matching_are_counted_before_anything_is_done_and_then_delivered_again(
    site: Site,
) -> None:
    ids = [refuse(site, number) for number in (1, 2, 3)]
    fail(site.ledger, claimed(site.ledger, number=4))
    browser = site.as_("otto")
    asked = browser.submit("/jobs/confirm", action="redeliver", state="REFUSED")
    assert "have what is missing of 3 jobs sent again" in asked
    assert "Deliver again: 3 jobs" in asked
    assert [happened(site.ledger, one).count("to be delivered again, as a person asked")
            for one in ids] == [0, 0, 0]  # fmt: skip
    (upto,) = re.findall(r'name="before" value="(\d+)"', asked)
    late = refuse(site, 5)
    done = browser.submit(
        "/jobs/act", action="redeliver", state="REFUSED", before=upto, why="fixed"
    )
    assert "Requeued 0 jobs and 6 deliveries." in done
    assert numbers(browser.page("/jobs?state=REFUSED")) == [late]
    last = Audit(site.folder, Trail.off()).latest(1)[0]
    assert (last.who, last.what, last.detail) == ("otto", "redeliver", "fixed")
    assert last.about == "3 jobs: state REFUSED, before 3" or "3 jobs" in last.about


def test_no_more_is_done_than_was_confirmed(site: Site) -> None:
    slow = claimed(site.ledger, number=1)
    fail(site.ledger, claimed(site.ledger, number=2))
    browser = site.as_("otto")
    asked = browser.submit("/jobs/confirm", action="requeue", state="FAILED")
    form = dict(re.findall(r'name="(before|count)" value="(\d+)"', asked))
    assert form == {"before": "2", "count": "1"}
    fail(site.ledger, slow)
    again = browser.submit("/jobs/act", action="requeue", state="FAILED", **form)
    assert "Nothing was done: 1 could be, and 2 can by now." in again
    assert state(site.ledger, 2) is JobState.FAILED
    form = dict(re.findall(r'name="(before|count)" value="(\d+)"', again))
    done = browser.submit("/jobs/act", action="requeue", state="FAILED", **form)
    assert "Requeued 2 jobs" in done


def test_what_failed_or_was_skipped_is_analysed_again(many: Site) -> None:
    browser = many.as_("otto")
    assert "Analyse again: 2 jobs" in browser.submit("/jobs/confirm", action="requeue")
    assert "Requeued 2 jobs and 0 deliveries." in browser.submit("/jobs/act", action="requeue")
    assert [state(many.ledger, one) for one in (2, 3)] == [JobState.RECEIVED] * 2
    (entry,) = [one for one in many.ledger.reports.events(2) if "analysed again" in one.event]
    assert entry.owner == "otto on the page"


def test_what_waits_is_withdrawn_by_who_may_and_comes_back_when_asked(many: Site) -> None:
    browser = many.as_("ada")
    assert "Withdraw: 3 jobs" in browser.submit("/jobs/confirm", action="withdraw")
    done = browser.submit("/jobs/act", action="withdraw", why="a test")
    assert "Withdrew 1 job and 4 deliveries." in done
    assert state(many.ledger, 1) is JobState.SKIPPED
    page = browser.page("/jobs/1")
    assert "withdrawn by ada on the page: a test" in page
    assert tabs(browser.page("/jobs"))["Skipped"] == 2
    browser.submit("/jobs/act", action="requeue", job="1")
    assert state(many.ledger, 1) is JobState.RECEIVED
    browser.submit("/jobs/act", action="resend", job="6")
    assert many.ledger.pace.stages().delivery.waiting == 2


def test_what_a_worker_or_sender_has_in_hand_is_not_withdrawn(site: Site) -> None:
    claimed(site.ledger, number=1)
    built(site.ledger, "PACS", number=2)
    site.ledger.deliveries.claim("PACS", "s1", 60, 10)
    assert "there is nothing to do" in site.as_("ada").submit("/jobs/confirm", action="withdraw")


def test_somebody_is_let_go_first(site: Site) -> None:
    site.ledger.jobs.accept(instance(1), PIPELINE)
    page = site.as_("otto").submit("/jobs/1/priority", priority="STAT")
    assert "It is STAT now." in page
    assert site.ledger.lookups.jobs(Filter(ids=[1]), 1)[0].priority is Priority.STAT


def test_a_list_is_read_on_page_by_page(site: Site) -> None:
    for number in range(1, 54):
        site.ledger.jobs.accept(instance(number), PIPELINE)
    browser = site.as_("vera")
    page = browser.page("/jobs")
    assert numbers(page) == list(range(53, 3, -1))
    (older,) = re.findall(r'href="(/jobs\?before=\d+)">Older', page)
    assert numbers(browser.page(older)) == [3, 2, 1]


def test_a_job_that_is_none_is_said_to_be(site: Site) -> None:
    browser = site.as_("vera")
    for path in ("/jobs/4711", f"/jobs/{'9' * 30}", "/jobs/1/picture"):
        assert browser.get(path).status_code == 404
    assert browser.get("/jobs/1/picture").status_code == 404
