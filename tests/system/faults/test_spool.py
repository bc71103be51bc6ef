"""Files truncated, flipped, unreadable; a disk that is full, read-only, gone."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
from pydicom import Dataset

from dicom_node.config import load
from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from dicom_node.errors import SUCCESS, UNKNOWN_TRIES
from dicom_node.ledger import Job, JobState, Ledger
from dicom_node.spool import Spool
from tests.conftest import missing
from tests.dicom_node.delivery.damage import flip_a_bit, remove, truncate
from tests.system.faults.setting import Ground, also_on_services, configuration, is_built, paused
from tests.system.faults.stream import (
    ARRIVES_WITHIN_S,
    Stream,
    assert_each_once,
    judge,
    new_radiograph,
)
from tests.system.waiting import run_cli, wait_until


def make_unreadable(path: Path) -> None:
    """As over a bad sector: it opens, and reading gives EIO. That is what the kernel answers to who
    reads the first byte of his own memory.
    """
    path.unlink()
    path.symlink_to("/proc/self/mem")


@also_on_services
@pytest.mark.parametrize("damage", [truncate, flip_a_bit, remove, make_unreadable])
def test_a_damaged_received_file_ends_with_a_reason_and_heals_when_sent_again(
    ground: Ground, damage: Callable[[Path], None]
) -> None:
    victim = new_radiograph()
    with ground.stream() as stream, closing(ground.ledger()) as ledger:
        stream.wait_for(1)
        receive_damaged(ground, ledger, victim, damage)
        wait_until(lambda: job_of(ledger, victim).state is JobState.FAILED, 120, "the job to end")
        failed = job_of(ledger, victim)
        assert "send the image again" in (failed.reason or "")
        assert failed.attempts <= UNKNOWN_TRIES
        assert [one.status for one in send([victim], "127.0.0.1", ground.node.port)] == [SUCCESS]
        stream.accepted.append(victim)
    ground.assert_each_once()


def receive_damaged(
    ground: Ground, ledger: Ledger, victim: Dataset, damage: Callable[[Path], None]
) -> None:
    """Received, and damaged before a worker gets to it: the worker is held up meanwhile."""
    for _ in range(10):
        with paused(ground.node.pid_of("work")):
            (sent,) = send([victim], "127.0.0.1", ground.node.port)
            if sent.status == SUCCESS:
                damage(Spool(ground.config.spool_folder).resolve(job_of(ledger, victim).path))
                return
        # It was held up in the middle of a transaction, which it must have time to end: 0xA700.
        time.sleep(1.0)
    raise AssertionError("the node did not accept it")


def job_of(ledger: Ledger, radiograph: Dataset) -> Job:
    (job,) = ledger.jobs.of_instance(radiograph.SOPInstanceUID)
    return job


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, 64 MB: enough for the ledger and a dozen radiographs."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "cxr-faults", disk],
        capture_output=True,
        text=True,
    )
    if mounted.returncode != 0:
        missing(f"no tmpfs can be mounted: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def remount(disk: Path, *options: str) -> None:
    """Refused while a file is just being written there."""
    command = ["mount", "-o", ",".join(("remount", *options)), str(disk)]
    wait_until(lambda: subprocess.run(command).returncode == 0, 60, "a moment between two files")


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Not a byte left, as other programs fill a disk; what is freed meanwhile is taken as well."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        fill(file.write)
        yield
    filler.unlink()


def fill(write: Callable[[bytes], int]) -> None:
    for size in (1 << 20, 1 << 12):
        try:
            while True:
                write(b"\0" * size)
        except OSError:
            continue


def test_a_full_disk_is_answered_0xa700_and_all_arrives_when_there_is_room(
    small_disk: Path, tmp_path: Path
) -> None:
    with on(small_disk / "state", tmp_path) as (node, pacs), Stream(node.port) as stream:
        stream.wait_for(2)
        with full(small_disk):
            time.sleep(20)
        free_at = time.monotonic()
        stream.wait_for(1)
        stream.stop()
        assert_each_once(stream.accepted, pacs, free_at)
        assert stream.refused
        assert_first_try(tmp_path, stream)


def test_a_spool_that_is_read_only_or_gone_is_waited_for(small_disk: Path, tmp_path: Path) -> None:
    faults = (
        (partial(remount, small_disk, "ro"), partial(remount, small_disk, "rw")),
        (partial((small_disk / "spool").rename, small_disk / "away"),
         partial((small_disk / "away").rename, small_disk / "spool")),
    )  # fmt: skip
    with on(tmp_path / "state", tmp_path, small_disk / "spool") as (node, pacs):
        for breaks, mends in faults:
            with Stream(node.port) as stream:
                stream.wait_for(2)
                breaks()
                wait_until(lambda: len(stream.refused) > 2, 60, "0xA700")
                mends()
                mended_at = time.monotonic()
                stream.wait_for(1)
                stream.stop()
                # Of this stream alone.
                wait_until(lambda: not judge(stream.accepted, pacs).lost, 120, "all to arrive")
                print(f"the last {time.monotonic() - mended_at:.0f} s after it was mended")
                assert_first_try(tmp_path, stream)


def test_a_start_on_a_full_disk_says_so_at_once(small_disk: Path) -> None:
    state = small_disk / "state"
    state.mkdir()
    with full(small_disk):
        started = time.monotonic()
        ended = run_cli("up", "--state", str(state), "--no-destination")
        took_s = time.monotonic() - started
    assert ended.returncode == 2
    # One line for the state folder, one for the spool in it; nothing has been started.
    lines = ended.stderr.splitlines()
    assert len(lines) == 2
    assert all("No space left on device" in line for line in lines)
    alone = time.monotonic()
    run_cli("up", "--help")
    print(f"{took_s:.1f} s, of which {time.monotonic() - alone:.1f} s to start at all")


@contextmanager
def on(state: Path, folder: Path, spool: Path | None = None) -> Iterator[tuple[RunningNode, Pacs]]:
    """A node and an archive; its configuration is `node.toml` in `folder`."""
    with Pacs(folder / "pacs") as pacs:
        text = configuration(state, folder.name, pacs, None, None)
        file = folder / "node.toml"
        file.write_text(text + (f'\n[spool]\nfolder = "{spool}"\n' if spool else ""), "utf-8")
        with RunningNode(state, port=load(file).node.port, config_file=file) as node:
            yield node, pacs


def assert_first_try(folder: Path, stream: Stream) -> None:
    with closing(Ledger.open(load(folder / "node.toml").ledger_url)) as ledger:
        for radiograph in stream.accepted:
            built = partial(is_built, ledger, radiograph.SOPInstanceUID)
            wait_until(built, ARRIVES_WITHIN_S, "it to be built")
        jobs = [job_of(ledger, radiograph) for radiograph in stream.accepted]
    assert [(job.state, job.attempts, job.deaths) for job in jobs] == [
        (JobState.BUILT, 1, 0)
    ] * len(jobs)
