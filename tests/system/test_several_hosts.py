"""The same parts one per process, with PostgreSQL and RabbitMQ: only URLs change."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dicom_node.demo.modality import send
from dicom_node.demo.node import free_port
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import SUCCESS
from dicom_node.ledger import JobState, Ledger
from dicom_node.ledger.work.workers import LEASE_S
from tests.phantoms import draw
from tests.system.waiting import has_ended, wait_until

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a part with a configuration in tmp_path; all are stopped at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(part: str, file: str = "node.toml") -> "subprocess.Popen[str]":
        command = [
            sys.executable,
            "-m",
            "dicom_node",
            part,
            "--config",
            str(tmp_path / file),
        ]
        log = (tmp_path / f"{part}-{len(started)}.log").open("w")
        with log:
            process = subprocess.Popen(command, stderr=log, text=True)
        started.append(process)
        path = Path(log.name)
        wait_until(lambda: f"ready: {part}" in path.read_text(), 90, f"{part} to be ready")
        return process

    yield start
    for process in started:
        process.terminate()
    codes = [process.wait(30) for process in started]
    assert set(codes) <= {0, -signal.SIGKILL}


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("broker_url", ["rabbitmq"], indirect=True)
def test_a_worker_killed_on_another_host_loses_nothing_and_one_here_takes_over_in_seconds(
    tmp_path: Path, ledger_url: str, broker_url: str, queue_prefix: str, start: Start
) -> None:
    port = free_port()
    with Pacs(tmp_path / "pacs") as pacs:
        configure(tmp_path, port, pacs, ledger_url, broker_url, queue_prefix)
        # Its locks are nobody's to see: only its silence tells that it is dead.
        elsewhere = (tmp_path / "node.toml").read_text().replace('"state"', '"elsewhere"')
        (tmp_path / "elsewhere.toml").write_text(elsewhere)
        start("listen")
        start("send")
        first = start("work", "elsewhere.toml")
        start("work")
        sources = [
            as_dicom(draw(Kind.HEALTHY, rows=382, columns=318, seed=seed))
            for seed in range(500, 506)
        ]
        ledger = Ledger.open(ledger_url)
        try:
            sent = send(sources, "127.0.0.1", port)
            assert [one.status for one in sent] == [SUCCESS] * len(sources)
            wait_until(lambda: holds_a_job(ledger, first.pid), 30, "a job in its hands")
            os.kill(first.pid, signal.SIGKILL)
            killed_at = time.monotonic()
            for source in sources:
                wait_until(lambda uid=source.SOPInstanceUID: is_ended(ledger, uid), 90, "a job")  # type: ignore[misc]  # mypy infers no lambda that has a default
                (job,) = ledger.jobs.of_instance(source.SOPInstanceUID)
                assert job.state is JobState.BUILT, job.reason
            # Far below an hour of `lease_s`: it was silent for as long as a lease lasts.
            assert time.monotonic() - killed_at < LEASE_S + 45
        finally:
            ledger.close()
        assert len({arrival.sop_instance_uid for arrival in pacs.stored}) == 3 * len(sources)


def holds_a_job(ledger: Ledger, pid: int) -> bool:
    return any(each.job_ids for each in ledger.workers.all() if each.process.pid == pid)


def is_ended(ledger: Ledger, uid: str) -> bool:
    return all(has_ended(ledger, job) for job in ledger.jobs.of_instance(uid))


def configure(
    folder: Path, port: int, pacs: Pacs, ledger_url: str, broker_url: str, queue_prefix: str
) -> None:
    (folder / "node.toml").write_text(
        f"""
        [node]
        state = "state"
        port = {port}
        [ledger]
        url = "{ledger_url}"
        [broker]
        url = "{broker_url}"
        queue_prefix = "{queue_prefix}"
        [spool]
        folder = "spool"
        [worker]
        lease_s = 3600
        [[destination]]
        aet = "{pacs.aet}"
        host = "{pacs.host}"
        port = {pacs.port}
        """,
        "utf-8",
    )
