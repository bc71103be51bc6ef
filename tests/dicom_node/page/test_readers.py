"""What readers drew, on the page: beside the node's figures, and how far both agree over time."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

from dicom_node.ledger import Correction, Counted, InstanceKind, Ledger, Origin
from tests.dicom_node.ledger.records import PIPELINE, instance
from tests.dicom_node.page.visiting import Site

HOSTILE = "<b id=pwned>^Reader\u202e"


def drawn(
    site: Site, number: int, month: int, counted: Counted, author: str = "Rontgen^Anna"
) -> tuple[int, int]:
    """A radiograph's job, and that of what was drawn on it."""
    with closing(Ledger.open(site.node.config.ledger_url)) as ledger:
        image, seg = (
            ledger.jobs.accept(instance(one), PIPELINE).job_id for one in (number, 1000 + number)
        )
        job = ledger.jobs.get(image)
        assert job is not None
        ledger.corrections.keep(
            Correction(
                seg, image, job.sop_instance_uid, f"1.9.{number}", "ab", author,
                "2026-11-28T09:15:00", "MANUAL", "", datetime(2026, month, 5, tzinfo=UTC), counted,
            )
        )  # fmt: skip
    return image, seg


def test_a_radiograph_shows_the_reader_beside_the_node(site: Site) -> None:
    counted = Counted(25.0, 10.0, 18.3, 30.0, 0.0, 16.5, 0.98, 0.97, 0.81)
    image, seg = drawn(site, 1, 11, counted)
    page = site.as_("vera").page(f"/jobs/{image}")
    assert "Drawn by readers" in page
    assert "<b>Anna Rontgen</b>, 2026-11-28 09:15:00, manual" in page
    assert f'<a href="/jobs/{seg}">job {seg}</a>' in page
    assert "25.0 %" in page
    assert "16.5 %" in page
    assert "Dice: left lung 0.98, right lung 0.97, infection 0.81" in page
    assert f'on <a href="/jobs/{image}">job {image}</a>' in site.as_("vera").page(f"/jobs/{seg}")


def test_an_authors_name_stays_text(site: Site) -> None:
    image, _ = drawn(site, 1, 11, Counted(), HOSTILE)
    page = site.as_("vera").page(f"/jobs/{image}")
    assert "<b id=pwned>" not in page
    assert "\u202e" not in page


def test_agreement_is_told_month_by_month(site: Site) -> None:
    drawn(site, 1, 10, Counted(0.0, 0.0, 0.0, 5.0, 5.0, 5.0, 1.0, 0.9, 0.0))
    drawn(site, 2, 11, Counted(25.0, 10.0, 20.0, 30.0, 0.0, 10.0, 0.98, 0.96, 0.8))
    drawn(site, 3, 11, Counted(25.0, 10.0, 20.0, 30.0, 0.0, 18.0, 1.0, 1.0, 0.9))
    page = site.as_("vera").page("/quality")
    rows = page[page.index("Where readers corrected") :].split("<tr>")[2:]
    values = [row.replace("</td>", "").split('<td class="n">')[1:] for row in rows]
    said = [[value.split("<")[0].strip() for value in row] for row in values]
    assert said == [["2", "0.98", "0.85", "6.0", "0"], ["1", "0.95", "0.00", "5.0", "1"]]


def test_a_viewer_is_no_device(site: Site) -> None:
    by = Origin(manufacturer="Viewer", model_name="Unspecified")
    seg = replace(instance(1, origin=by), kind=InstanceKind.SEGMENTATION)
    with closing(Ledger.open(site.node.config.ledger_url)) as ledger:
        ledger.jobs.accept(seg, PIPELINE)
    assert "Unspecified" not in site.as_("vera").page("/quality")


def test_where_nobody_corrected_nothing_is_said(site: Site) -> None:
    assert "Where readers corrected" not in site.as_("vera").page("/quality")
