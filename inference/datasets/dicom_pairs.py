"""A folder of radiographs in DICOM with the SEGs drawn on them, as this node's users produce it.

A SEG belongs to the instance it references (PS3.3 C.7.6.12, C.8.20): by SOP Instance UID, whatever
the files are called. Where several reference the same radiograph, what a person has drawn is the
truth, and of several such the latest.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import SegmentationStorage

from inference.findings import Mask, Task
from inference.segmentations.drawing import drawn_at, images_of, judges_infection
from inference.segmentations.frames import union_of
from inference.segmentations.segments import described


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
        """The union of all segments of that task; None where the SEG does not say.

        Empty where it has none because a reader has erased them.
        """
        dataset = dcmread(self.segmentation)
        numbers = {one.number for one in described(dataset) if one.task is task}
        if not numbers and not (task is Task.INFECTION and judges_infection(dataset)):
            return None
        return union_of(dataset, numbers, self.sop_instance_uid)


def read_pairs(folder: Path) -> list["DicomCase"]:
    """Every radiograph below `folder` that a SEG there references, by SOP Instance UID."""
    sources: dict[str, Path] = {}
    segmentations: dict[str, tuple[bool, str, Path]] = {}
    for path, header in _headers(folder):
        if header.SOPClassUID != SegmentationStorage:
            sources[str(header.SOPInstanceUID)] = path
            continue
        is_by_hand = any(segment.is_by_hand for segment in described(header))
        for uid in images_of(header):
            rank = (is_by_hand, drawn_at(header), path)
            segmentations[uid] = max(segmentations.get(uid, rank), rank)
    return [
        DicomCase(sources[uid], segmentations[uid][2], uid)
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
