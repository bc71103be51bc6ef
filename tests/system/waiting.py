"""Wait for what a node does, through its ledger; never sleep for luck."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from dicom_node.config import parse
from dicom_node.ledger import Job, JobState, Ledger, Progress


def has_ended(ledger: Ledger, job: Job) -> bool:
    """Whether the analysis has, and with it the delivery of its results."""
    if job.state is not JobState.BUILT:
        return job.state in (JobState.SKIPPED, JobState.FAILED)
    return ledger.deliveries.progress([job.id])[job.id] in (Progress.DELIVERED, Progress.INCOMPLETE)


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s in vain: {what}"
        time.sleep(0.05)


def ended_job(state: Path, sop_instance_uid: str, timeout_s: float = 90.0) -> Job:
    """The instance's only job, once it has ended."""
    ledger = Ledger.open(parse({"node": {"state": state}}).ledger_url)
    try:
        wait_until(
            lambda: (
                bool(jobs := ledger.jobs.of_instance(sop_instance_uid))
                and has_ended(ledger, jobs[0])
            ),
            timeout_s,
            f"{sop_instance_uid} to end",
        )
        (job,) = ledger.jobs.of_instance(sop_instance_uid)
        return job
    finally:
        ledger.close()


def run_cli(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """`cxr-node` as a user runs it."""
    command = [sys.executable, "-m", "dicom_node", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)
