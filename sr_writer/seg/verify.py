"""The gate's look at a SEG: its own pixels are unpacked and counted."""

from collections.abc import Iterator

import numpy as np
from pydicom import Dataset

from inference.findings import SEGMENTS, Findings, Laterality, Mask, Task
from sr_writer.case import Case
from sr_writer.identity import tracking_id
from sr_writer.verify.instance import padded, source_faults


def faults(dataset: Dataset, case: Case) -> Iterator[str]:
    """Size, references and every pixel: those found, of the counts that the figures rest on."""
    source, findings = case.source, case.findings
    expected = (len(findings.segments), source.header.Rows, source.header.Columns)
    if (dataset.NumberOfFrames, dataset.Rows, dataset.Columns) != expected:
        yield f"it does not have {expected} frames, rows and columns"
        return
    if len(dataset.PixelData) != padded(-(-int(np.prod(expected)) // 8)):
        yield f"{len(dataset.PixelData)} bytes of pixels are not {expected} frames, rows, columns"
        return
    series = dataset.ReferencedSeriesSequence[0]
    if series.SeriesInstanceUID != source.header.SeriesInstanceUID:
        yield f"it refers to series {series.SeriesInstanceUID}"
    yield from source_faults(series.ReferencedInstanceSequence, source)
    if source.patient_orientation != _orientation(dataset):
        yield "its Patient Orientation is not the source's"
    yield from _pixel_faults(dataset, findings)


def _pixel_faults(dataset: Dataset, findings: Findings) -> Iterator[str]:
    frames = dict(zip(SEGMENTS, _frames(dataset), strict=True))
    for item, segment in zip(dataset.SegmentSequence, findings.segments, strict=True):
        name = tracking_id(segment.task, segment.laterality)
        if (item.SegmentNumber, item.TrackingID) != (segment.number, name):
            yield f"segment {item.SegmentNumber} is not {name}"
        frame = frames[segment.task, segment.laterality]
        lung = findings.measurement(segment.laterality)
        measured = lung.lung_pixels if segment.task is Task.LUNG else lung.infected_pixels
        if not np.array_equal(frame, segment.mask) or np.count_nonzero(frame) != measured:
            yield f"the pixels of segment {segment.number} are not those found"
    for side in Laterality:
        if (frames[Task.INFECTION, side] & ~frames[Task.LUNG, side]).any():
            yield f"there is infection outside the {side} lung"


def _frames(dataset: Dataset) -> Mask:
    """(frames, rows, columns): frames of one bit a pixel, packed without a gap (PS3.5 8.1.1)."""
    shape = (dataset.NumberOfFrames, dataset.Rows, dataset.Columns)
    packed = np.frombuffer(dataset.PixelData, np.uint8)
    bits = np.unpackbits(packed, bitorder="little", count=int(np.prod(shape)))
    return bits.view(np.bool_).reshape(shape)


def _orientation(dataset: Dataset) -> tuple[str, str] | None:
    directions = dataset.get("PatientOrientation")
    return (directions[0], directions[1]) if directions else None
