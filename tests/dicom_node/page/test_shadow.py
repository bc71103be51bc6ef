"""Shadow: how the pipeline that is only tried differs, as a person sees it."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dicom_node.ledger import PICTURE_GAP, FindingsRecord, Said
from tests.dicom_node.ledger.records import claimed, output, to
from tests.dicom_node.page.visiting import Site

SHADOW = "lite-2"


def side_by_side() -> bytes:
    """Dark on the left, bright on the right."""
    both = np.full((32, 24 + PICTURE_GAP + 24), 200, np.uint8)
    both[:, :24] = 40
    file = BytesIO()
    Image.fromarray(both).save(file, "WEBP")
    return file.getvalue()


WEBP = side_by_side()


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
    site.ledger.shadows.keep(job.id, SHADOW, tried, WEBP if picture else None)
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
    assert (answer.content, answer.headers["content-type"]) == (WEBP, "image/webp")
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
    assert f'src="/shadow/{job_id}/picture?half=right&amp;pipeline={SHADOW}"' in page
    assert vera.post(f"/review/{job_id}", verdict="other").status_code == 303
    assert "is right 0 times, what is tried 1, neither 0" in vera.page("/shadow")
    same = put(trying, 2, "undetermined", Said("undetermined"), None, picture=False)
    page = vera.page("/review")
    assert f"Job {same}<" in page
    assert "Much the same: no picture was kept." in page


def test_all_that_were_tried_are_shown_and_the_one_that_is_chosen_is_counted(trying: Site) -> None:
    job_id = put(trying, 1, "negative", Said("positive", 9.0, 9.0, 9.0), 0.0, picture=True)
    shadows = trying.ledger.shadows
    assert shadows.begin(job_id, "third-3")
    shadows.keep(job_id, "third-3", Said("positive", 20.0, 20.0, 20.0), WEBP)
    assert shadows.begin(job_id, "broken-4")
    shadows.failed(job_id, "broken-4", "no memory")
    vera = trying.as_("vera")
    page = vera.page("/review")
    assert "<code>lite-2</code>: positive, 9.0 %" in page
    assert "<code>third-3</code>: positive, 20.0 %" in page
    assert "broken-4" not in page
    for half, color in (("left", 40), ("right", 200)):
        answer = vera.get(f"/shadow/{job_id}/picture?half={half}&pipeline=third-3")
        shown = np.asarray(Image.open(BytesIO(answer.content)).convert("L"))
        assert shown.shape == (32, 24)
        assert np.abs(shown.astype(int) - color).max() < 12
    assert vera.get(f"/shadow/{job_id}/picture?pipeline=broken-4").status_code == 404
    assert vera.post(f"/review/{job_id}", best="broken-4").status_code == 400
    assert vera.post(f"/review/{job_id}", best="third-3").status_code == 303
    (said,) = trying.ledger.assessments.of_job(job_id)
    assert (said.verdict.value, said.pipeline) == ("other", "third-3")
    assert "other, pipeline <code>third-3</code>, " in vera.page(f"/jobs/{job_id}")
    table = vera.page("/quality").partition('id="choices"')[2]
    rows = [row.split("</tr>")[0] for row in table.split('<tr><th scope="row">')[1:]]
    assert [row.split("</code>")[0].removeprefix("<code>") for row in rows] == [
        "third-3", "fpn-1", "lite-2",
    ]  # fmt: skip
    assert '<td class="n">1</td><td class="n">1</td><td class="n">100.0 %</td>' in rows[0]
    assert '<td class="n">0</td><td class="n">1</td><td class="n">0.0 %</td>' in rows[1]
    # It is neither of the two that the tab compares.
    assert "is right 0 times, what is tried 0, neither 0" in vera.page("/shadow")
