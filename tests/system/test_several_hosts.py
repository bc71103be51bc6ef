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
from dicom_node.demo.phantom import Kind, draw
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import SUCCESS
from dicom_node.ledger import JobState, Ledger
from tests.system.waiting import has_ended, wait_until

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a part with the configuration in tmp_path; all are stopped at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(part: str) -> "subprocess.Popen[str]":
        command = [
            sys.executable,
            "-m",
            "dicom_node",
            part,
            "--config",
            str(tmp_path / "node.toml"),
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
def test_a_killed_worker_loses_nothing_and_another_takes_over_at_once(
    tmp_path: Path, ledger_url: str, broker_url: str, queue_prefix: str, start: Start
) -> None:
    port = free_port()
    with Pacs(tmp_path / "pacs") as pacs:
        configure(tmp_path, port, pacs, ledger_url, broker_url, queue_prefix)
        start("listen")
        start("send")
        first = start("work")
        start("work")
        sources = [
            as_dicom(draw(Kind.HEALTHY, rows=382, columns=318, seed=seed))
            for seed in range(500, 506)
        ]
        ledger = Ledger.open(ledger_url)
        try:
            sent = send(sources, "127.0.0.1", port)
            os.kill(first.pid, signal.SIGKILL)
            assert [one.status for one in sent] == [SUCCESS] * len(sources)
            killed_at = time.monotonic()
            for source in sources:
                wait_until(lambda uid=source.SOPInstanceUID: is_ended(ledger, uid), 90, "a job")  # type: ignore[misc]
                (job,) = ledger.jobs.of_instance(source.SOPInstanceUID)
                assert job.state is JobState.BUILT, job.reason
            # Far below the lease of an hour: the broker gave back at once what the dead one held.
            assert time.monotonic() - killed_at < 90
        finally:
            ledger.close()
        assert len({arrival.sop_instance_uid for arrival in pacs.stored}) == 3 * len(sources)


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
