"""A SEG on a radiograph's own grid: both lungs and the infection in each, to be counted.

Nothing is guessed: what cannot be the radiograph's, or cannot be told left from right, is said,
with the UID of the SEG and what to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from inference.findings import Laterality, Mask, Task
from inference.header import items_of, number_of, numbers_of, text_of, texts_of
from inference.segmentations.drawing import judges_infection
from inference.segmentations.frames import UnreadableFrames, union_of
from inference.segmentations.segments import ContradictorySegment, Described, described

#: A radiograph has no position: where a SEG says a direction, it is that of rows and columns.
_UPRIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_TOLERANCE = 1e-3


class UnusableSegmentation(ValueError):
    """A reader's SEG that cannot be counted: what is wrong, and what to do."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a SEG shows of one radiograph; (rows, columns) of it, True inside."""

    lung: Mapping[Laterality, Mask]  #: empty where that lung is not drawn
    infection: Mapping[Laterality, Mask] | None  #: within that lung; None: nobody judged it


def drawn_on(header: Dataset, dataset: Dataset) -> Drawn:
    """What the SEG `dataset` shows on the radiograph `header`; raises UnusableSegmentation."""
    uid = text_of(dataset, "SOPInstanceUID")
    try:
        _check_geometry(header, dataset)
        return _drawn(text_of(header, "SOPInstanceUID"), dataset)
    except (UnusableSegmentation, ContradictorySegment, UnreadableFrames) as exc:
        raise UnusableSegmentation(f"segmentation {uid}: {exc}") from exc


def dice(one: Mask, other: Mask) -> float | None:
    """0..1, how far two masks agree; None where both are empty."""
    both = np.count_nonzero(one) + np.count_nonzero(other)
    return 2 * np.count_nonzero(one & other) / both if both else None


def check_sides(uid: str, drawn: Drawn, ours: Drawn | None) -> None:
    """Who takes the image's left for the patient's calls the lungs the wrong way round; raises
    UnusableSegmentation, with the `uid` of what was drawn. `ours`: what the node found.
    """
    if ours is None:
        return
    left, right = Laterality.LEFT, Laterality.RIGHT
    straight = [np.count_nonzero(drawn.lung[side] & ours.lung[side]) for side in (left, right)]
    crossed = [
        np.count_nonzero(drawn.lung[left] & ours.lung[right]),
        np.count_nonzero(drawn.lung[right] & ours.lung[left]),
    ]
    if sum(crossed) > sum(straight):
        raise UnusableSegmentation(
            f"segmentation {uid}: its left lung lies where the node found the"
            " right one, or the other way round: left and right are the patient's; call them so, or"
            " reject the radiograph if its own sides are wrong"
        )


def _check_geometry(header: Dataset, dataset: Dataset) -> None:
    sizes = [(number_of(one, "Rows"), number_of(one, "Columns")) for one in (header, dataset)]
    if None in sizes[1] or sizes[0] != sizes[1]:
        of_image, of_seg = (" x ".join(f"{n or 0:g}" for n in size) for size in sizes)
        raise UnusableSegmentation(
            f"it has {of_seg} rows and columns, the radiograph {of_image}: store it on the"
            " radiograph's own grid, not resampled or cropped"
        )
    said = [texts_of(one, "PatientOrientation") for one in (header, dataset)]
    if all(map(any, said)) and said[0] != said[1]:
        here, there = ("\\".join(parts) for parts in said)
        raise UnusableSegmentation(
            f"its Patient Orientation is {there}, the radiograph's {here}: store it as the"
            " radiograph lies, not turned or mirrored"
        )
    for group in (
        *items_of(dataset, "SharedFunctionalGroupsSequence"),
        *items_of(dataset, "PerFrameFunctionalGroupsSequence"),
    ):
        _check_group(group)


def _check_group(group: Dataset) -> None:
    for plane in items_of(group, "PlaneOrientationSequence"):
        cosines = numbers_of(plane, "ImageOrientationPatient")
        if cosines and not (len(cosines) == 6 and np.allclose(cosines, _UPRIGHT, atol=_TOLERANCE)):
            raise UnusableSegmentation(
                f"its Image Orientation is {'/'.join(f'{c:g}' for c in cosines)}, that of a"
                " radiograph 1/0/0/0/1/0: store it as the radiograph lies, not turned or mirrored"
            )
    for derivation in items_of(group, "DerivationImageSequence"):
        for source in items_of(derivation, "SourceImageSequence"):
            frames = numbers_of(source, "ReferencedFrameNumber")
            if frames and frames != (1.0,):
                raise UnusableSegmentation(
                    f"it refers to frame {frames[-1]:g} of {text_of(source, _REFERENCED)}: a"
                    " radiograph has one frame, draw on that"
                )


_REFERENCED = "ReferencedSOPInstanceUID"


def _drawn(image_uid: str, dataset: Dataset) -> Drawn:
    segments = described(dataset)
    lung = _lungs(segments, dataset, image_uid)
    if not judges_infection(dataset):
        return Drawn(lung, None)
    return Drawn(lung, _infection(segments, dataset, image_uid, lung))


def _lungs(
    segments: Sequence[Described], dataset: Dataset, image_uid: str
) -> dict[Laterality, Mask]:
    lungs = [one for one in segments if one.task is Task.LUNG]
    if not lungs:
        labels = ", ".join(repr(one.label) for one in segments) or "none"
        raise UnusableSegmentation(
            f"no segment of it is a lung (there are {labels}), and a percentage is of the lung:"
            " correct the segmentation that has the lungs, or draw them and call them left and"
            " right lung"
        )
    for one in lungs:
        if one.side is None:
            raise UnusableSegmentation(
                f"segment {one.number}, {one.label!r}, does not say which lung it is: store each"
                " lung as a segment of its own, called left or right"
            )
    lung = {side: _union(lungs, side, dataset, image_uid) for side in Laterality}
    left, right = (np.count_nonzero(lung[side]) for side in Laterality)
    shared = np.count_nonzero(lung[Laterality.LEFT] & lung[Laterality.RIGHT])
    if 2 * shared > min(left, right) > 0:
        raise UnusableSegmentation(
            "its left and its right lung lie on one another: draw each by itself"
        )
    if not left and not right:
        raise UnusableSegmentation("no lung of it has a pixel on the radiograph: draw on that")
    # A pixel is of one lung (`inference.postprocess.Masks`).
    lung[Laterality.RIGHT] = lung[Laterality.RIGHT] & ~lung[Laterality.LEFT]
    return lung


def _infection(
    segments: Sequence[Described],
    dataset: Dataset,
    image_uid: str,
    lung: Mapping[Laterality, Mask],
) -> dict[Laterality, Mask]:
    infections = [one for one in segments if one.task is Task.INFECTION]
    anywhere = _union(infections, None, dataset, image_uid)
    found = {}
    for side in Laterality:
        of_side = _union(infections, side, dataset, image_uid)
        other = lung[Laterality.RIGHT if side is Laterality.LEFT else Laterality.LEFT]
        inside, outside = (np.count_nonzero(of_side & one) for one in (lung[side], other))
        if outside > inside:
            raise UnusableSegmentation(
                f"what it calls infection of the {side} lung lies in the other one: left and right"
                " are the patient's, so that the right lung is mostly at the image's left"
            )
        found[side] = (of_side | anywhere) & lung[side]
    return found


def _union(
    segments: Sequence[Described], side: Laterality | None, dataset: Dataset, image_uid: str
) -> Mask:
    numbers = {one.number for one in segments if one.side is side}
    return union_of(dataset, numbers, image_uid)
