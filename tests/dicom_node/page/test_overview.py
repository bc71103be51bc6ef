"""The node at a glance: verdict and why, destinations, who is silent, what ended badly."""

import gc
import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dicom_node.ledger import (
    Arrival,
    Failure,
    JobState,
    Ledger,
    Progress,
    Refusal,
    Summary,
    Verify,
)
from dicom_node.ops.asked.senders import senders
from dicom_node.page.site.rendering import span
from dicom_node.page.site.sparklines import sparkline
from dicom_node.page.views.troubles import troubles
from dicom_node.page.views.words import _OF_JOB, _OF_RESULTS
from tests.dicom_node.ledger.records import Clock, built, claimed, deliver, fail
from tests.dicom_node.page.visiting import Site


def verdict(site: Site) -> str:
    site.node.forget()
    page = site.browser().page("/")
    (section,) = re.findall(r'<section id="verdict".*?</section>', page, re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", section).split())


def test_a_node_without_its_parts_has_stopped_and_says_which(site: Site) -> None:
    site.let_parts_beat("listen", "send")
    assert verdict(site) == "■ Stopped nothing alive that does work"


def test_a_node_that_has_nothing_to_say_works(site: Site) -> None:
    site.let_parts_beat()
    built(site.ledger, "PACS")
    deliver(site.ledger)
    assert verdict(site).startswith("● Working")


def test_a_failed_image_is_a_matter_for_the_morning(site: Site) -> None:
    site.let_parts_beat()
    fail(site.ledger, claimed(site.ledger))
    assert verdict(site) == "▲ Degraded 1 failed in 24 h"


@pytest.mark.parametrize("what", ["not reached", "paused", "declining", "refusing"])
def test_a_destination_that_gets_nothing_is_said_at_once(site: Site, what: str) -> None:
    site.let_parts_beat()
    ledger = site.ledger
    built(ledger, "PACS", roles="A")
    if what == "not reached":
        ledger.breakers.unreachable("PACS", "s1", "PACS: connection refused", 60)
    elif what == "paused":
        ledger.breakers.pause("PACS", "ada", "upgrade")
    else:
        (one,) = ledger.deliveries.claim("PACS", "s1", 60, 10)
        if what == "declining":
            ledger.deliveries.retry(one.id, "s1", 0xA700, "PACS: full", ledger.now())
        else:
            ledger.deliveries.refused(one.id, "s1", 0xC000, "PACS: no")
    assert verdict(site).startswith("▲ Degraded")
    assert f"PACS is {what}" in verdict(site)
    page = site.as_("otto").page("/")
    assert f"</i>{what}</span>" in page
    assert ("Resume" in page) is (what == "paused")


# pynetdicom leaves a socket that was refused to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_destination_is_paused_resumed_and_asked(site: Site) -> None:
    browser = site.as_("otto")
    paused = browser.submit("/destinations/pause", name="PACS", hours="4", why="upgrade")
    assert "PACS: paused by otto on the page" in paused
    assert "upgrade" in paused
    assert "PACS: resumed; nothing sent yet" in browser.submit("/destinations/resume", name="PACS")
    assert "is not paused" in browser.post("/destinations/resume", name="PACS").text
    # Port 9 answers nobody.
    for what in ("echo", "try"):
        answer = browser.submit(f"/destinations/{what}", name="PACS")
        assert "no connection to 127.0.0.1:9" in answer
    gc.collect()
    told = [entry.event for entry in site.ledger.breakers.history("PACS")]
    assert told == ["paused", "resumed", "tried", "tried"]


def test_what_only_differs_in_its_uids_ended_badly_once() -> None:
    at = datetime.now(UTC)
    refusals = tuple(
        Refusal(number, f"1.2.{number}", "PACS", at - timedelta(seconds=number),
                f"PACS: SR 2.25.{number}: answered 0xc000", 1, is_lost=False)
        for number in (1, 2, 3)
    )  # fmt: skip
    failed = (Failure(9, "1.2.9", at - timedelta(hours=1), "cut short", "failed", "Undecodable"),)
    found = troubles(Summary({}, {}, None, {}, {}, {}, (), (), failed, refusals, ()))
    assert [(one.state, one.job_ids) for one in found] == [
        ("REFUSED", (1, 2, 3)),
        ("FAILED", (9,)),
    ]


def test_results_of_several_kinds_that_were_refused_alike_are_one_cause_and_one_command() -> None:
    at = datetime.now(UTC)
    refusals = tuple(
        Refusal(number // 2, f"1.2.{number}", "PACS", at - timedelta(seconds=number),
                f"PACS: {role} 2.25.{number}: answered 0xc001 (Cannot Understand)", 1,
                is_lost=False)
        for number, role in ((2, "SEG"), (3, "SR"), (4, "DOC"))
    )  # fmt: skip
    (one,) = troubles(Summary({}, {}, None, {}, {}, {}, (), (), (), refusals, ()))
    assert (one.reason, one.job_ids) == ("answered 0xc001 (Cannot Understand)", (1, 2))
    assert "cxr-node requeue --job 1 --job 2 --state REFUSED" in one.to_do
    assert one.tab == "REFUSED"


#: A Friday, at two in the afternoon here.
FRIDAY = datetime(2026, 11, 27, 14).astimezone()


@pytest.mark.parametrize(
    ("now", "is_silent"),
    [
        (FRIDAY, True),
        (FRIDAY.replace(hour=12), False),  # the last came at half past eleven
        (FRIDAY.replace(hour=22), False),
        (FRIDAY + timedelta(days=1), False),
    ],
)
def test_who_is_silent_for_longer_than_usual_in_working_hours_is_said(
    now: datetime, is_silent: bool
) -> None:
    times = [
        FRIDAY.replace(day=day, hour=hour, minute=minute)
        for day in (25, 26)
        for hour in range(8, 17)
        for minute in (0, 30)
    ]
    times += [FRIDAY.replace(hour=hour, minute=30) for hour in range(8, 12)]
    (one,) = senders([Arrival("MOBILE", "", at) for at in times], now, "")
    assert one.is_silent is is_silent
    (few,) = senders([Arrival("MOBILE", "", at) for at in times[-5:]], now, "")
    assert not few.is_silent
    (never,) = senders([Arrival("MOBILE", "", at) for at in times], now, "Sun-Sun 07:00-18:00")
    assert not never.is_silent


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (59, "59 s"),
        (150, "2 min"),
        (7500, "2 h 5 min"),
        (260_000, "3 days"),
        (-1, "0.0 s"),
        (None, ""),
    ],
)
def test_a_span_is_said_as_people_say_it(seconds: float | None, said: str) -> None:
    assert span(seconds) == said


