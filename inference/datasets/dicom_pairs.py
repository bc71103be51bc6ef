"""A folder of radiographs in DICOM with the SEGs drawn on them, as this node's users produce it.

A SEG belongs to the instance it references (PS3.3 C.7.6.12, C.8.20): by SOP Instance UID, whatever
the files are called. Where several reference the same radiograph the latest is the truth: it is
the one a person has corrected.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import SegmentationStorage

from inference.findings import Mask, Task
from inference.header import text_of

#: Segmented Property Type code values, as `sr_writer` writes them.
_PROPERTY_TYPES = {"39607008": Task.LUNG, "112001": Task.INFECTION}
#: What a segment drawn by hand is called in a viewer that knows no codes.
_LABELS = {"lung": Task.LUNG, "infect": Task.INFECTION, "opacit": Task.INFECTION}


@dataclass(frozen=True, slots=True)
class DicomCase:
    """A radiograph and the SEG that says what is in it."""

    path: Path
    segmentation: Path
    sop_instance_uid: str  #: of the radiograph

    @property
    def name(self) -> str:
        return self.sop_instance_uid

    @property
    def is_covid(self) -> bool | None:
        infection = self.mask(Task.INFECTION)
        return None if infection is None else bool(infection.any())

    def source(self) -> Path:
        return self.path

    def mask(self, task: Task) -> Mask | None:
        """The union of all segments of that task; None where the SEG has none, even empty."""
        dataset = dcmread(self.segmentation)
        numbers = {
            int(segment.SegmentNumber)
            for segment in dataset.SegmentSequence
            if _task_of(segment) is task
        }
        if not numbers:
            return None
        # A fractional segment is inside from one half on (PS3.3 C.8.20.2).
        outside = dataset.get("MaximumFractionalValue", 0) / 2
        mask = np.zeros((dataset.Rows, dataset.Columns), np.bool_)
        frames = dataset.pixel_array.reshape(-1, *mask.shape)
        for frame, groups in zip(frames, dataset.PerFrameFunctionalGroupsSequence, strict=True):
            if groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber in numbers:
                mask |= frame > outside
        return mask


def read_pairs(folder: Path) -> list["DicomCase"]:
    """Every radiograph below `folder` that a SEG there references, by SOP Instance UID."""
    sources: dict[str, Path] = {}
    segmentations: dict[str, tuple[str, Path]] = {}
    for path, header in _headers(folder):
        if header.SOPClassUID != SegmentationStorage:
            sources[str(header.SOPInstanceUID)] = path
            continue
        drawn_at = text_of(header, "ContentDate") + text_of(header, "ContentTime")
        for uid in _referenced(header):
            segmentations[uid] = max(segmentations.get(uid, ("", path)), (drawn_at, path))
    return [
        DicomCase(sources[uid], segmentations[uid][1], uid)
        for uid in sorted(sources.keys() & segmentations.keys())
    ]


def _headers(folder: Path) -> Iterator[tuple[Path, Dataset]]:
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        try:
            header = dcmread(path, stop_before_pixels=True)
        except (InvalidDicomError, OSError):
            continue
        if "SOPClassUID" in header and "SOPInstanceUID" in header:
            yield path, header


def _referenced(header: Dataset) -> Iterator[str]:
    for series in header.get("ReferencedSeriesSequence", ()):
        for instance in series.get("ReferencedInstanceSequence", ()):
            yield str(instance.ReferencedSOPInstanceUID)


def _task_of(segment: Dataset) -> Task | None:
    for code in segment.get("SegmentedPropertyTypeCodeSequence", ()):
        task = _PROPERTY_TYPES.get(text_of(code, "CodeValue"))
        if task is not None:
            return task
    label = text_of(segment, "SegmentLabel").casefold()
    # "Infection in left lung" names both; what it is stands before where it is.
    found = {label.find(word): task for word, task in _LABELS.items() if word in label}
    return found[min(found)] if found else None
