"""Retention: files and ledger go when their time is over; the disk is watched, and never filled."""

import json
import subprocess
import sys
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from dicom_node.config import RetentionSection
from dicom_node.demo.pacs import Pacs
from dicom_node.disk import Room
from dicom_node.errors import CANNOT_UNDERSTAND, OUT_OF_RESOURCES, SUCCESS
from dicom_node.ops.retention import Purge, Retention
from tests.conftest import missing
from tests.dicom_node.delivery.bench import Bench, at
from tests.system.waiting import run_cli

pytestmark = pytest.mark.slow

DAY_S = 24 * 3600
NEVER = threading.Event()
OWN_MOUNTS = ["unshare", "--map-root-user", "--mount"]


def files(bench: Bench) -> list[str]:
    root = bench.folder / "spool"
    return sorted(p.relative_to(root).parts[0] for p in root.rglob("*.dcm"))


def test_what_was_delivered_goes_from_spool_and_ledger_after_its_days(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with Pacs(tmp_path / "pacs") as pacs, closing(bench.ledger):
        sent = bench.build(at(pacs))
        bench.deliver_all(at(pacs))
        waiting = bench.build(at(pacs))
        retention = Retention(bench.ledger, bench.spool, RetentionSection(delivered_days=30))
        bench.clock.advance(29 * DAY_S)
        assert retention.purge(NEVER) == Purge()
        before = files(bench)
        bench.clock.advance(2 * DAY_S)
        would = retention.purge(NEVER, dry_run=True)
        assert (would.jobs, files(bench)) == (1, before)
        assert retention.purge(NEVER).jobs == 1
        assert bench.ledger.jobs.get(sent) is None
        # The other job's results are all there, and get there yet.
        assert len(files(bench)) == len(before) // 2
        bench.deliver_all(at(pacs))
        assert len(bench.ledger.deliveries.of_job(waiting)) == len(before) // 2
        assert len(pacs.stored) == 6


def test_prune_says_what_would_go_and_then_removes_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    file = tmp_path / "node.toml"
    file.write_text("[node]\nstate = '.'\nno_destination = true\n", "utf-8")
    nothing = run_cli("prune", "--config", str(file))
    assert (nothing.returncode, "kept for ever" in nothing.stderr) == (2, True)
    file.write_text(file.read_text() + "[retention]\ndelivered_days = 1\n")
    with Pacs(tmp_path / "pacs") as pacs, closing(bench.ledger):
        bench.clock.ahead = timedelta(days=-2)
        bench.build(at(pacs))
        bench.deliver_all(at(pacs))
    for option, said, left in ((["--dry-run"], "1 image would go", True), ([], "removed", False)):
        run = run_cli("prune", "--config", str(file), *option)
        assert run.returncode == 0, run.stderr
        assert said in run.stdout
        assert bool(files(bench)) is left


# The disk


def test_of_a_small_disk_a_tenth_is_enough() -> None:
    assert Room(499, 100_000).is_too_little(500)
    assert not Room(500, 100_000).is_too_little(500)
    assert not Room(100, 1000).is_too_little(500)
    assert Room(99, 1000).is_too_little(500)
    assert not Room(0, 1000).is_too_little(0)


def test_a_disk_that_fills_is_warned_of_then_refuses_and_takes_again_once_there_is_room(
    tmp_path: Path,
) -> None:
    if subprocess.run([*OWN_MOUNTS, "true"], capture_output=True).returncode != 0:
        missing("this system allows no mounts of one's own")
    scenario = [sys.executable, "-m", "tests.dicom_node.full_disk_scenario", str(tmp_path)]
    run = subprocess.run([*OWN_MOUNTS, *scenario], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    taken, nothing = (SUCCESS, CANNOT_UNDERSTAND), (OUT_OF_RESOURCES, OUT_OF_RESOURCES)
    full, again = "the disk of the spool is nearly full", "the disk of the spool has room again"
    low, critical = "WARNING - disk of the spool", "CRITICAL - disk of the spool"
    steps = json.loads(run.stdout.splitlines()[-1])
    found = [
        (one["with"], (one["status"], one["no study"]), one["log"], one["check"]) for one in steps
    ]
    assert found == [
        ("room", taken, [], ""),
        ("little", taken, [full], low),
        ("too little", nothing, [], critical),
        ("room", taken, [again], ""),
    ]
