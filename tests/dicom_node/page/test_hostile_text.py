"""Whatever a header, a sender or a destination says stays text: names that are scripts."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from dicom_node.ledger import FindingsRecord, InstanceKind, Origin, Process
from tests.dicom_node.ledger.records import PIPELINE, instance, output, to
from tests.dicom_node.page.visiting import Browser, Site

SCRIPT = "<script>alert(1)</script>"
#: Each breaks out of another place: an element, an attribute, a template, a line.
SAYINGS = [
    SCRIPT,
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "{{ 'x' * 9 }}{% raw %}",
    "javascript:alert(1)",
    "</title></textarea><script>alert(1)</script>",
    "\u202e<b>turned</b>\r\n\x00\x1b[2J",
]


class Markup(HTMLParser):
    """All elements of a page, and their attributes that could do something."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.links: set[str] = set()
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.handlers.append(f"{tag} {name}")
            if name in ("href", "src", "action", "formaction"):
                self.links.add(value or "")


def assert_harmless(page: str) -> None:
    markup = Markup()
    markup.feed(page)
    assert markup.handlers == []
    assert not markup.elements & {"iframe", "textarea", "object"}
    assert {link for link in markup.links if not link.startswith("/")} <= {"#main"}
    assert page.count("<script") == 1
    assert "xxxxxxxxx" not in page
    assert "<b>turned" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page


@pytest.fixture(params=SAYINGS)
def said(request: pytest.FixtureRequest) -> str:
    text: str = request.param
    return text


@pytest.fixture
def browser(site: Site, said: str) -> Browser:
    """Of a node that was told `said` wherever anybody can tell it anything."""
    ledger = site.ledger
    origin = Origin(said, "", "", said, said, said, said)
    made = replace(instance(1, calling_aet=said[:16], origin=origin), kind=InstanceKind.RADIOGRAPH)
    built_id = ledger.jobs.accept(made, PIPELINE).job_id
    assert ledger.jobs.claim(built_id, PIPELINE, "w1", 60)
    found = FindingsRecord(said, said, 1.0, 2.0, 3.0, (said,))
    ledger.handover.built(built_id, "w1", [output("A"), output("B")], to("PACS", roles="AB"), found)
    first, second = ledger.deliveries.claim("PACS", "s1", 60, 10)
    ledger.deliveries.refused(first.id, "s1", 0xC000, f"PACS: {said}")
    ledger.deliveries.retry(second.id, "s1", None, f"PACS: {said}", ledger.now())
    ledger.breakers.unreachable("PACS", said, said, 60)
    ledger.breakers.pause("PACS", said, said)
    failed = ledger.jobs.accept(replace(made, sop_instance_uid="1.2.3.2"), PIPELINE).job_id
    assert ledger.jobs.claim(failed, PIPELINE, "w1", 60)
    ledger.handover.failed(failed, "w1", said)
    skipped = ledger.jobs.accept(replace(made, sop_instance_uid="1.2.3.3"), PIPELINE).job_id
    assert ledger.jobs.claim(skipped, PIPELINE, "w1", 60)
    ledger.handover.skipped(skipped, "w1", said)
    ledger.workers.beat(Process("w1", "work", said, 1, said, said, said))
    return site.as_("ada")


def test_what_others_say_stays_text_on_every_page(browser: Browser) -> None:
    for path in ("/", "/jobs", "/jobs/1", "/jobs/2", "/jobs/3", "/quality", "/audit"):
        assert_harmless(browser.page(path))


def test_what_a_visitor_is_made_to_ask_for_stays_text(site: Site, said: str) -> None:
    browser = site.as_("ada")
    for key in ("accession", "study", "patient", "aet", "device", "decision"):
        answer = browser.client.get("/jobs", params={key: said})
        assert_harmless(answer.text)
    for key in ("state", "since", "before"):
        answer = browser.client.get("/jobs", params={key: said})
        assert answer.status_code == 400
        assert_harmless(answer.text)
    browser.get("/jobs")
    assert_harmless(browser.submit("/find", text=said))
    answer = browser.post("/destinations/resume", name=said)
    assert answer.status_code == 400
    assert_harmless(answer.text)
    assert_harmless(browser.page("/audit"))
