"""Earlier radiographs of a patient, as the page of a job shows them."""

import re

from dicom_node.ledger import Became, FindingsRecord, Shown
from dicom_node.ops.asked.archives import BECAME
from dicom_node.ops.asked.earlier import WHY
from sr_writer.progression import Omission, Progression
from tests.dicom_node.ledger.records import built, claimed
from tests.dicom_node.page.visiting import Site
from tests.sr_writer.earlier import ALL_OMITTED, TWO

FOUND = FindingsRecord("positive", "", 30.0, 35.0, 32.0)


def shown(site: Site, told: Progression, found: FindingsRecord = FOUND) -> str:
    job = claimed(site.ledger)
    site.ledger.progressions.fix(job, told, site.ledger.now())
    site.ledger.handover.built(job.id, "w1", [], [], found)
    page = site.as_("vera").page(f"/jobs/{job.id}")
    return page[page.index('id="earlier"') :].partition("</section>")[0]


def cells(section: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", section.partition("<tbody>")[2], re.DOTALL)
    return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]
            for row in rows]  # fmt: skip


def test_each_date_has_its_figures_then_the_change_and_what_is_not_compared(site: Site) -> None:
    section = shown(site, TWO)
    assert cells(section) == [
        ["2026-11-02 08:00:00", "12.5 %", "40.2 %", "compared"],
        ["2026-11-10", "0.0 %", "–", "compared"],
        ["2026-11-12 09:30:00", "30.0 %", "35.0 %", "this one"],
        ["Change, points", "+30", "–", ""],
        ["2026-05-01", WHY[Omission.TOO_OLD], "not compared"],
        ["2026-10-31", WHY[Omission.OTHER_PATIENT], "not compared"],
        ["2026-11-01 10:00:00", WHY[Omission.OTHER_PATIENT], "not compared"],
    ]
    assert section.count("<circle") == 5
    assert "Infected percentage of each lung by date, 0 to 50 %" in section
    assert 'href="/jobs?study=1.2.1"' in section


def test_of_an_undetermined_one_no_change_is_said(site: Site) -> None:
    found = FindingsRecord("undetermined", "", 30.0, 35.0, 32.0)
    section = shown(site, TWO, found)
    assert ["2026-11-12 09:30:00", "–", "–", "this one"] in cells(section)
    assert "Change" not in section


def test_where_none_is_compared_there_is_no_chart(site: Site) -> None:
    section = shown(site, ALL_OMITTED)
    assert "<svg" not in section
    assert len(cells(section)) == 3


def test_a_job_that_tells_of_none_shows_none(site: Site) -> None:
    job_id = built(site.ledger, "PACS")
    assert 'id="earlier"' not in site.as_("vera").page(f"/jobs/{job_id}")


def test_every_reason_is_said() -> None:
    assert set(WHY) == set(Omission)


def test_archives_that_were_asked_are_shown_with_what_became_of_each_image(site: Site) -> None:
    job_id = built(site.ledger, "PACS")
    site.ledger.inquiries.begin(job_id, 0, ["pacs"])
    asked = site.ledger.inquiries.claim("pacs", "s1", 60.0)
    assert asked is not None
    shown_by_it = (
        Shown(Became.FETCHED, "2026-03-02T08:00:00", "1.2.1", "1.2.4"),
        Shown(Became.OTHER_PATIENT, "2026-03-03", "1.2.2", "1.2.3"),
        Shown(Became.NOT_ELIGIBLE, "", "1.2.5", "1.2.6", "not a frontal view (<b>)"),
    )
    site.ledger.inquiries.answered(asked, shown_by_it, "pacs: 1 fetched")
    site.ledger.inquiries.closed(asked)
    page = site.as_("vera").page(f"/jobs/{job_id}")
    section = page[page.index('id="archives"') :].partition("</section>")[0]
    assert "<b>pacs</b> answered" in section
    assert cells(section) == [
        ["–", "not to be analysed: not a frontal view (&lt;b&gt;)", "–"],
        ["2026-03-02 08:00:00", "fetched", "here"],
        ["2026-03-03", WHY[Omission.OTHER_PATIENT], "–"],
    ]


def test_everything_that_becomes_of_an_image_is_said() -> None:
    assert set(BECAME) == set(Became)
