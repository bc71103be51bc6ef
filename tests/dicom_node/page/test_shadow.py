"""Shadow: how the pipeline that is only tried differs, as a person sees it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_node.ledger import FindingsRecord, Said
from tests.dicom_node.ledger.records import claimed, output, to
from tests.dicom_node.page.visiting import Site

SHADOW = "lite-2"


@pytest.fixture
def trying(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, {"shadow": {"positive_above": 0.5}}, shadow=SHADOW)
    yield made
    made.close()


def put(
    site: Site, number: int, sent: str, tried: Said, percent: float | None, *, picture: bool
) -> int:
    job = claimed(site.ledger, number=number)
    found = FindingsRecord(sent, "", percent, percent, percent)
    site.ledger.handover.built(job.id, "w1", [output("SR", number)], to("PACS"), found)
    assert site.ledger.shadows.begin(job.id, SHADOW)
    site.ledger.shadows.keep(job.id, SHADOW, tried, b"webp" if picture else None)
    return job.id


def test_it_says_how_often_and_where_the_two_differ(trying: Site) -> None:
    same = put(trying, 1, "negative", Said("negative", 0.0, 0.0, 0.0), 0.0, picture=False)
    turned = put(trying, 2, "negative", Said("positive", 20.0, 20.0, 20.0), 0.0, picture=True)
    page = trying.as_("vera").page("/shadow")
    assert "2 images of the last 28 days by both, 1 with the same decision (50.0 %)" in page
    assert "On average +10.0; 95 % lie between -17.7 and +37.7" in page
    assert f"Job {turned}</a>: sent negative, 0.0 %; tried positive, 20.0 %" in page
    assert f"Job {same}</a>" not in page
    assert f'src="/shadow/{turned}/picture"' in page
    assert page.count("<circle") == 2


def test_the_picture_is_for_who_may_look_and_the_look_is_noted(trying: Site) -> None:
    job_id = put(trying, 1, "negative", Said("positive", 9.0, 9.0, 9.0), 0.0, picture=True)
    answer = trying.as_("vera").get(f"/shadow/{job_id}/picture")
    assert (answer.content, answer.headers["content-type"]) == (b"webp", "image/webp")
    assert trying.browser(address="10.0.0.9").get(f"/shadow/{job_id}/picture").status_code == 303
    assert trying.as_("vera").get("/shadow/999/picture").status_code == 404
    assert trying.as_("vera").get(f"/shadow/{10**30}/picture").status_code == 404
    assert f"job {job_id}" in trying.as_("ada").page("/audit")


def test_nothing_tried_yet_is_said_and_nothing_configured_has_no_tab(
    trying: Site, site: Site
) -> None:
    browser = trying.as_("vera")
    assert "0 images of the last 28 days by both" in browser.page("/shadow")
    assert 'href="/shadow"' in browser.page("/")
    browser = site.as_("vera")
    assert 'href="/shadow"' not in browser.page("/")
    assert "No other pipeline is tried" in browser.page("/shadow")


def test_readers_are_shown_both_and_what_they_prefer_is_counted(trying: Site) -> None:
    job_id = put(trying, 1, "negative", Said("positive", 9.0, 9.0, 9.0), 0.0, picture=True)
    vera = trying.as_("vera")
    page = vera.page("/review")
    assert "1 because the pipeline in the shadow decides otherwise" in page
    assert f'src="/shadow/{job_id}/picture"' in page
    assert vera.post(f"/review/{job_id}", verdict="other").status_code == 303
    assert "is right 0 times, what is tried 1, neither 0" in vera.page("/shadow")
    same = put(trying, 2, "undetermined", Said("undetermined"), None, picture=False)
    page = vera.page("/review")
    assert f"Job {same}<" in page
    assert 'value="other"' not in page
