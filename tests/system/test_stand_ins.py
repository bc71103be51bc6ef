"""A PACS that accepts less than it did: what goes there instead is built only then."""

import copy
import os
import signal
from contextlib import closing
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage, SegmentationStorage

from dicom_node.cli.node.opening import open_ledger
from dicom_node.config import parse
from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import SOP_CLASSES, Pacs
from dicom_node.errors import SUCCESS
from dicom_node.ledger import Event
from tests.system.once import (
    PR,
    SC,
    SEG,
    SR,
    assert_everything_once,
    classes,
    destination,
    radiographs,
)
from tests.system.waiting import ended_job, wait_until

KO = KeyObjectSelectionDocumentStorage


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


def test_each_issue_of_results_has_a_stand_in_of_its_own_and_a_coloured_image_has_none(
    tmp_path: Path,
) -> None:
    (first, second, third), state = radiographs(3, seed=520), tmp_path / "state"
    other_pixels = copy.deepcopy(second)
    other_pixels.PixelData = bytes(reversed(second.PixelData))
    with Pacs(tmp_path / "pacs") as pacs, RunningNode(state, [destination(pacs)]) as node:
        send([first], "127.0.0.1", node.port)
        assert_everything_once([first], state, pacs)
        pacs.stop()
        pacs.sop_classes = [one for one in SOP_CLASSES if one != SegmentationStorage]
        pacs.start()
        send([second], "127.0.0.1", node.port)
        assert_everything_once([second], state, pacs, {0: {SEG: PR}})
        # Two presentation states, one of which a rejection note takes back with the overlay.
        send([other_pixels], "127.0.0.1", node.port)
        wait_until(
            lambda: classes(pacs, second) == sorted([PR, SR, SC] * 2 + [KO]),
            60,
            "the new issue and its note",
        )
        ended_job(state, second.SOPInstanceUID)
        # Of an image in colours there is no presentation state: the overlay is all there is.
        send([in_colours(third)], "127.0.0.1", node.port)
        ended_job(state, third.SOPInstanceUID)
        assert classes(pacs, third) == sorted([SR, SC])
        assert states(state, third.SOPInstanceUID)["SEG"] == "REFUSED"


def in_colours(gray: Dataset) -> Dataset:
    """The same image as a photograph of it would be, of 8 bits a colour."""
    made = copy.deepcopy(gray)
    shown = gray.pixel_array.astype(np.float64)
    level = (255 * (shown - shown.min()) / np.ptp(shown)).astype(np.uint8)
    made.PixelData = np.repeat(level[..., None], 3, axis=-1).tobytes()
    made.PhotometricInterpretation, made.SamplesPerPixel = "RGB", 3
    made.PlanarConfiguration, made.PixelRepresentation = 0, 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 8, 8, 7
    for name in ("WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept", "RescaleType",
                 "PresentationLUTShape"):  # fmt: skip
        if name in made:
            del made[name]
    return made


def states(state: Path, sop_instance_uid: str) -> dict[str, str]:
    """Of the deliveries of an image's results, by role."""
    with closing(open_ledger(parse({"node": {"state": state}}))) as ledger:
        (job,) = ledger.jobs.of_instance(sop_instance_uid)
        return {one.role: one.state.value for one in ledger.deliveries.of_job(job.id)}


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
