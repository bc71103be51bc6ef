"""Killed, stopped, run twice, led astray by one image."""

import os
import signal
import time
from contextlib import closing
from functools import partial

import pytest

from dicom_node.demo.modality import send
from dicom_node.errors import SUCCESS, UNKNOWN_TRIES
from dicom_node.ledger import JobState, Ledger
from tests.system.faults.setting import Ground, also_on_services, on_the_default
from tests.system.faults.soak import EVERY_S, soak
from tests.system.faults.stream import new_radiograph
from tests.system.waiting import run_cli, wait_until


@on_the_default
def test_a_second_up_on_the_same_state_folder_is_refused_in_one_line(ground: Ground) -> None:
    state = str(ground.config.node.state)
    ended = run_cli("up", "--state", state, "--port", "1", "--no-destination")
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert f"another cxr-node up (pid {ground.node.pid}" in line


@also_on_services
def test_an_image_that_ends_its_worker_fails_and_the_others_go_on(ground: Ground) -> None:
    """Killed from outside whenever it is in hand, as the kernel does where memory runs out."""
    poison = new_radiograph()
    ground.others.append(poison)
    with ground.stream(every_s=2) as stream, closing(ground.ledger()) as ledger:
        stream.wait_for(1)
        assert [one.status for one in send([poison], "127.0.0.1", ground.node.port)] == [SUCCESS]
        (job,) = ledger.jobs.of_instance(poison.SOPInstanceUID)
        for _ in range(UNKNOWN_TRIES):
            wait_until(lambda: kill_its_worker(ledger, job.id), 120, "a worker to take it")
        wait_until(lambda: state_of(ledger, job.id) is JobState.FAILED, 120, "it to end")
        stream.wait_for(1)
    ground.assert_each_once()
    ended = ledger_reason(ground, job.id)
    assert f"died {UNKNOWN_TRIES} times" in ended


@pytest.mark.long
def test_a_worker_told_to_stop_ends_the_job_in_hand_and_another_takes_its_place(
    ground: Ground,
) -> None:
    with ground.stream(every_s=3) as stream, closing(ground.ledger()) as ledger:
        for _ in range(3):
            stream.wait_for(1)
            wait_until(lambda: bool(in_hand(ledger)), 300, "a job in hand")
            worker = ground.node.pid_of("work")
            stopped_at = time.monotonic()
            os.kill(worker, signal.SIGTERM)
            wait_until(partial(is_replaced, ground, worker), 120, "another worker")
            print(f"another began {time.monotonic() - stopped_at:.1f} s after")
    ground.assert_each_once()
    ground.assert_never_given_up(stream)


@pytest.mark.long
def test_a_node_told_to_stop_ends_what_it_has_in_hand_and_goes_on_when_started(
    ground: Ground,
) -> None:
    with ground.stream(every_s=3) as stream, closing(ground.ledger()) as ledger:
        for _ in range(2):
            stream.wait_for(1)
            wait_until(lambda: bool(in_hand(ledger)), 300, "a job in hand")
            stopped_at = time.monotonic()
            assert ground.node.stop() == 0
            print(f"stopped within {time.monotonic() - stopped_at:.1f} s")
            # Nobody was killed, and nobody left anything.
            assert not [line for line in ground.node.log if "did not stop" in line]
            assert not in_hand(ledger)
            assert not ledger.workers.all()
            ground.node.log.clear()
            ground.node.start()
        stream.wait_for(1)
    ground.assert_each_once()
    ground.assert_never_given_up(stream)


def is_replaced(ground: Ground, worker: int) -> bool:
    return ground.node.pid_of("work") != worker


def in_hand(ledger: Ledger) -> list[int]:
    return [job_id for one in ledger.workers.all() for job_id in one.job_ids]


def kill_its_worker(ledger: Ledger, job_id: int) -> bool:
    """Whether one had it."""
    holders = [one.process.pid for one in ledger.workers.all() if job_id in one.job_ids]
    for pid in holders:
        os.kill(pid, signal.SIGKILL)
    if holders:
        wait_until(lambda: state_of(ledger, job_id) is not JobState.ANALYZING, 60, "it to be freed")
    return bool(holders)


def state_of(ledger: Ledger, job_id: int) -> JobState:
    job = ledger.jobs.get(job_id)
    assert job is not None
    return job.state


def ledger_reason(ground: Ground, job_id: int) -> str:
    with closing(ground.ledger()) as ledger:
        job = ledger.jobs.get(job_id)
    assert job is not None
    return job.reason or ""


def test_each_part_and_all_killed_at_random_moments_lose_nothing(ground: Ground) -> None:
    """The short form; `make soak` is the long one. It makes the node another process."""
    before = [one for stream in ground.streams for one in (*stream.accepted, *stream.given_up)]
    others = [*before, *ground.others]
    stream = ground.stream(every_s=EVERY_S)
    verdict = soak(
        ground.node, ground.pacs, ground.config.ledger_url, stream, 4,
        int.from_bytes(os.urandom(2)), others,
    )  # fmt: skip
    assert verdict.is_clean, str(verdict)
