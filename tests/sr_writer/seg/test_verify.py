"""Whatever is wrong with a SEG is named, and it does not leave."""

from dataclasses import replace

import numpy as np
import pytest
from pydicom import Dataset

from inference.findings import Laterality, Task
from sr_writer.kinds import SEG
from sr_writer.verify import InvalidResult
from tests.sr_writer.altering import Change, assert_refused, set_to
from tests.sr_writer.examples import findings, write


def flip_a_pixel(dataset: Dataset) -> None:
    content = bytearray(dataset.PixelData)
    content[1000] ^= 0b100
    dataset.PixelData = bytes(content)


def swap_the_lungs(dataset: Dataset) -> None:
    left, right = dataset.SegmentSequence[:2]
    left.TrackingID, right.TrackingID = right.TrackingID, left.TrackingID


def name_another_source(dataset: Dataset) -> None:
    series = dataset.ReferencedSeriesSequence[0]
    series.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID = "1.2.3"


CASES = [
    (flip_a_pixel, "pixels of segment"),
    (swap_the_lungs, "segment 1 is not Left lung"),
    (name_another_source, "refers to 1.2.3"),
    (set_to(Rows=1), "frames, rows and columns"),
    (set_to(NumberOfFrames=3), "frames, rows and columns"),
    (set_to(PatientOrientation=["R", "F"]), "Patient Orientation"),
    (set_to(SegmentSequence=[]), "SegmentSequence has no value"),
    (set_to(PixelData=b"\0\0"), "2 bytes of pixels"),
]


@pytest.mark.parametrize(("change", "message"), CASES)
def test_a_wrong_seg_is_refused_by_name(change: Change, message: str) -> None:
    assert_refused(SEG, change, message)


def test_infection_outside_its_lung_is_refused() -> None:
    found = findings()
    lung = found.segment(Task.LUNG, Laterality.LEFT).mask
    outside = np.zeros(lung.shape, np.bool_)
    outside.flat[-found.left.infected_pixels :] = True
    segments = tuple(replace(s, mask=outside) if s.number == 3 else s for s in found.segments)
    with pytest.raises(InvalidResult, match="outside"):
        write(replace(found, segments=segments))
