"""Kill anything at any time: afterwards every accepted image has one SEG, SR and overlay."""

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from dicom_node.commands.networks import load_networks, pipeline_id
from dicom_node.commands.parts import open_ledger
from dicom_node.config import Config
from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind, draw
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import SUCCESS
from dicom_node.ledger import BuiltOutput, JobState, Ledger, StoredInstance
from dicom_node.ops.liveness import Owner
from dicom_node.spool import Spool
from dicom_node.worker import process, spool_output
from sr_writer.identity import Equipment
from tests.dicom_node.test_listener import file_bytes
from tests.marks import refused_connection
from tests.system.waiting import ended_job, wait_until

pytestmark = refused_connection


def radiographs(count: int, seed: int) -> list[Dataset]:
    kinds = (Kind.HEALTHY, Kind.LEFT_OPACITY)
    return [
        as_dicom(draw(kinds[i % 2], rows=382, columns=318, seed=seed + i)) for i in range(count)
    ]


def destination(pacs: Pacs) -> str:
    return f"{pacs.aet}@{pacs.host}:{pacs.port}"


def assert_everything_once(sources: Sequence[Dataset], state: Path, pacs: Pacs) -> None:
    """One SEG, one SR, one overlay of each source; an instance may have arrived more than once."""
    for source in sources:
        assert ended_job(state, source.SOPInstanceUID).state is JobState.DELIVERED
    for source in sources:
        stored = {a.sop_instance_uid: a for a in pacs.stored
                  if a.path.parent.name == source.StudyInstanceUID}  # fmt: skip
        classes = Counter(arrival.sop_class_uid for arrival in stored.values())
        assert sorted(classes.values()) == [1, 1, 1], classes


@pytest.mark.parametrize("part", ["work", "send", "listen"])
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
    sources = radiographs(4, seed=400)
    config = Config(state=tmp_path / "state")
    with Pacs(tmp_path / "pacs") as pacs:
        contents = [file_bytes(source) for source in sources]
        arguments = (config, contents, destination(pacs))
        crash = multiprocessing.get_context("spawn").Process(target=crash_midway, args=arguments)
        crash.start()
        crash.join()
        assert crash.exitcode == -signal.SIGKILL
        with RunningNode(config.state, [destination(pacs)]) as node:
            # The first was not answered Success, so its sender sends it again.
            send([sources[0]], "127.0.0.1", node.port)
            assert_everything_once(sources, config.state, pacs)


def crash_midway(config: Config, contents: Sequence[bytes], destination_name: str) -> None:
    """Bring each image one step further than the one before, and die."""
    spool, ledger = Spool(config.spool), open_ledger(config)
    spooled, committed, claimed, built = (dcmread(BytesIO(content)) for content in contents)
    with Owner(config.run_folder, "work") as owner:
        spool.store_received(spooled.SOPInstanceUID, contents[0])
        accept(spool, ledger, committed)
        assert ledger.claim_job(accept(spool, ledger, claimed), owner.name, lease_s=3600)
        job_id = accept(spool, ledger, built)
        assert ledger.claim_job(job_id, owner.name, lease_s=3600)
        ledger.built(job_id, owner.name, build(spool, built), [destination_name])
        os.kill(os.getpid(), signal.SIGKILL)


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
    return ledger.accept(instance, pipeline_id("", "")).job_id


def build(spool: Spool, source: Dataset) -> list[BuiltOutput]:
    engine = load_networks("", "", "cpu")
    processed = process(file_bytes(source), engine, Equipment(), datetime.now(UTC))
    return [spool_output(spool, output) for output in processed.outputs]
