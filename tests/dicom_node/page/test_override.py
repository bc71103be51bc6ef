"""Analyse anyway: offered to who may, for what can be, with a reason, one by one, and on record."""

from pathlib import Path

import pytest

from dicom_node.audit import Trail
from dicom_node.ledger import JobState
from dicom_node.page.app import make_app
from dicom_node.page.site.audit import Audit
from tests.dicom_node.audit.messages import detail, event_of, read, users
from tests.dicom_node.ledger.records import claimed, happened, state
from tests.dicom_node.page.visiting import Site

REFUSAL = "not a frontal view (View Position LL)"
BUTTON = 'value="analyse-anyway"'


@pytest.fixture
def refused(site: Site) -> Site:
    """Job 1 may be analysed anyway, job 2 can never be, job 3 failed."""
    for number, reason in (
        (1, REFUSAL),
        (2, "SOP Class is not CR, DX or Secondary Capture (SOP Class CT Image Storage)"),
    ):
        site.ledger.handover.skipped(claimed(site.ledger, number=number).id, "w1", reason)
    site.ledger.handover.failed(claimed(site.ledger, number=3).id, "w1", "undecodable")
    return site


def test_it_is_offered_to_who_may_for_what_can_be(refused: Site) -> None:
    assert BUTTON not in refused.as_("vera").page("/jobs/1")
    browser = refused.as_("otto")
    assert [BUTTON in browser.page(f"/jobs/{one}") for one in (1, 2, 3)] == [True, False, False]
    # Somebody has to look at each: no search has it.
    assert BUTTON not in browser.page("/jobs?state=SKIPPED")


def test_before_it_is_done_it_says_what_comes_of_it_and_asks_why(refused: Site) -> None:
    browser = refused.as_("otto")
    asked = browser.submit("/jobs/confirm", action="analyse-anyway", job="1")
    assert REFUSAL in asked
    assert "undetermined" in asked
    assert 'name="why" maxlength="200" required' in asked
    answer = browser.post("/jobs/act", action="analyse-anyway", job="1", why="  ")
    assert answer.status_code == 400
    assert state(refused.ledger, 1) is JobState.SKIPPED


def test_it_is_done_once_and_on_record_with_who_and_why(refused: Site) -> None:
    browser = refused.as_("otto")
    done = browser.submit("/jobs/act", action="analyse-anyway", job="1", why="it is frontal")
    assert "Job 1 is analysed although it was refused." in done
    assert "otto on the page asked for it" in done
    assert BUTTON not in done
    assert state(refused.ledger, 1) is JobState.RECEIVED
    assert happened(refused.ledger, 1)[-1].startswith("to be analysed although it was refused")
    last = Audit(refused.folder, Trail.off()).latest(2)[-1]
    assert (last.who, last.what, last.about, last.detail) == (
        "otto",
        "analyse-anyway",
        "job 1",
        "it is frontal",
    )
    for path in ("/jobs/confirm", "/jobs/act"):
        again = browser.submit(path, action="analyse-anyway", job="1", why="once more")
        assert "there is nothing to do" in again
    assert Audit(refused.folder, Trail.off()).latest(1)[0].detail != "once more"


@pytest.mark.parametrize("form", [{}, {"state": "SKIPPED"}])
def test_many_at_once_are_nobodys_look(refused: Site, form: dict[str, str]) -> None:
    browser = refused.as_("ada")
    browser.get("/")
    for path in ("/jobs/confirm", "/jobs/act"):
        answer = browser.post(path, action="analyse-anyway", why="all of them", **form)
        assert answer.status_code == 400
    assert state(refused.ledger, 1) is JobState.SKIPPED


def test_who_only_looks_cannot(refused: Site) -> None:
    browser = refused.as_("vera")
    browser.get("/")
    answer = browser.post("/jobs/act", action="analyse-anyway", job="1", why="curious")
    assert answer.status_code == 403
    assert refused.ledger.requeue.override_of(1) is None


def test_whoever_keeps_the_hospitals_audit_trail_is_told(tmp_path: Path) -> None:
    file = tmp_path / "audit.xml"
    site = Site(tmp_path, {"audit": {"file": file}})
    config = site.node.config
    with Trail(config.audit, tmp_path, config.node.aet, "page") as trail:
        site.node.trail = trail
        site.app = make_app(site.node)
        site.ledger.handover.skipped(claimed(site.ledger, number=1).id, "w1", REFUSAL)
        site.as_("otto").submit("/jobs/act", action="analyse-anyway", job="1", why="it is frontal")
    site.close()
    told = {event_of(root): root for root in map(read, file.read_text().splitlines())}
    done = told["Security Alert", "Use of Restricted Function"]
    assert "otto" in users(done)
    assert detail(done, "Alert Description") == "analyse-anyway job 1 it is frontal"
