"""`cxr-node requeue` on a ledger whose node is not running."""

import getpass
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dicom_node.__main__ import main
from dicom_node.cli.terminal.options import parse_time
from dicom_node.config import parse
from dicom_node.ledger import DeliveryState, JobState, Kept, Ledger
from tests.dicom_node.ledger.records import (
    PIPELINE,
    built,
    claimed,
    deliver,
    happened,
    instance,
    state,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """One job failed, one was skipped, of one a destination refused a part."""
    with closing(Ledger.open(parse({"node": {"state": tmp_path}}).ledger_url)) as ledger:
        ledger.handover.failed(claimed(ledger, number=1).id, "w1", "undecodable")
        ledger.handover.skipped(claimed(ledger, number=2).id, "w1", "a lateral view")
        built(ledger, "PACS", roles="AB", number=3)
        refused, sent = ledger.deliveries.claim("PACS", "s1", 60.0, 10)
        ledger.deliveries.refused(refused.id, "s1", 0xC000, "PACS refused A")
        ledger.deliveries.delivered(sent.id, "s1", 0x0000)
        yield ledger


def requeue(tmp_path: Path, *arguments: str) -> int:
    return main(["requeue", "--state-dir", str(tmp_path), *arguments])


FAILED, SKIPPED, REFUSED = 1, 2, 3


def test_a_dry_run_says_which_and_changes_nothing(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert requeue(tmp_path, "--state", "FAILED", "--state", "REFUSED", "--dry-run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"{FAILED} 1.2.3.1 FAILED: analyse again (undecodable)",
        f"{REFUSED} 1.2.3.3 BUILT: send again (PACS refused A)",
        "would requeue 1 job and 1 delivery",
    ]
    assert state(ledger, FAILED) is JobState.FAILED


def test_what_failed_is_analysed_and_what_was_refused_sent_again(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert requeue(tmp_path, "--since", "1h") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "requeued 2 jobs and 1 delivery"
    assert state(ledger, FAILED) is state(ledger, SKIPPED) is JobState.RECEIVED
    assert state(ledger, REFUSED) is JobState.BUILT
    states = [delivery.state for delivery in ledger.deliveries.of_job(REFUSED)]
    assert states == [DeliveryState.WAITING, DeliveryState.DELIVERED]
    for job_id in (FAILED, REFUSED):
        asked = ledger.reports.events(job_id)[-1]
        assert asked.event.endswith("as a person asked")
        assert asked.owner == f"{getpass.getuser()}@{socket.gethostname()}"


@pytest.mark.parametrize(
    ("asked", "job_id"),
    [
        (("--job", "2"), SKIPPED),
        (("--sop-instance-uid", "1.2.3.1"), FAILED),
        (("--study", "1.2.9", "--state", "SKIPPED"), SKIPPED),
    ],
)
def test_only_what_is_asked_for_begins_again(
    ledger: Ledger, tmp_path: Path, asked: tuple[str, ...], job_id: int
) -> None:
    assert requeue(tmp_path, *asked) == 0
    counts = ledger.reports.summary().counts
    assert (state(ledger, job_id), counts[JobState.RECEIVED]) == (JobState.RECEIVED, 1)


def test_one_can_be_tried_before_the_others(ledger: Ledger, tmp_path: Path) -> None:
    assert requeue(tmp_path, "--state", "FAILED", "--state", "SKIPPED", "--limit", "1") == 0
    assert state(ledger, FAILED) is JobState.RECEIVED
    assert state(ledger, SKIPPED) is JobState.SKIPPED


@pytest.mark.parametrize(
    ("answer", "code", "after"), [("n", 1, "FAILED"), ("", 1, "FAILED"), ("y", 0, "RECEIVED")]
)
def test_at_a_terminal_it_asks_before_it_begins_more_than_one(
    ledger: Ledger, tmp_path: Path, answer: str, code: int, after: str
) -> None:
    terminal, its_end = pty.openpty()
    command = [sys.executable, "-m", "dicom_node", "requeue", "--state-dir", str(tmp_path)]
    try:
        os.write(terminal, f"{answer}\n".encode())
        run = subprocess.run([*command, "--since", "1h"], stdin=its_end, capture_output=True)
    finally:
        os.close(terminal)
        os.close(its_end)
    assert b"requeue these 3 jobs? [y/N]" in run.stdout
    assert (run.returncode, state(ledger, FAILED)) == (code, after)


def test_where_there_is_nothing_to_do_the_exit_code_says_so(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert requeue(tmp_path, "--job", "77") == 1
    assert capsys.readouterr().out.splitlines() == [
        "no such job here: cxr-node jobs lists them",
        "requeued 0 jobs and 0 deliveries",
    ]
    assert requeue(tmp_path, "--since", "2999-01-01") == 1
    assert happened(ledger, FAILED)[-1] == "failed"


def test_of_what_is_named_and_does_not_begin_again_it_says_why(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built(ledger, "PACS", roles="A", number=4)
    deliver(ledger)
    ledger.jobs.accept(instance(5), PIPELINE)
    assert requeue(tmp_path, "--job", "4", "--job", "5") == 1
    assert capsys.readouterr().out.splitlines() == [
        "job 5: RECEIVED: it waits for a worker already",
        "job 4: BUILT, all delivered: nothing to send again, but for --state DELIVERED",
        "requeued 0 jobs and 0 deliveries",
    ]
    assert requeue(tmp_path, "--job", "1", "--state", "refused", "--dry-run") == 1
    assert (
        "job 1: FAILED: not what --state, --since, --until and --destination ask for"
        in capsys.readouterr().out
    )
    assert requeue(tmp_path, "--state", "failed", "--dry-run") == 0
    assert capsys.readouterr().out.endswith("would requeue 1 job and 0 deliveries\n")


def test_to_ask_for_nothing_is_a_wrong_use(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert requeue(tmp_path) == 2
    assert "say what to requeue" in capsys.readouterr().err
    assert state(ledger, FAILED) is JobState.FAILED


def test_a_folder_without_a_ledger_is_said_and_left_alone(tmp_path: Path) -> None:
    assert requeue(tmp_path / "elsewhere", "--job", "1") == 1
    assert not (tmp_path / "elsewhere").exists()


def test_a_time_is_a_moment_or_so_long_ago() -> None:
    assert parse_time("2026-11-27T08:00:00+01:00") == datetime(2026, 11, 27, 7, tzinfo=UTC)
    assert parse_time("2026-11-27T08:00") == datetime(2026, 11, 27, 8, tzinfo=UTC)
    ago = datetime.now(UTC) - timedelta(minutes=90)
    assert abs(parse_time("90m") - ago) < timedelta(minutes=1)
    with pytest.raises(Exception, match="is no time"):
        parse_time("yesterday")


def test_what_an_archive_has_lost_is_sent_again_and_of_what_was_purged_it_is_said(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (4, 5):
        built(ledger, "ARCHIVE", roles="A", number=number)
        deliver(ledger, "ARCHIVE")
    later = ledger.now() + timedelta(days=1)
    assert ledger.pruning.forget(Kept(later, None), [5], lambda _paths: None) == 1
    lost = ("--state", "DELIVERED", "--destination", "ARCHIVE", "--since", "1h", "--until")
    assert requeue(tmp_path, *lost, "2999-01-01", "--dry-run") == 0
    assert capsys.readouterr().out.splitlines() == [
        "4 1.2.3.4 BUILT: send again (ARCHIVE has it)",
        "of 1 image delivered then, the results were purged",
        "would requeue 0 jobs and 1 delivery",
    ]
    assert requeue(tmp_path, *lost, "2999-01-01") == 0
    assert "requeued 0 jobs and 1 delivery" in capsys.readouterr().out
    assert deliver(ledger, "ARCHIVE") == ["A"]
    assert requeue(tmp_path, "--state", "DELIVERED", "--sop-instance-uid", "1.2.3.5") == 1
    assert "1.2.3.5: its results were purged" in capsys.readouterr().out
