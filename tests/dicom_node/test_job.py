"""`cxr-node job` as an operator reads it, on ledgers made by the ledger itself."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from dicom_node.__main__ import main
from dicom_node.config import parse
from dicom_node.ledger import Ledger
from tests.dicom_node.ledger.records import PIPELINE, Clock, built, claimed, instance

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
    assert "  instance 1.2.3.1" in lines
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
        "  A to PACS: WAITING 2026-03-01 12:00:00, 1 attempt, next 2026-03-01 12:00:30:"
        " connection refused",
        "    to do: nothing, if PACS comes back: it is sent then; once it is there,"
        " cxr-node destinations try PACS sends it at once",
    ]


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
