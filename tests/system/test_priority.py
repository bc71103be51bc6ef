"""Who goes first, with whole nodes: what is urgent behind a backlog, and a backlog behind it."""

from pathlib import Path

import pytest

from dicom_node.demo.pacs import Pacs
from dicom_node.ledger import Priority
from tests.system.priority_scenario import (
    ER,
    PACS,
    Stream,
    claims,
    jobs_of,
    node,
    radiographs,
    reports,
    stopped,
    store,
    wait_for_report,
)
from tests.system.waiting import run_cli, wait_until

#: Seconds.
CAP_S = 5.0


def test_what_is_urgent_comes_before_a_backlog(tmp_path: Path) -> None:
    asked, (urgent, *backlog) = 40, radiographs(61)
    with (
        Pacs(tmp_path / "pacs") as pacs,
        node(tmp_path, pacs, stat_callers=[ER], longest_wait_s=3600) as running,
    ):
        # It is idle and holds nothing: now the backlog comes to be one on any machine.
        with stopped(running, running.pid_of("work")):
            store(running, backlog, PACS)
            store(running, [urgent], ER)
            (job,) = jobs_of(running, [backlog[asked]])
            raised = run_cli(
                "job", str(job.id), "--priority", "stat", "--state", str(running.state)
            )
            assert "given another priority (by " in raised.stdout
            said = run_cli("status", "--state", str(running.state)).stdout
        for one in (urgent, backlog[asked]):
            wait_for_report(pacs, one)
        first = reports(pacs)[:2]
    assert [line.split()[:3] for line in said.splitlines() if " oldest " in line] == [
        ["STAT", "2", "oldest"], ["ROUTINE", "59", "oldest"],
    ]  # fmt: skip
    # The one that was asked for had waited longer.
    assert first == [backlog[asked].StudyInstanceUID, urgent.StudyInstanceUID]


@pytest.mark.long
def test_a_stream_of_stat_holds_nothing_up_for_longer_than_the_cap(tmp_path: Path) -> None:
    routine = radiographs(3)
    with (
        Pacs(tmp_path / "pacs") as pacs,
        node(tmp_path, pacs, stat_callers=[ER], longest_wait_s=CAP_S) as running,
    ):
        with Stream(running):
            wait_until(lambda: len(claims(running)) > 2, 120, "the stream to flow")
            store(running, routine, PACS)
            for one in routine:
                wait_for_report(pacs, one)
        in_order, jobs = claims(running), jobs_of(running, routine)
        waiting = run_cli("status", "--state", str(running.state), "--json").stdout
    assert [job.priority for job in jobs] == [Priority.ROUTINE] * 3
    # More STAT came than could be done: without a cap they would have waited on.
    assert '"STAT"' in waiting
    for place, job in enumerate(jobs, start=1):
        late_at = job.received_at.timestamp() + CAP_S
        (claimed_at,) = (at for at, job_id in in_order if job_id == job.id)
        # From then on every other turn was theirs; one was in hand.
        assert len([at for at, _ in in_order if late_at < at < claimed_at]) <= 2 * place
