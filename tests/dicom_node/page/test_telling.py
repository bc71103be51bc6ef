"""Whoever looks at a job, or does something, on the page stands in the audit trail as well."""

from pathlib import Path

from dicom_node.audit import Trail
from dicom_node.page.app import make_app
from tests.dicom_node.audit.messages import detail, event_of, read, things, users
from tests.dicom_node.ledger.records import built
from tests.dicom_node.page.visiting import Site


def test_what_is_done_on_the_page_is_told_as_the_standard_has_it(tmp_path: Path) -> None:
    file = tmp_path / "audit.xml"
    site = Site(tmp_path, {"audit": {"file": file}})
    config = site.node.config
    with Trail(config.audit, tmp_path, config.node.aet, "page") as trail:
        site.node.trail = trail
        site.app = make_app(site.node)
        job_id = built(site.ledger, "PACS")
        site.browser().post("/login", name="ada", password="wrong")
        browser = site.as_("otto")
        assert browser.get(f"/jobs/{job_id}").status_code == 200
        browser.post("/destinations/pause", name="PACS", why="moved")
    site.close()
    told = {event_of(root): root for root in map(read, file.read_text().splitlines())}
    refused = told["User Authentication", "Login"]
    assert {event for event in told if event[0] != "Application Activity"} == {
        ("User Authentication", "Login"),
        ("DICOM Instances Accessed", ""),
        ("Security Alert", "Use of Restricted Function"),
    }
    assert "otto" in users(refused)
    assert things(told["DICOM Instances Accessed", ""])["Study Instance UID"] == "1.2.9"
    paused = told["Security Alert", "Use of Restricted Function"]
    assert "otto" in users(paused)
    assert detail(paused, "Alert Description") == "pause PACS moved"
