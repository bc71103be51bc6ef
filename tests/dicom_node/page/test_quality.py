"""Quality: what is said of each device's images and how they look, and which of them drift."""

from datetime import UTC, datetime

import pytest

from dicom_node.alerts.watch import Watch
from dicom_node.config import AlertsSection
from dicom_node.drift.look import DriftLook
from dicom_node.ledger import FindingsRecord, Origin
from tests.dicom_node.drift.filling import Filling, around, negative
from tests.dicom_node.ledger.records import PIPELINE, claimed, output, to
from tests.dicom_node.page.visiting import Site


@pytest.fixture
def filling(site: Site) -> Filling:
    return Filling(site.node.config.ledger_url, datetime.now(UTC))


def decided(*decisions: str) -> list[FindingsRecord]:
    return [
        FindingsRecord(one, "", 10.0, 20.0, 15.0, ("SPACING",) if one == "undetermined" else ())
        for one in decisions
    ]


def bright(values: list[float], sharpness: float = 1.8) -> list[FindingsRecord]:
    return [negative(value, sharpness, 0.6) for value in values]


def looked(site: Site) -> str:
    """The page, after the look of the day."""
    assert DriftLook(site.ledger, PIPELINE, AlertsSection()).look()
    return site.as_("vera").page("/quality")


def shifted(page: str) -> str:
    """What is said to have shifted."""
    return page[page.index('id="shifted"') : page.index('id="h-said"')]


def test_a_shift_of_a_device_is_said_and_what_chance_may_do_is_not(
    site: Site, filling: Filling
) -> None:
    er, room = Origin("", "", "", "", "Maker", "Model", "ER 1"), Origin(station_name="ROOM 2")
    filling.put(20, er, decided(*["negative"] * 36, *["positive"] * 4))
    filling.put(2, er, decided(*["negative"] * 20, *["positive"] * 20))
    filling.put(20, room, decided(*["negative"] * 36, *["undetermined"] * 4))
    filling.put(2, room, decided(*["negative"] * 33, *["undetermined"] * 7))
    page = looked(site)
    said = shifted(page)
    assert "ER 1" in said
    assert "Maker Model, by PACS" in said
    assert "<b>positives rose from 10.0 % to 50.0 %</b>" in said
    assert "shares; the last 7 days beside the 28 before;" in said
    assert "40 and 40 images; by chance once in" in said
    assert "ROOM 2" not in said
    below = page[page.index('id="h-said"') :]
    assert below.index("ER 1") < below.index("ROOM 2")
    assert "50.0 %<br><small>10.0 %" in below
    assert "17.5 %<br><small>10.0 %" in below
    assert "SPACING 7" in below
    assert "15.0 %" in below


def looks(page: str) -> dict[str, bool]:
    """Each device whose images' looks are told, and whether it drifts, in order."""
    table = page[page.index('id="looks"') : page.index("</table>", page.index('id="looks"'))]
    rows = table.split('<tr><th scope="row">')[1:]
    return {row[: row.index(" ")]: "</i>shifted" in row for row in rows}


def test_images_that_look_otherwise_are_said_and_what_matters_to_nobody_is_not(
    site: Site, filling: Filling
) -> None:
    for station, before, now, many in (
        ("BRIGHT", 0.5, 0.65, 60), ("MANY", 0.5, 0.53, 150), ("FEW", 0.5, 0.9, 20),
    ):  # fmt: skip
        filling.put(20, Origin(station_name=station), bright(around(before, 60)))
        filling.put(2, Origin(station_name=station), bright(around(now, many)))
    page = looked(site)
    assert looks(page) == {"BRIGHT": True, "MANY": False, "FEW": False}
    assert next(iter(looks(page))) == "BRIGHT"
    assert "brightness rose from 50.0 % to 65.0 %</b>" in shifted(page)
    assert "65.0 % ± 10.0<br><small>50.0 % ± 10.0" in page
    assert "1.80 ± 0.00<br><small>1.80 ± 0.00" in page
    assert "0.60 ± 0.00<br><small>0.60 ± 0.00" in page


def test_one_device_is_two_where_it_is_used_in_two_ways(site: Site, filling: Filling) -> None:
    for kvp in (80.0, 125.0):
        filling.put(2, Origin(station_name="XR", kvp=kvp), bright(around(0.5, 2)))
    page = site.as_("vera").page("/quality")
    assert "by PACS, below 100 kV" in page
    assert "by PACS, 100 kV and more" in page


def test_what_an_older_version_analysed_is_not_measured(site: Site, filling: Filling) -> None:
    filling.put(20, Origin(station_name="OLD"), [negative()] * 2)
    filling.put(2, Origin(station_name="OLD"), bright(around(0.5, 2)))
    page = site.as_("vera").page("/quality")
    assert looks(page) == {"OLD": False}
    assert "<br><small>–</small>" in page


def test_what_a_person_had_analysed_anyway_says_nothing_of_its_device(
    site: Site, filling: Filling
) -> None:
    filling.put(2, Origin(station_name="ER"), bright(around(0.5, 1)))
    job = claimed(site.ledger, number=1000)
    site.ledger.handover.skipped(job.id, "w1", "not a frontal view (View Position LL)")
    assert site.ledger.requeue.override(job.id, PIPELINE, "otto", "it is")
    assert site.ledger.jobs.claim(job.id, PIPELINE, "w1", 60)
    found = FindingsRecord("undetermined", "", None, None, None, ("not_eligible",), 0.1, 0.1, 9.0)
    site.ledger.handover.built(job.id, "w1", [output("A", 1000)], to("PACS"), found)
    page = site.as_("vera").page("/quality")
    assert "not_eligible" not in page
    assert "9.00" not in page


def test_it_is_said_whether_anybody_has_looked(site: Site) -> None:
    browser = site.as_("vera")
    assert "Nobody has looked yet" in browser.page("/quality")
    assert DriftLook(site.ledger, PIPELINE, AlertsSection()).look()
    assert "Nothing: no device" in browser.page("/quality")
    assert "at most once in 90 days" in browser.page("/quality")


def test_where_it_is_not_watched_that_is_said(tmp_path_factory: pytest.TempPathFactory) -> None:
    site = Site(tmp_path_factory.mktemp("site"), {"alerts": {"drift_false_alarm_days": 0}})
    try:
        assert "Not watched" in site.as_("vera").page("/quality")
    finally:
        site.close()


def test_a_hostile_name_of_a_device_that_drifts_stays_text(site: Site, filling: Filling) -> None:
    hostile = Origin(station_name="<b id=pwned>\u202e", manufacturer="<script>alert(1)</script>")
    filling.put(20, hostile, bright(around(0.5, 40)))
    filling.put(2, hostile, bright(around(0.9, 40)))
    page = looked(site)
    assert "&lt;b id=pwned&gt;" in shifted(page)
    assert "<b id=pwned>" not in page
    assert "<script>alert" not in page
    assert "\u202e" not in page


def test_the_overview_tells_of_a_drift_with_its_evidence(site: Site, filling: Filling) -> None:
    filling.put(20, Origin(station_name="NAMED"), bright(around(0.5, 40)))
    filling.put(2, Origin(station_name="NAMED"), bright(around(0.9, 40)))
    looked(site)
    assert Watch(site.node.config, site.ledger).look()
    page = site.as_("vera").page("/")
    assert "images of NAMED by PACS: brightness rose from 50.0 % to 90.0 % (medians; " in page
    assert "by chance less than once in 1,000 years" in page
