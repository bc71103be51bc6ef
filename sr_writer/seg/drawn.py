"""The Segmentation of what a reader has drawn on the node's page: the node's own, with other masks.

A copy that is edited, as viewers make it, so that whoever shows pages needs no library that builds
one. Each segment says for itself whose it is (PS3.3 C.8.20.2): AUTOMATIC where the reader has left
it, SEMIAUTOMATIC where they have changed it, MANUAL where the networks had found nothing.
"""

import hashlib
from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from io import BytesIO

import numpy as np
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from inference.findings import SEGMENTS, Laterality, Mask, Task
from inference.header import text_of
from sr_writer.equipment import derived_uid
from sr_writer.identity import READER_SUBJECT, subject_said, tracking_id
from sr_writer.language import ENGLISH
from sr_writer.languages import words_of
from sr_writer.source import study_time

Masks = Mapping[tuple[Task, Laterality], Mask]

#: Characters of a name (PS3.5 6.2), and of the number that tells one from another.
_LONGEST, _TELLING = 64, 6


def written_name(name: str) -> str:
    """A person's name as a SEG of theirs has it (PS3.5 6.2.1): in letters that every header has.

    Where letters are lost, a number tells the person from others whose names are written alike.
    """
    words = words_of(ENGLISH)
    whole = "".join(" " if one in "^=\\" else one for one in name)
    written = words.name(whole)
    if all(one.isspace() or words.name(one) for one in whole):
        return written
    number = hashlib.sha256(name.encode()).hexdigest()[:_TELLING]
    return f"{written[: _LONGEST - _TELLING - 1].strip() or 'Reader'} {number}"


def redrawn(
    ours: Dataset,
    found: Masks,
    begun: Masks,
    drawn: Masks,
    *,
    uid: str,
    author: str,
    created: datetime,
    begun_from: Dataset,
) -> bytes:
    """A Part 10 file; `ours` is the node's SEG of the image, whose masks are `found`.

    `begun_from` is the SEG that was changed, `ours` or one of the reader's, and `begun` its masks;
    `uid`: the SOP Instance UID that the file gets; `author`: a `written_name`.
    """
    dataset = deepcopy(ours)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(uid)
    dataset.SeriesInstanceUID = _series_of(uid)
    dataset.SeriesDescription = subject_said(READER_SUBJECT)
    dataset.ContentCreatorName = author
    dataset.PredecessorDocumentsSequence = [_reference(begun_from)]
    clock = study_time(created, text_of(dataset, "TimezoneOffsetFromUTC"))
    for event in ("InstanceCreation", "Series", "Content"):
        setattr(dataset, f"{event}Date", clock.strftime("%Y%m%d"))
        setattr(dataset, f"{event}Time", clock.strftime("%H%M%S.%f"))
    _say_by_whom(dataset.SegmentSequence, found, begun, drawn)
    masks = np.stack([drawn[segment] for segment in SEGMENTS])
    dataset.SegmentsOverlap = "YES" if masks[2:].any() else "NO"
    packed = np.packbits(masks, bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def is_redrawn(dataset: Dataset) -> bool:
    """Whether a SEG was drawn on the page, hence is in no archive yet."""
    return text_of(dataset, "SeriesInstanceUID") == _series_of(text_of(dataset, "SOPInstanceUID"))


def _series_of(uid: str) -> str:
    return derived_uid("series", uid)


def _say_by_whom(items: Sequence, found: Masks, begun: Masks, drawn: Masks) -> None:
    of_name = {tracking_id(*segment): segment for segment in SEGMENTS}
    for item in items:
        segment = of_name[item.TrackingID]
        if all(np.array_equal(before[segment], drawn[segment]) for before in (found, begun)):
            continue
        item.SegmentAlgorithmType = "SEMIAUTOMATIC" if found[segment].any() else "MANUAL"
        if item.SegmentAlgorithmType == "MANUAL":
            for keyword in ("SegmentAlgorithmName", "SegmentationAlgorithmIdentificationSequence"):
                if keyword in item:
                    delattr(item, keyword)


def _reference(segmentation: Dataset) -> Dataset:
    """(PS3.3 C.17.2.3)"""
    study, series, item = Dataset(), Dataset(), Dataset()
    item.ReferencedSOPClassUID = segmentation.SOPClassUID
    item.ReferencedSOPInstanceUID = segmentation.SOPInstanceUID
    series.SeriesInstanceUID, series.ReferencedSOPSequence = segmentation.SeriesInstanceUID, [item]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = segmentation.StudyInstanceUID, [series]
    return study
