"""Quality: a device whose images are read otherwise this week is said, and chance is not."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

from dicom_node.ledger import FindingsRecord, Ledger, Origin
from tests.dicom_node.ledger.records import PIPELINE, Clock, instance, output, to
from tests.dicom_node.page.visiting import Site


def fill(site: Site, days_ago: int, station: str, decisions: list[str], first: int) -> None:
    clock = Clock()
    clock.now = datetime.now(UTC) - timedelta(days=days_ago)
    with closing(Ledger.open(site.node.config.ledger_url, clock)) as ledger:
        for number, decision in enumerate(decisions, start=first):
            origin = Origin(station_name=station, manufacturer="Maker", model_name="Model")
            job_id = ledger.jobs.accept(instance(number, origin=origin), PIPELINE).job_id
            assert ledger.jobs.claim(job_id, PIPELINE, "w1", 60)
            codes = ("SPACING",) if decision == "undetermined" else ()
            found = FindingsRecord(decision, "", 10.0, 20.0, 15.0, codes)
            ledger.handover.built(job_id, "w1", [output("A", number)], to("PACS"), found)


def test_a_shift_of_a_device_is_said_and_what_chance_may_do_is_not(site: Site) -> None:
    fill(site, 20, "ER 1", ["negative"] * 36 + ["positive"] * 4, 1)
    fill(site, 2, "ER 1", ["negative"] * 20 + ["positive"] * 20, 101)
    fill(site, 20, "ROOM 2", ["negative"] * 36 + ["undetermined"] * 4, 201)
    fill(site, 2, "ROOM 2", ["negative"] * 33 + ["undetermined"] * 7, 301)
    page = site.as_("vera").page("/quality")
    assert page.index("ER 1") < page.index("ROOM 2")
    assert page.count("</i>shifted") == 1
    assert "50.0 %<br><small>10.0 %" in page
    assert "17.5 %<br><small>10.0 %" in page
    assert "SPACING 7" in page
    assert "15.0 %" in page


def test_of_few_images_nothing_is_said(site: Site) -> None:
    fill(site, 20, "ER 1", ["negative"] * 40, 1)
    fill(site, 2, "ER 1", ["positive"] * 20, 101)
    assert "</i>shifted" not in site.as_("vera").page("/quality")
