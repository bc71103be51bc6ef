"""Review: what waits for a reader, and what a click does."""

from dicom_node.ledger import FindingsRecord
from tests.dicom_node.ledger.records import claimed, output, skip, to
from tests.dicom_node.page.visiting import Site


def put(site: Site, number: int, decision: str = "undetermined") -> int:
    job = claimed(site.ledger, number=number)
    found = FindingsRecord(decision, "signs too faint to say", 1.0, 2.0, 1.5)
    site.ledger.handover.built(job.id, "w1", [output("SR", number)], to("PACS"), found)
    return job.id


def test_a_click_is_kept_with_its_reader_and_leads_to_the_next(site: Site) -> None:
    first, second = put(site, 1), put(site, 2)
    vera = site.as_("vera")
    page = vera.page("/review")
    assert "2 wait for you: 2 because undetermined" in page
    shown = second if f"Job {second}<" in page else first
    page = vera.submit(f"/review/{shown}", verdict="reject", note="the heart <b>is marked")
    assert f"Job {shown}: reject." in page
    assert "1 wait for you" in page
    (said,) = site.ledger.assessments.of_job(shown)
    assert (said.reader, said.verdict.value, said.note) == (
        "vera", "reject", "the heart <b>is marked",
    )  # fmt: skip
    page = vera.page(f"/jobs/{shown}")
    assert "<b>vera</b> reject, " in page
    assert "the heart &lt;b&gt;is marked" in page
    assert f"job {shown}" in site.as_("ada").page("/audit")
    # Another reader is asked for a look of their own at the other one.
    assert "wait for you" in site.as_("otto").page("/review")


def test_from_a_job_s_page_it_leads_back_there(site: Site) -> None:
    job_id = put(site, 1)
    vera = site.as_("vera")
    vera.page(f"/jobs/{job_id}")
    answer = vera.post(f"/review/{job_id}", verdict="accept", back="job")
    assert answer.headers["location"] == f"/jobs/{job_id}#said"
    assert "Nothing of the last 28 days waits for you" in vera.page("/review")


def test_what_cannot_be_judged_or_said_is_refused(site: Site) -> None:
    job_id, skipped = put(site, 1), claimed(site.ledger, number=2)
    skip(site.ledger, skipped)
    vera = site.as_("vera")
    vera.page("/review")
    assert vera.post(f"/review/{job_id}", verdict="whatever").status_code == 400
    assert vera.post(f"/review/{skipped.id}", verdict="accept").status_code == 404
    assert vera.post(f"/review/{10**30}", verdict="accept").status_code == 404
    assert site.browser().post(f"/review/{job_id}", verdict="accept").status_code in (303, 403)
    assert site.ledger.assessments.of_job(job_id) == []


def test_quality_says_how_far_readers_agree(site: Site) -> None:
    job_id = put(site, 1, "positive")
    for name, verdict in (("vera", "accept"), ("otto", "accept")):
        browser = site.as_(name)
        browser.page(f"/jobs/{job_id}")
        assert browser.post(f"/review/{job_id}", verdict=verdict).status_code == 303
    page = site.as_("vera").page("/quality")
    assert "1 images were judged by two: 1 alike" in page
    table = page[page.index('id="judged"') :]
    assert '<th scope="row">positive</th><td class="n">2</td><td class="n">0</td>' in table
