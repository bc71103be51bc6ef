"""Kill anything at any time: afterwards every accepted image has one SEG, SR and overlay."""

import multiprocessing
import os
import signal
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from dicom_node.cli.node.networks import load_networks, pipeline_id
from dicom_node.cli.node.opening import open_ledger
from dicom_node.config import Config, Destination, parse
from dicom_node.config.profiles import STANDARD
from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from dicom_node.errors import SUCCESS
from dicom_node.ledger import BuiltOutput, Delivery, Ledger, Route, StoredInstance
from dicom_node.ops.liveness import Owner
from dicom_node.spool import Spool
from dicom_node.worker import process, spool_output
from sr_writer.equipment import Equipment
from tests.dicom_node.radiographs import file_bytes
from tests.system.once import PR, SEG, SR, assert_everything_once, classes, destination, radiographs
from tests.system.waiting import wait_until

#: A part, and all, killed at random moments: tests/system/faults has both on every ground.
long = pytest.mark.long


@pytest.mark.parametrize(
    "part", ["work", pytest.param("send", marks=long), pytest.param("listen", marks=long)]
)
def test_a_killed_part_is_restarted_and_nothing_is_lost(tmp_path: Path, part: str) -> None:
    sources = radiographs(4, seed=100)
    with (
        Pacs(tmp_path / "pacs") as pacs,
        RunningNode(tmp_path / "state", [destination(pacs)]) as node,
    ):
        sent = send(sources[:2], "127.0.0.1", node.port)
        assert [one.status for one in sent] == [SUCCESS] * 2
        victim = node.pid_of(part)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: node.pid_of(part) != victim, 30, f"{part} to be restarted")
        wait_until(lambda: accepts(node, sources[2:]), 60, "the node to accept again")
        assert_everything_once(sources, node.state, pacs)


def accepts(node: RunningNode, sources: Sequence[Dataset]) -> bool:
    """A sender tries again until it has been answered Success."""
    try:
        sent = send(sources, "127.0.0.1", node.port)
    except Exception:
        return False
    return [one.status for one in sent] == [SUCCESS] * len(sources)


@long
def test_a_node_killed_as_a_whole_goes_on_where_it_was(tmp_path: Path) -> None:
    sources = radiographs(6, seed=200)
    with Pacs(tmp_path / "pacs") as pacs:
        node = RunningNode(tmp_path / "state", [destination(pacs)])
        node.start()
        children = [node.pid_of(part) for part in ("listen", "work", "send")]
        sent = send(sources, "127.0.0.1", node.port)
        assert [one.status for one in sent] == [SUCCESS] * len(sources)
        for pid in (node.pid, *children):
            os.kill(pid, signal.SIGKILL)
        node.join()
        with RunningNode(tmp_path / "state", [destination(pacs)]):
            assert_everything_once(sources, tmp_path / "state", pacs)


def test_a_worker_killed_between_report_and_pictures_is_no_loss(tmp_path: Path) -> None:
    sources = radiographs(2, seed=250)
    with (
        Pacs(tmp_path / "pacs") as pacs,
        RunningNode(tmp_path / "state", [destination(pacs)]) as node,
    ):
        for source in sources:
            send([source], "127.0.0.1", node.port)
            # The report has arrived; the worker is at the pictures.
            pacs.wait_for(lambda _, source=source: SR in classes(pacs, source), 60)  # type: ignore[misc]  # mypy infers no lambda that has a default
            victim = node.pid_of("work")
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda pid=victim: node.pid_of("work") != pid, 30, "a new worker")  # type: ignore[misc]  # mypy infers no lambda that has a default
        assert_everything_once(sources, node.state, pacs)


def test_children_end_with_their_supervisor(tmp_path: Path) -> None:
    node = RunningNode(tmp_path / "state")
    node.start()
    children = [node.pid_of(part) for part in ("listen", "work", "send")]
    node.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in children), 30, "the orphans to end")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_outage_of_the_pacs_is_waited_out(tmp_path: Path) -> None:
    sources = radiographs(3, seed=300)
    with (
        Pacs(tmp_path / "pacs") as pacs,
        RunningNode(tmp_path / "state", [destination(pacs)]) as node,
    ):
        pacs.stop()
        send(sources, "127.0.0.1", node.port)
        assert node.wait_for_log(lambda line: '"will try again"' in line, 60)
        pacs.start()
        assert_everything_once(sources, node.state, pacs)