def test_a_drawing_says_what_it_shows_to_who_cannot_see_it() -> None:
    drawn = sparkline([0, 3, 1], "<b>Received</b>")
    assert "&lt;b&gt;Received&lt;/b&gt;: highest 3, last 1, sum 4" in drawn
    assert "<b>" not in drawn
    assert drawn.count("M") == 3


def test_every_state_of_a_job_has_its_words() -> None:
    assert set(_OF_JOB) | {JobState.BUILT} == set(JobState)
    assert set(_OF_RESULTS) == set(Progress)


VERIFIED = {"name": "PACS", "aet": "PACS", "host": "127.0.0.1", "port": 9, "verify": "query"}


@pytest.mark.parametrize(
    ("minutes_ago", "expected"),
    [
        (9, "● Working"),
        (25, "▲ Degraded verification stands still: 2 results for 0:25:0"),
    ],
)
def test_while_nothing_that_was_sent_is_confirmed_it_is_not_said_to_work(
    tmp_path: Path, minutes_ago: int, expected: str
) -> None:
    with closing(Site(tmp_path, {"destination": [VERIFIED]})) as site:
        clock = Clock()
        clock.now = datetime.now(UTC) - timedelta(minutes=minutes_ago)
        with closing(Ledger.open(site.node.config.ledger_url, clock)) as ledger:
            built(ledger, "PACS")
            for one in ledger.deliveries.claim("PACS", "s1", 60, 10):
                ledger.deliveries.delivered(one.id, "s1", 0x0000, verify=Verify(0, 3600))
        site.let_parts_beat()
        assert verdict(site).startswith(expected)
        assert ("stands still</span>" in site.browser().page("/")) is (minutes_ago > 10)
        # One that is confirmed shows that others may be.
        (first, *_) = site.ledger.verifications.claim("PACS", 60, 10)
        site.ledger.verifications.verified([first.id], "there")
        assert verdict(site).startswith("● Working")


def test_a_destination_that_is_silent_by_configuration_is_no_fault(tmp_path: Path) -> None:
    quiet = {"name": "PACS", "aet": "PACS", "host": "127.0.0.1", "port": 9, "silent": True}
    with closing(Site(tmp_path, {"destination": [quiet]})) as site:
        site.let_parts_beat()
        assert verdict(site).startswith("● Working")
        assert "</i>silent</span>" in site.browser().page("/")
