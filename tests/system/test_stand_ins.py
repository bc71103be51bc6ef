"""A PACS that accepts less than it did: what goes there instead is built only then."""

import os
import signal
from pathlib import Path

from pydicom.uid import SegmentationStorage

from dicom_node.cli.node.parts import open_ledger
from dicom_node.config import parse
from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import SOP_CLASSES, Pacs
from dicom_node.errors import SUCCESS
from dicom_node.ledger import Event
from tests.system.once import PR, SEG, assert_everything_once, destination, radiographs
from tests.system.waiting import ended_job, wait_until


def test_what_goes_instead_is_built_when_it_is_wanted_and_a_killed_worker_loses_none(
    tmp_path: Path,
) -> None:
    sources, state = radiographs(5, seed=500), tmp_path / "state"
    with Pacs(tmp_path / "pacs") as pacs, RunningNode(state, [destination(pacs)]) as node:
        for source in sources[:2]:
            send([source], "127.0.0.1", node.port)
            assert_everything_once([source], state, pacs)
        # Until it has taken all once, what stands in is kept ready; then no more.
        assert [built_of(state, source.SOPInstanceUID) for source in sources[:2]] == [6, 3]
        pacs.stop()
        sent = send(sources[2:], "127.0.0.1", node.port)
        assert [one.status for one in sent] == [SUCCESS] * 3
        for source in sources[2:]:
            once_built(state, source.SOPInstanceUID)
        pacs.sop_classes = [one for one in SOP_CLASSES if one != SegmentationStorage]
        pacs.start()
        assert node.wait_for_log(lambda line: '"sends the next best"' in line, 90)
        os.kill(node.pid_of("work"), signal.SIGKILL)
        instead = {number: {SEG: PR} for number in (2, 3, 4)}
        assert_everything_once(sources, state, pacs, instead)


def built_of(state: Path, sop_instance_uid: str) -> int:
    """How many outputs there are of it, sent or not."""
    job = ended_job(state, sop_instance_uid)
    ledger = open_ledger(parse({"node": {"state": state}}))
    try:
        return len(ledger.deliveries.of_job(job.id))
    finally:
        ledger.close()


def once_built(state: Path, sop_instance_uid: str) -> None:
    """Once its outputs have been built, whether they have left or not."""
    ledger = open_ledger(parse({"node": {"state": state}}))
    try:
        wait_until(
            lambda: any(
                entry.event == Event.BUILT
                for job in ledger.jobs.of_instance(sop_instance_uid)
                for entry in ledger.reports.events(job.id)
            ),
            60,
            f"{sop_instance_uid} to be built",
        )
    finally:
        ledger.close()