def test_a_crash_between_any_two_steps_loses_nothing(tmp_path: Path) -> None:
    """Leave one image behind after each step of its way, as a crash does, then start the node."""
    sources = radiographs(7, seed=400)
    config = parse({"node": {"state": tmp_path / "state"}})
    with Pacs(tmp_path / "pacs") as pacs:
        contents = [file_bytes(source) for source in sources]
        arguments = (config, contents, destination(pacs))
        crash = multiprocessing.get_context("spawn").Process(target=crash_midway, args=arguments)
        crash.start()
        crash.join()
        assert crash.exitcode == -signal.SIGKILL
        with RunningNode(config.node.state, [destination(pacs)]) as node:
            # The first was not answered Success, so its sender sends it again.
            send([sources[0]], "127.0.0.1", node.port)
            assert_everything_once(sources, config.node.state, pacs, instead={5: {SEG: PR}})


def crash_midway(config: Config, contents: Sequence[bytes], destination_name: str) -> None:
    """Bring each image one step further than the one before, and die."""
    spool, ledger = Spool(config.spool_folder), open_ledger(config)
    sources = [dcmread(BytesIO(content)) for content in contents]
    spooled, committed, claimed, handed_over, arrived, refused, built = sources
    route = Route(destination_name, STANDARD.outputs, STANDARD.reserves)
    with (
        Owner(config.node.run_folder, "work") as worker,
        Owner(config.node.run_folder, "send") as sender,
    ):

        def claim(source: Dataset) -> int:
            job_id = accept(spool, ledger, source)
            assert ledger.jobs.claim(job_id, pipeline_id("", ""), worker.name, lease_s=3600)
            return job_id

        def hand_over(source: Dataset) -> list[Delivery]:
            """Of a job that is not built yet; a sender has taken what it has."""
            job_id = claim(source)
            first = build(spool, ledger, job_id, source, ["SEG", "SR"])
            ledger.handover.handed_over(job_id, worker.name, first, [route])
            return ledger.deliveries.claim(destination_name, sender.name, 3600, 32)

        spool.store_received(spooled.SOPInstanceUID, contents[0])
        accept(spool, ledger, committed)
        claim(claimed)
        hand_over(handed_over)
        seg, _ = hand_over(arrived)
        send([spool.resolve(seg.path)], *address(destination_name))
        ledger.deliveries.delivered(seg.id, sender.name, SUCCESS)
        seg, _ = hand_over(refused)
        ledger.deliveries.refused(seg.id, sender.name, None, "SEG is not accepted", "PR")
        job_id = claim(built)
        everything = build(spool, ledger, job_id, built, STANDARD.built)
        ledger.handover.built(job_id, worker.name, everything, [route])
        os.kill(os.getpid(), signal.SIGKILL)


def address(destination_name: str) -> tuple[str, int]:
    to = Destination.parse(destination_name)
    return to.host, to.port


def accept(spool: Spool, ledger: Ledger, source: Dataset) -> int:
    stored = spool.store_received(source.SOPInstanceUID, file_bytes(source))
    instance = StoredInstance(
        sop_class_uid=source.SOPClassUID,
        sop_instance_uid=source.SOPInstanceUID,
        study_instance_uid=source.StudyInstanceUID,
        series_instance_uid=source.SeriesInstanceUID,
        transfer_syntax_uid=source.file_meta.TransferSyntaxUID,
        calling_aet="MODALITY",
        path=stored.path,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
    )
    return ledger.jobs.accept(instance, pipeline_id("", "")).job_id


def build(
    spool: Spool, ledger: Ledger, job_id: int, source: Dataset, roles: Sequence[str]
) -> list[BuiltOutput]:
    job = ledger.jobs.get(job_id)
    assert job is not None
    engine = load_networks("", "", "cpu")
    processed = process(file_bytes(source), engine, Equipment(), job.received_at)
    return [spool_output(spool, output) for output in processed.write(roles)]
