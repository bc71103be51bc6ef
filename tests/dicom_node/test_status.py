"""`status` and `destinations` as an operator reads them, on ledgers made by the ledger itself."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dicom_node.config import Config, Destination, parse
from dicom_node.ledger import DeliveryState, Ledger, Process, Progress
from dicom_node.ops.processes import pipeline_lines
from dicom_node.ops.running import last_run, only_one
from dicom_node.threads import beside
from tests.dicom_node.hearts import heart
from tests.dicom_node.ledger.records import LEASE_S, built, claimed, progress
from tests.system.waiting import run_cli

pytestmark = pytest.mark.slow

TO_PACS = Destination(name="PACS", aet="PACS", host="127.0.0.1", port=104)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return parse({"node": {"state": tmp_path}}, destinations=(TO_PACS,))


@pytest.fixture
def ledger(config: Config) -> Iterator[Ledger]:
    with closing(Ledger.open(config.ledger_url)) as opened:
        yield opened


def cli(config: Config, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return run_cli(*arguments, "--state", str(config.node.state))


def test_status_shows_failures_with_a_remedy_and_skipped_by_reason(
    config: Config, ledger: Ledger
) -> None:
    ledger.handover.failed(claimed(ledger, number=1).id, "w1", "1.2.3.1: cut short")
    for number in range(2, 15):
        ledger.handover.skipped(claimed(ledger, number=number).id, "w1", "a lateral view")
    lines = cli(config, "status").stdout.splitlines()
    assert "  FAILED           1" in lines
    skipped = lines.index("skipped, by reason")
    assert lines[skipped + 1].startswith("       13  a lateral view (last 2")
    failure = lines[lines.index("last failures") + 1 :]
    assert failure[0].endswith(" 1.2.3.1")
    assert failure[1] == "    1.2.3.1: cut short"
    assert failure[2].startswith("    to do: ")
    assert "cxr-node requeue --job 1" in failure[2]
    assert failure[3:] == [
        "sent, and not confirmed to be kept", "  none",
        "last refused by a destination, given up or lost", "  none",
    ]  # fmt: skip


def test_status_shows_what_was_refused_apart_from_what_failed(
    config: Config, ledger: Ledger
) -> None:
    built(ledger, "PACS", roles="AB", number=1)
    for delivery in ledger.deliveries.claim("PACS", "s1", LEASE_S, 10):
        ledger.deliveries.refused(delivery.id, "s1", 0x0110, "PACS: processing failure")
    built(ledger, "PACS", roles="A", number=2)
    lines = cli(config, "status").stdout.splitlines()
    assert (
        "  BUILT            2  1 waiting for a destination, 1 refused by one, given up or lost"
        in lines
    )
    assert lines[lines.index("last failures") + 1] == "  none"
    refusal = lines[lines.index("last refused by a destination, given up or lost") + 1 :]
    assert refusal[0].endswith(" 1.2.3.1")
    assert refusal[1] == "    PACS: processing failure (2 to PACS)"
    assert "cxr-node requeue --job 1 --state REFUSED" in refusal[2]
    assert len(refusal) == 3
    document = json.loads(cli(config, "status", "--json").stdout)
    assert (document["failures"], document["refusals"][0]["outputs"]) == ([], 2)
    assert document["progress"]["INCOMPLETE"] == 1


def test_status_for_machines_says_the_same(config: Config, ledger: Ledger) -> None:
    ledger.handover.failed(claimed(ledger, number=1).id, "w1", "cut short")
    built(ledger, "OLD", number=2)
    document = json.loads(cli(config, "status", "--json").stdout)
    assert document["failures"][0]["reason"] == "cut short"
    assert "requeue" in document["failures"][0]["remedy"]
    assert document["deliveries_waiting"] == {"OLD": 2}
    assert document["oldest_delivery_age_s"]["OLD"] >= 0
    assert document["node"] is None


def test_parts_that_are_alive_need_no_up(config: Config, ledger: Ledger) -> None:
    assert cli(config, "status").stdout.startswith("node: nothing is known of an `up`")
    with beside(threading.Event(), {"heart": heart(ledger, "work-1").run}):
        assert cli(config, "status").stdout.startswith("parts\n")


def test_pipelines_are_told_apart_where_there_are_several_or_one_that_nobody_does(
    ledger: Ledger,
) -> None:
    """`claimed` asks for one that is called "fpn-1"."""

    def pipelines() -> list[str]:
        return list(pipeline_lines(ledger.workers.all(), ledger.counts.unfinished()))

    def beat(name: str, host: str, pipeline: str) -> None:
        ledger.workers.beat(Process(name, "work", host, 7, "1.0", "engine", pipeline))

    claimed(ledger, number=1)
    _, nobody = pipelines()
    assert nobody.startswith(
        "  fpn-1        1 unfinished, no worker that does it is alive; to do: "
    )
    beat("one", "old-host", "fpn-1")
    assert pipelines() == []
    beat("two", "new-host", "another-pipeline")
    assert pipelines() == [
        "pipelines",
        "  another-pipe 0 unfinished, done by new-host pid 7",
        "  fpn-1        1 unfinished, done by old-host pid 7",
    ]


def test_an_orphaned_destination_is_named_until_it_is_moved(config: Config, ledger: Ledger) -> None:
    job_id = built(ledger, "OLD", roles="AB")
    with only_one(config.node, config.destination_names):
        said = cli(config, "status").stdout
        assert f"node: running, pid {os.getpid()}, CXRNODE on 127.0.0.1:11112" in said
        assert "nothing sends it: cxr-node destinations move 'OLD' NEW, or forget 'OLD'" in said
        listed = cli(config, "destinations").stdout.splitlines()
        received = listed.pop(3)
        assert received.startswith("  the oldest that waits was received 20")
        assert listed == [
            "OLD  (not configured)", "  nothing sent yet", "  2 WAITING",
            "  nothing sends it: cxr-node destinations move 'OLD' NEW, or forget 'OLD'",
            "PACS", "  nothing sent yet",
        ]  # fmt: skip
        refused = cli(config, "destinations", "move", "OLD", "PAC")
        assert refused.returncode == 2
        assert "no destination 'PAC' is configured: did you mean PACS?" in refused.stderr
        moved = cli(config, "destinations", "move", "OLD", "PACS", "--by", "me")
        assert (moved.returncode, moved.stdout) == (0, "OLD: 2 deliveries go to PACS now\n")
        assert "not configured" not in cli(config, "status").stdout
    assert {delivery.destination for delivery in ledger.deliveries.of_job(job_id)} == {"PACS"}
    assert {e.owner for e in ledger.reports.events(job_id) if e.event.startswith("moved")} == {"me"}


def test_a_destination_can_be_forgotten_with_the_options_on_either_side(
    config: Config, ledger: Ledger
) -> None:
    job_id = built(ledger, "OLD", "PACS", roles="A")
    for delivery in ledger.deliveries.claim("PACS", "s1", LEASE_S, 10):
        ledger.deliveries.delivered(delivery.id, "s1", 0x0000)
    unknown = cli(config, "destinations", "forget", "ODL")
    assert unknown.returncode == 2
    assert "nothing was ever built for a destination 'ODL': did you mean OLD?" in unknown.stderr
    run = run_cli("destinations", "--state", str(config.node.state), "forget", "OLD")
    assert (run.returncode, run.stdout) == (0, "OLD: 1 delivery withdrawn\n")
    states = {delivery.destination: delivery.state for delivery in ledger.deliveries.of_job(job_id)}
    assert states == {"OLD": DeliveryState.WITHDRAWN, "PACS": DeliveryState.DELIVERED}
    assert progress(ledger, job_id) is Progress.DELIVERED
    listed = cli(config, "destinations").stdout.splitlines()
    assert listed[listed.index("PACS") + 1] == "  1 DELIVERED"


def test_a_destination_that_is_configured_is_forgotten_only_on_purpose(
    config: Config, ledger: Ledger
) -> None:
    job_id = built(ledger, "PACS", roles="A")
    with only_one(config.node, config.destination_names):
        refused = cli(config, "destinations", "forget", "PACS")
        assert refused.returncode == 2
        assert "PACS is configured: what waits for it would never be sent" in refused.stderr
        assert ledger.deliveries.of_job(job_id)[0].state is DeliveryState.WAITING
        assert cli(config, "destinations", "forget", "PACS", "--yes").returncode == 0
    assert ledger.deliveries.of_job(job_id)[0].state is DeliveryState.WITHDRAWN


def test_an_export_into_a_file_names_it_and_says_what_to_do(config: Config, tmp_path: Path) -> None:
    file = tmp_path / "pairs"
    file.write_text("somebody's")
    for folder in (file, file / "below"):
        run = cli(config, "corrections", "export", str(folder))
        assert (run.returncode, run.stdout) == (2, "")
        assert f"{file} is a file: name a FOLDER, new or of an export before" in run.stderr
    assert file.read_text() == "somebody's"


def test_a_reader_that_has_seen_enough_ends_the_command_quietly(
    config: Config, ledger: Ledger
) -> None:
    for number in range(40):
        ledger.handover.skipped(
            claimed(ledger, number=number).id, "w1", f"reason {number}: " + 50_000 * "x"
        )
    for options in (["status", "--json"], ["jobs", "--json"]):
        command = [
            sys.executable,
            "-m",
            "dicom_node",
            *options,
            "--state-dir",
            str(config.node.state),
        ]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.readline()
            process.stdout.close()
            assert process.stderr.read() == ""
            assert process.wait(30) == 141


def test_a_lock_left_by_a_node_that_ended_says_that_it_is_not_running(config: Config) -> None:
    assert last_run(config.node.state) is None
    with only_one(config.node, config.destination_names):
        running = last_run(config.node.state)
        assert running is not None
        assert running.is_alive
    ended = last_run(config.node.state)
    assert ended is not None
    assert (ended.is_alive, ended.destinations) == (False, ("PACS",))


def test_what_archives_are_asked_no_more_is_said_with_the_reason_and_what_to_do(
    config: Config, ledger: Ledger
) -> None:
    job_id = built(ledger, "PACS", number=1)
    ledger.inquiries.begin(job_id, 0, ["PACS"])
    asked = ledger.inquiries.claim("PACS", "s1", LEASE_S)
    assert asked is not None
    ledger.inquiries.given_up(asked, "it offers no C-GET")
    for command in ("status", "destinations"):
        lines = [one.strip() for one in cli(config, command).stdout.splitlines()]
        (said,) = [one for one in lines if one.startswith("given up to ask for those before")]
        assert "before 1 radiograph (1 within a day, last " in said
        assert said.endswith("): it offers no C-GET")
        assert "to do: mend what the reason says" in lines[lines.index(said) + 1]
    (one,) = json.loads(cli(config, "status", "--json").stdout)["inquiries_given_up"]
    assert (one["destination"], one["count"], one["reason"]) == ("PACS", 1, "it offers no C-GET")
    assert "from PACS to this node" in one["remedy"]
