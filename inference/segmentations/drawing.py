"""Who has drawn a SEG, when, on which radiograph, and from which other SEG.

A viewer says MANUAL or SEMIAUTOMATIC of a segment that a person has touched. What is AUTOMATIC
throughout is no reader's.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom import Dataset

from inference.findings import Task
from inference.header import items_of, text_of, texts_of
from inference.segmentations.frames import source_images
from inference.segmentations.segments import AlgorithmType, described


@dataclass(frozen=True, slots=True)
class Drawing:
    """What the header of a reader's SEG says."""

    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    images: tuple[str, ...]  #: SOP Instance UIDs it refers to, each once
    author: str  #: Content Creator's Name, else the first Operators' Name; "" where neither is
    drawn_at: str  #: content date and time, local, ISO 8601; "" where there is no date
    algorithm: AlgorithmType  #: SEMIAUTOMATIC where any segment is, else MANUAL
    predecessors: tuple[str, ...]  #: SOP Instance UIDs of what it says it was made from


def read_drawing(dataset: Dataset) -> Drawing | None:
    """None where no segment was drawn by a person; raises ContradictorySegment."""
    types = {segment.algorithm for segment in described(dataset) if segment.is_by_hand}
    if not types:
        return None
    is_half = AlgorithmType.SEMIAUTOMATIC in types
    return Drawing(
        sop_instance_uid=text_of(dataset, "SOPInstanceUID"),
        series_instance_uid=text_of(dataset, "SeriesInstanceUID"),
        study_instance_uid=text_of(dataset, "StudyInstanceUID"),
        images=images_of(dataset),
        author=_author(dataset),
        drawn_at=drawn_at(dataset),
        algorithm=AlgorithmType.SEMIAUTOMATIC if is_half else AlgorithmType.MANUAL,
        predecessors=predecessors_of(dataset),
    )


def images_of(dataset: Dataset) -> tuple[str, ...]:
    """SOP Instance UIDs of the images a SEG is of (Common Instance Reference, C.12.2; C.7.6.16)."""
    return tuple(dict.fromkeys(_images(dataset)))


def predecessors_of(dataset: Dataset) -> tuple[str, ...]:
    """SOP Instance UIDs of the objects that it says it takes the place of."""
    return tuple(
        dict.fromkeys(
            uid
            for study in items_of(dataset, "PredecessorDocumentsSequence")
            for series in items_of(study, "ReferencedSeriesSequence")
            for instance in items_of(series, "ReferencedSOPSequence")
            if (uid := text_of(instance, "ReferencedSOPInstanceUID"))
        )
    )


def drawn_at(dataset: Dataset) -> str:
    day, time = text_of(dataset, "ContentDate"), text_of(dataset, "ContentTime")
    if len(day) != 8 or not day.isdigit():
        return ""
    said = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    whole = time[:6]
    is_time = len(whole) == 6 and whole.isdigit()
    return f"{said}T{whole[:2]}:{whole[2:4]}:{whole[4:]}" if is_time else said


def judges_infection(dataset: Dataset) -> bool:
    """Whether a SEG says what is infected, be it nothing.

    OHIF writes no segment without a pixel: who erases all infection of a SEG stores one that has
    none, and names the one it was made from. Lungs that somebody drew by themselves say nothing.
    """
    tasks = {segment.task for segment in described(dataset)}
    is_edited = bool(predecessors_of(dataset)) and Task.LUNG in tasks
    return Task.INFECTION in tasks or is_edited


def _images(dataset: Dataset) -> Iterator[str]:
    for series in items_of(dataset, "ReferencedSeriesSequence"):
        for instance in items_of(series, "ReferencedInstanceSequence"):
            if uid := text_of(instance, "ReferencedSOPInstanceUID"):
                yield uid
    for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in items_of(dataset, keyword):
            yield from source_images(group)


def _author(dataset: Dataset) -> str:
    named = [text_of(dataset, "ContentCreatorName"), *texts_of(dataset, "OperatorsName")]
    return next(filter(None, named), "")
