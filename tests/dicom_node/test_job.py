"""`cxr-node job` as an operator reads it, on ledgers made by the ledger itself."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dicom_node.__main__ import main
from dicom_node.config import parse
from dicom_node.ledger import Became, FindingsRecord, Ledger, Route, Shown, Turns
from tests.dicom_node.ledger.records import PIPELINE, START, Clock, built, claimed, instance, output
from tests.sr_writer.earlier import TWO

HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\nFAILED\u202e"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    with closing(Ledger.open(parse({"node": {"state": tmp_path}}).ledger_url, clock)) as opened:
        yield opened


class Job:
    def __init__(self, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._state = state
        self._capsys = capsys

    def __call__(self, *options: str) -> str:
        assert main(["job", "--state", str(self._state), *options]) == 0
        return self._capsys.readouterr().out


@pytest.fixture
def job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Job:
    return Job(tmp_path, capsys)


def test_a_job_is_told_from_its_receipt_to_its_deliveries(
    ledger: Ledger, clock: Clock, job: Job
) -> None:
    built(ledger, "PACS", roles="AB")
    clock.advance(1.5)
    first, second = ledger.deliveries.claim("PACS", "s1", 60.0, 10)
    ledger.deliveries.delivered(first.id, "s1", 0x0000)
    clock.advance(0.25)
    ledger.deliveries.refused(second.id, "s1", 0xC000, "PACS: B 2.25.1.B: answered 0xc000")
    lines = job("1").splitlines()
    assert "  instance  1.2.3.1" in lines
    timeline = lines[lines.index("timeline (UTC)") + 1 : lines.index("deliveries")]
    assert timeline[0] == "  2026-03-01 12:00:00             received"
    assert "  2026-03-01 12:00:01    +1.50 s  A to PACS: taken for sending (by s1)" in timeline
    assert any("+0.25 s  B to PACS: refused (by s1, status 0xc000" in one for one in timeline)
    assert lines[lines.index("deliveries") + 1 :] == [
        "  A to PACS: DELIVERED 2026-03-01 12:00:01, 1 attempt, answered 0x0000 Success",
        "  B to PACS: REFUSED 2026-03-01 12:00:01, 1 attempt, answered 0xc000 Cannot Understand",
        "    to do: ask why the destination refuses it; once it takes it, cxr-node requeue --job 1"
        " --state REFUSED (another preset under [[destination]] concerns later images only)",
    ]


def test_what_waits_says_when_it_is_tried_again(ledger: Ledger, clock: Clock, job: Job) -> None:
    built(ledger, "PACS", roles="A")
    (delivery,) = ledger.deliveries.claim("PACS", "s1", 60.0, 10)
    again = clock.now + timedelta(seconds=30)
    ledger.deliveries.retry(delivery.id, "s1", None, "PACS: connection refused", again)
    said = job("1").splitlines()
    assert said[-2:] == [
        "  A to PACS: WAITING 2026-03-01 12:00:00, 1 attempt, due since 2026-03-01 12:00:30:"
        " connection refused",
        "    to do: nothing, if PACS comes back: it is sent then; once it is there,"
        " cxr-node destinations try PACS sends it at once",
    ]


def waiting_lines(said: str) -> list[str]:
    lines = said.splitlines()
    return lines[lines.index("deliveries") + 1 :]


def test_what_waits_for_a_paused_destination_says_who_paused_it(ledger: Ledger, job: Job) -> None:
    built(ledger, "PACS", roles="AB")
    ledger.breakers.pause("PACS", "me@host", "upgrade")
    assert waiting_lines(job("1")) == [
        "  A to PACS: WAITING, 0 attempts",
        "  B to PACS: WAITING, 0 attempts",
        "    PACS: paused by me@host, since 2026-03-01 12:00:00 until it is resumed: upgrade;"
        " nothing sent yet",
        "    to do: cxr-node destinations resume PACS, or nothing where the pause has an end",
    ]


def test_what_waits_for_a_destination_that_is_down_says_so_and_when_its_rest_ends(
    ledger: Ledger, job: Job
) -> None:
    built(ledger, "PACS", roles="A")
    # The command looks at the clock on the wall.
    rest_s = (datetime(2999, 1, 1, tzinfo=UTC) - START).total_seconds()
    ledger.breakers.unreachable("PACS", "s1", "connection refused", rest_s)
    assert waiting_lines(job("1")) == [
        "  A to PACS: WAITING, 0 attempts, next 2999-01-01 00:00:00",
        "    PACS: not reached since 2026-03-01 12:00:00, tried once; rests until"
        " 2999-01-01 00:00:00",
        "    to do: nothing, if PACS comes back: it is sent then; once it is there,"
        " cxr-node destinations try PACS sends it at once",
    ]


@pytest.mark.parametrize(
    ("reason", "to_do"),
    [
        ("its certificate was refused: certificate revoked", "have PACS's certificate renewed"),
        ("its certificate was refused: CRL has expired", "put the issuer's present list"),
        ("its certificate is not trusted: certificate has expired", "have PACS's certificate"),
        ("it refused the certificate it was shown", "have this node's own certificate"),
    ],
)
def test_what_waits_where_a_certificate_is_no_good_says_which(
    ledger: Ledger, job: Job, reason: str, to_do: str
) -> None:
    built(ledger, "PACS", roles="A")
    ledger.breakers.unreachable("PACS", "s1", f"PACS: no TLS with 10.0.0.1:104: {reason}", 60)
    assert waiting_lines(job("1"))[-1].startswith(f"    to do: {to_do}")


def test_what_waits_for_a_destination_no_longer_configured_says_how_it_is_moved(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built(ledger, "OLD", roles="A")
    file = tmp_path / "node.toml"
    file.write_text(f"[node]\nstate = '{tmp_path}'\nno_destination = true\n")
    assert main(["job", "--config", str(file), "1"]) == 0
    assert waiting_lines(capsys.readouterr().out) == [
        "  A to OLD: WAITING, 0 attempts",
        "    OLD is not configured: nobody sends to it",
        "    to do: cxr-node destinations move OLD NEW, or forget OLD",
    ]


@pytest.mark.parametrize(
    ("status", "to_do"),
    [(0xA900, "after five tries it is REFUSED"), (0xA700, "it is sent until it does")],
)
def test_what_a_destination_declined_is_not_said_to_wait_for_its_return(
    ledger: Ledger, clock: Clock, job: Job, status: int, to_do: str
) -> None:
    built(ledger, "PACS", roles="A")
    ledger.breakers.reached("PACS", "s1")
    (delivery,) = ledger.deliveries.claim("PACS", "s1", 60.0, 10)
    reason = f"PACS: A 2.25.1.A: answered {status:#06x}"
    ledger.deliveries.retry(delivery.id, "s1", status, reason, clock.now, declined=True)
    first, second = waiting_lines(job("1"))
    assert first.count(f"{status:#06x}") == 1
    assert second.startswith("    to do: it answers, but ")
    assert second.endswith(to_do)


def test_what_is_kept_ready_is_shown_only_once_it_has_stepped_in(ledger: Ledger, job: Job) -> None:
    held = claimed(ledger)
    outputs = [output("SEG"), output("PR")]
    ledger.handover.built(held.id, "w1", outputs, [Route("PACS", ("SEG",), {"PR": "SEG"})])
    assert "PR to PACS" not in job("1")
    (seg,) = ledger.deliveries.claim("PACS", "s1", 60.0, 10)
    ledger.deliveries.refused(seg.id, "s1", 0x0122, "PACS does not accept SEG", "PR")
    assert "  PR to PACS: WAITING" in job("1")


def test_a_failure_has_its_reason_and_its_remedy(ledger: Ledger, job: Job) -> None:
    trace = "Traceback (most recent call last):\n  x\ndicom_node.errors.Undecodable: cut short\n"
    ledger.handover.failed(claimed(ledger).id, "w1", "1.2.3.1: cut short", trace)
    said = job("1").splitlines()
    assert said[0].startswith("job 1: FAILED since ")
    assert said[1] == "  reason: 1.2.3.1: cut short"
    assert said[2].startswith("  to do: the image itself cannot be read")
    assert "Traceback" not in "".join(said)
    document = json.loads(job("1", "--json"))
    assert "Traceback" in document["events"][-1]["detail"]
    assert document["remedy"].startswith("the image itself")


def test_for_machines_it_is_the_same(ledger: Ledger, job: Job) -> None:
    built(ledger, "PACS", roles="A")
    (delivery,) = ledger.deliveries.claim("PACS", "s1", 60.0, 10)
    ledger.deliveries.refused(delivery.id, "s1", 0xC000, "refused")
    document = json.loads(job("1", "--json"))
    assert document["sop_instance_uid"] == "1.2.3.1"
    (told,) = document["deliveries"]
    assert told["status_in_words"] == "0xc000 Cannot Understand"
    assert "cxr-node requeue --job 1" in told["remedy"]
    assert [event["event"] for event in document["events"]][:2] == ["received", "claimed"]


def test_a_long_history_shows_its_ends_unless_all_is_asked_for(
    ledger: Ledger, clock: Clock, job: Job
) -> None:
    built(ledger, "PACS", roles="A")
    for _ in range(100):
        (delivery,) = ledger.deliveries.claim("PACS", "s1", 60.0, 10)
        ledger.deliveries.retry(delivery.id, "s1", None, "refused", clock.now)
    assert len(job("1").splitlines()) < 60
    assert "  … 163 more; --all shows them" in job("1").splitlines()
    assert len(job("1", "--all").splitlines()) > 200


def test_hostile_text_is_harmless_and_short(ledger: Ledger, job: Job) -> None:
    odd = instance(study_instance_uid="1.2\x1b[31m", calling_aet=HOSTILE + 500 * "x")
    accepted = ledger.jobs.accept(odd, PIPELINE)
    assert ledger.jobs.claim(accepted.job_id, PIPELINE, "w1", 60.0)
    ledger.handover.failed(accepted.job_id, "w1", HOSTILE + 100_000 * "y", HOSTILE)
    said = job("1")
    assert not set(said) & {"\x1b", "\x07", "\r", "\u202e"}
    assert max(map(len, said.splitlines())) < 400
    assert len(said) < 3000


def test_a_job_that_is_not_there_is_said(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.jobs.accept(instance(), PIPELINE)
    assert main(["job", "--state", str(tmp_path), "77"]) == 1
    assert "no job 77 here" in capsys.readouterr().err


def test_whoever_cannot_wait_is_let_go_first(ledger: Ledger, job: Job) -> None:
    for number in (1, 2):
        ledger.jobs.accept(instance(number), PIPELINE)
    assert "  received  2026-03-01 12:00:00 from PACS, ROUTINE" in job("2").splitlines()
    said = job("2", "--priority", "stat").splitlines()
    assert "  received  2026-03-01 12:00:00 from PACS, STAT" in said
    assert any("given another priority (by " in one and "ROUTINE to STAT)" in one for one in said)
    assert json.loads(job("2", "--json"))["priority"] == "STAT"
    first = ledger.jobs.claim_next(PIPELINE, "w1", 60.0, Turns())
    assert first is not None
    assert first.id == 2


def test_earlier_radiographs_are_told_with_what_was_not_compared_and_why(
    ledger: Ledger, job: Job
) -> None:
    held = claimed(ledger)
    ledger.progressions.fix(held, TWO, ledger.now())
    ledger.handover.built(held.id, "w1", [], [], FindingsRecord("positive", "", 30.0, None, 30.0))
    lines = job("1").splitlines()
    told = lines[lines.index("earlier radiographs") + 1 : lines.index("timeline (UTC)")]
    assert told == [
        "  2026-11-02T08:00:00  left 12.5 %, right 40.2 %",
        "  2026-11-10  left 0.0 %, right -",
        "  2026-11-12T09:30:00  left 30.0 %, right -, this one",
        "  2026-05-01  not compared: longer ago than [priors] days",
        "  2026-10-31  not compared: birth date or sex differ under this Patient ID",
        "  2026-11-01T10:00:00  not compared: birth date or sex differ under this Patient ID",
    ]
    document = json.loads(job("1", "--json"))["earlier_radiographs"]
    assert [one["taken"] for one in document["priors"]] == ["2026-11-02T08:00:00", "2026-11-10"]


def test_a_job_without_earlier_radiographs_says_nothing_of_them(ledger: Ledger, job: Job) -> None:
    built(ledger, "PACS", roles="A")
    assert "earlier radiographs" not in job("1")
    assert json.loads(job("1", "--json"))["earlier_radiographs"] is None


def test_archives_that_were_asked_are_told_with_what_became_of_what_they_showed(
    ledger: Ledger, job: Job
) -> None:
    built(ledger, "PACS", roles="A")
    ledger.inquiries.begin(1, 0, ["away", "pacs"])
    away = ledger.inquiries.claim("away", "s1", 60.0)
    asked = ledger.inquiries.claim("pacs", "s1", 60.0)
    assert away is not None
    assert asked is not None
    ledger.inquiries.later(away, HOSTILE, ledger.now())
    shown = (
        Shown(Became.NOT_ELIGIBLE, "2026-03-03", "1.2.2", "1.2.3", HOSTILE),
        Shown(Became.FETCHED, "2026-03-02T08:00:00", "1.2.1", "1.2.4"),
    )
    ledger.inquiries.answered(asked, shown, "pacs: 1 fetched, 1 not eligible")
    lines = job("1").splitlines()
    heading = lines.index("archives asked for earlier radiographs")
    assert lines[heading + 1 : lines.index("timeline (UTC)")] == [
        "  away is asked again: ?]0;owned??[2J FAILED?",
        "  pacs answered; what was fetched is being analysed",
        "    2026-03-02T08:00:00  fetched",
        "    2026-03-03  not to be analysed: ?]0;owned??[2J FAILED?",
    ]
    assert any("earlier radiographs (pacs: 1 fetched, 1 not eligible)" in one for one in lines)
    (_, document) = json.loads(job("1", "--json"))["archives_asked"]
    assert [one["became"] for one in document["shown"]] == ["not_eligible", "fetched"]
