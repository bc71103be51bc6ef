"""`cxr-node status --check`: the line and the exit code that a monitor gets."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dicom_node.__main__ import main
from dicom_node.config import parse
from dicom_node.demo.node import free_port
from dicom_node.disk import Room
from dicom_node.ledger import Ledger, Process
from dicom_node.ops.monitor import Verdict, verdict_on_surroundings
from dicom_node.ops.processes import PARTS
from dicom_node.ops.retention import Disk
from tests.dicom_node.ledger.records import PIPELINE, Clock, built, claimed, instance

#: Nagios Plugin API: text, then performance data behind a bar, in one line.
LINE = re.compile(
    r"(OK|WARNING|CRITICAL|UNKNOWN) - [^|]+"
    r"( \|( [a-z]+=[0-9.]+s?(;[0-9.]*(;[0-9.]+)?)?)+)?\n"
)


@pytest.fixture
def clock() -> Clock:
    made = Clock()
    made.now = datetime.now(UTC)
    return made


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    """Of a node whose parts are alive."""
    with closing(Ledger.open(parse({"node": {"state": tmp_path}}).ledger_url, clock)) as opened:
        for part in PARTS:
            opened.workers.beat(Process(part, part, "host", 1, "1.0"))
        yield opened


@pytest.fixture
def check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> "Check":
    return Check(tmp_path, capsys)


class Check:
    def __init__(self, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.state = state
        self.capsys = capsys

    def __call__(self, *options: str) -> tuple[int, str]:
        code = main(["status", "--check", "--state", str(self.state), *options])
        said = self.capsys.readouterr().out
        assert LINE.fullmatch(said), said
        return code, said.strip()


@pytest.mark.usefixtures("ledger")
def test_a_node_without_work_is_well(check: Check) -> None:
    assert check("--max-wait", "60") == (
        0,
        "OK - 0 waiting, 0 failed in 24 h"
        " | waiting=0 jobs=0 deliveries=0 oldest=0s;;60 failed=0;0 refused=0 unverified=0",
    )


def test_what_waits_too_long_is_critical(ledger: Ledger, check: Check, clock: Clock) -> None:
    clock.now -= timedelta(seconds=90)
    ledger.jobs.accept(instance(1), PIPELINE)
    built(ledger, "PACS", number=2)
    code, said = check("--max-wait", "60")
    assert (code, said[:30]) == (2, "CRITICAL - 3 waiting, oldest 0")
    assert "jobs=1 deliveries=2" in said
    assert check("--max-wait", "600")[0] == 0


def test_a_delivery_counts_from_when_its_image_came(
    ledger: Ledger, check: Check, clock: Clock
) -> None:
    now = clock.now
    clock.now = now - timedelta(seconds=90)
    ledger.jobs.accept(instance(1), PIPELINE)
    clock.now = now
    built(ledger, "PACS", roles="A", number=1)
    code, said = check("--max-wait", "60")
    assert (code, "jobs=0 deliveries=1" in said) == (2, True)


def test_what_failed_is_a_warning_until_it_is_repaired_or_long_ago(
    ledger: Ledger, check: Check
) -> None:
    ledger.handover.failed(claimed(ledger, number=1).id, "w1", "undecodable")
    assert check()[1].startswith("WARNING - 0 waiting, 1 failed in 24 h | ")
    assert check("--max-failed", "1")[0] == 0
    assert check("--since", "2999-01-01")[0] == 0
    assert main(["requeue", "--state-dir", str(check.state), "--job", "1"]) == 0
    check.capsys.readouterr()
    assert check()[0] == 0


def test_what_was_refused_is_a_warning(ledger: Ledger, check: Check) -> None:
    built(ledger, "PACS", roles="A")
    (delivery,) = ledger.deliveries.claim("PACS", "s1", 60.0, 10)
    ledger.deliveries.refused(delivery.id, "s1", 0xC000, "PACS refused A")
    assert check()[0] == 1


def test_skipped_images_are_no_matter_for_a_monitor(ledger: Ledger, check: Check) -> None:
    ledger.handover.skipped(claimed(ledger, number=1).id, "w1", "a lateral view")
    assert check()[0] == 0


def test_a_part_that_is_nowhere_alive_is_critical(
    ledger: Ledger, check: Check, clock: Clock
) -> None:
    clock.now -= timedelta(minutes=5)
    ledger.workers.leave(["work"])
    ledger.workers.beat(Process("work-2", "work", "another", 1, "1.0"))
    assert check()[1].startswith("CRITICAL - nothing alive that does work, 0 waiting")
    clock.now += timedelta(minutes=5)
    ledger.workers.beat(Process("work-3", "work", "another", 1, "1.0"))
    assert check()[0] == 0


def test_a_ledger_that_does_not_answer_is_critical(
    check: Check, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CXR_LEDGER_URL", f"postgresql://cxr:secret@127.0.0.1:{free_port()}/cxr")
    file = tmp_path / "node.toml"
    file.write_text('[node]\nstate = "state"\nno_destination = true\n')
    code, said = check("--config", str(file))
    assert (code, said.partition(":")[0]) == (2, "CRITICAL - the ledger did not answer")
    assert "secret" not in said


def test_what_is_asked_wrongly_is_unknown(check: Check, tmp_path: Path) -> None:
    code, said = check()
    assert (code, "no ledger here" in said) == (3, True)
    (tmp_path / "node.toml").write_text("[node]\nprot = 1 # | \n")
    code, said = check("--config", str(tmp_path / "node.toml"))
    assert (code, said.partition(" - ")[0]) == (3, "UNKNOWN")


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    "options", [("--max-wait", "soon"), ("--max-wiat", "5"), ("--since", "yesterday")]
)
def test_options_that_are_not_understood_are_unknown_too(
    check: Check, options: tuple[str, ...]
) -> None:
    code, said = check(*options)
    assert code == 3
    assert said.startswith("UNKNOWN - ")
    assert options[1] in said or options[0] in said
    assert main(["status", "--check", "--state", str(check.state)]) == 0


def test_the_line_names_a_destination_that_is_not_reached_or_paused(
    ledger: Ledger, check: Check
) -> None:
    built(ledger, "PACS", roles="A")
    ledger.breakers.unreachable("PACS", "s1", "connection refused", 60)
    ledger.breakers.pause("VIEWER", "me", "upgrade")
    _, said = check("--max-wait", "600")
    assert re.search(r"PACS is not reached since 20[-0-9: ]+, VIEWER is paused, 0 failed", said)


def test_a_destination_that_reports_on_no_commitment_is_a_warning_and_a_line(
    ledger: Ledger, check: Check, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    clock.now -= timedelta(seconds=600)
    for number in range(4):
        until = clock.now + timedelta(hours=1)
        ledger.verifications.begin(f"2.25.{number}", "PACS", [], until, until)
    built(ledger, "PACS")
    clock.now += timedelta(seconds=600)
    told = re.compile(
        r"PACS has answered none of 4 requests for storage commitment since 20[-0-9: ]+: see that"
        r" it knows this node's AE title, address and port"
    )
    code, said = check("--max-wait", "3600")
    assert (code, bool(told.search(said))) == (1, True)
    for command in ("status", "destinations"):
        assert main([command, "--state", str(check.state)]) == 0
        assert told.search(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("free_mb", "verdict"), [(2001, Verdict.OK), (1999, Verdict.WARNING), (499, Verdict.CRITICAL)]
)
def test_a_disk_that_fills_is_a_warning_and_then_critical(free_mb: int, verdict: Verdict) -> None:
    """As seen by a monitor of a real disk: test_retention."""
    disk = Disk.with_room(Room(free_mb * 10**6, 10**12), 500 * 10**6)
    assert verdict_on_surroundings(disk, []) is verdict
