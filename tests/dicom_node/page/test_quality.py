"""Quality: a device whose images are read otherwise this week is said, and chance is not."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

from dicom_node.ledger import FindingsRecord, Ledger, Origin
from tests.dicom_node.ledger.records import PIPELINE, Clock, claimed, instance, output, to
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


def measure(
    site: Site,
    days_ago: int,
    station: str,
    brightness: list[float],
    first: int,
    sharpness: float | None = 1.8,
) -> None:
    clock = Clock()
    clock.now = datetime.now(UTC) - timedelta(days=days_ago)
    with closing(Ledger.open(site.node.config.ledger_url, clock)) as ledger:
        for number, bright in enumerate(brightness, start=first):
            origin = Origin(station_name=station)
            job_id = ledger.jobs.accept(instance(number, origin=origin), PIPELINE).job_id
            assert ledger.jobs.claim(job_id, PIPELINE, "w1", 60)
            found = FindingsRecord("negative", "", 0.0, 0.0, 0.0, (), bright, 0.17, sharpness)
            if sharpness is None:
                found = FindingsRecord("negative", "", 0.0, 0.0, 0.0)
            ledger.handover.built(job_id, "w1", [output("A", number)], to("PACS"), found)


def around(middle: float, count: int) -> list[float]:
    """A mean of `middle`, a deviation of 0.1."""
    return [middle + (0.1 if number % 2 else -0.1) for number in range(count)]


def looks(page: str) -> list[tuple[str, bool]]:
    """Each device whose images' looks are told, and whether they have shifted."""
    table = page[page.index('id="looks"') :]
    rows = table.split('<tr><th scope="row">')[1:]
    return [(row[: row.index(" ")], "</i>shifted" in row) for row in rows]


def test_images_that_look_otherwise_are_said_and_what_matters_to_nobody_is_not(site: Site) -> None:
    measure(site, 20, "BRIGHT", around(0.5, 60), 1)
    measure(site, 2, "BRIGHT", around(0.6, 40), 101)
    measure(site, 20, "STEADY", around(0.5, 60), 201)
    measure(site, 2, "STEADY", around(0.53, 40), 301)
    # Of so many that it is no chance, and too little to matter.
    measure(site, 20, "MANY", around(0.5, 300), 1001)
    measure(site, 2, "MANY", around(0.53, 200), 2001)
    measure(site, 20, "FEW", around(0.5, 60), 401)
    measure(site, 2, "FEW", around(0.9, 20), 501)
    measure(site, 20, "SOFT", around(0.5, 40), 601, sharpness=1.8)
    measure(site, 2, "SOFT", around(0.5, 40), 701, sharpness=1.5)
    page = site.as_("vera").page("/quality")
    told = dict(looks(page))
    assert told == {"BRIGHT": True, "STEADY": False, "MANY": False, "FEW": False, "SOFT": True}
    assert "60.0 % ± 10.1<br><small>50.0 % ± 10.1" in page
    assert "1.50 ± 0.00<br><small>1.80 ± 0.00" in page
    assert [name for name, _ in looks(page)][:2] == ["BRIGHT", "SOFT"]


def test_what_an_older_version_analysed_is_not_measured(site: Site) -> None:
    measure(site, 20, "OLD", around(0.5, 40), 1, sharpness=None)
    measure(site, 2, "OLD", around(0.5, 40), 101)
    page = site.as_("vera").page("/quality")
    assert looks(page) == [("OLD", False)]
    assert "<br><small>–</small>" in page


def test_what_a_person_had_analysed_anyway_says_nothing_of_its_device(site: Site) -> None:
    measure(site, 2, "ER 1", around(0.5, 1), 1)
    job = claimed(site.ledger, number=2)
    site.ledger.handover.skipped(job.id, "w1", "not a frontal view (View Position LL)")
    assert site.ledger.requeue.override(job.id, PIPELINE, "otto", "it is")
    assert site.ledger.jobs.claim(job.id, PIPELINE, "w1", 60)
    found = FindingsRecord("undetermined", "", None, None, None, ("not_eligible",), 0.1, 0.1, 9.0)
    site.ledger.handover.built(job.id, "w1", [output("A", 2)], to("PACS"), found)
    page = site.as_("vera").page("/quality")
    assert "not_eligible" not in page
    assert "9.00" not in page


def test_of_few_images_nothing_is_said(site: Site) -> None:
    fill(site, 20, "ER 1", ["negative"] * 40, 1)
    fill(site, 2, "ER 1", ["positive"] * 20, 101)
    assert "</i>shifted" not in site.as_("vera").page("/quality")
