"""The pixels of a SEG (PS3.3 C.8.20.2, C.7.6.16): which frames are of which segment and image.

Frames of one bit a pixel follow on one another without a gap (PS3.5 8.1.1). OHIF 3.13 begins each
with a new byte; where rows times columns is no multiple of eight, frames are taken apart as they
were put together, or every further one would lie some pixels aside.
"""

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from inference.findings import Mask
from inference.header import items_of, number_of, text_of

#: Of one SEG. Lungs and infection of a radiograph are four; decoded, a frame takes a byte a pixel.
MOST_FRAMES = 64


class UnreadableFrames(ValueError):
    """The pixels of a SEG cannot be decoded; the message says why."""


def union_of(dataset: Dataset, numbers: Collection[int], image_uid: str) -> Mask:
    """(rows, columns) of the SEG: where any of these segments is, on that image.

    A frame that says it is of another image is passed over. A fractional segment is inside from one
    half on. Raises UnreadableFrames.
    """
    frames = _frames(dataset)
    inside = _threshold(dataset)
    mask = np.zeros(frames.shape[1:], np.bool_)
    groups = items_of(dataset, "PerFrameFunctionalGroupsSequence")
    if len(groups) != len(frames):
        raise UnreadableFrames(f"{len(frames)} frames, and {len(groups)} say what they are of")
    shared = (items_of(dataset, "SharedFunctionalGroupsSequence") or [Dataset()])[0]
    for frame, group in zip(frames, groups, strict=True):
        sources = set(source_images(group))
        is_here = not sources or image_uid in sources
        if is_here and not numbers_of(group, shared).isdisjoint(numbers):
            mask |= frame > inside
    return mask


def numbers_of(group: Dataset, shared: Dataset) -> set[int]:
    """The segments that a frame is of: one, by PS3.3 C.8.20.3.1."""
    items = items_of(group, "SegmentIdentificationSequence")
    found = (
        number_of(item, "ReferencedSegmentNumber")
        for item in items or items_of(shared, "SegmentIdentificationSequence")
    )
    return {int(number) for number in found if number is not None}


def source_images(group: Dataset) -> Iterator[str]:
    """SOP Instance UIDs that a functional group names as what its frame was made from."""
    for derivation in items_of(group, "DerivationImageSequence"):
        for source in items_of(derivation, "SourceImageSequence"):
            if uid := text_of(source, "ReferencedSOPInstanceUID"):
                yield uid


def _frames(dataset: Dataset) -> NDArray[Any]:
    """(frames, rows, columns), as stored."""
    count = number_of(dataset, "NumberOfFrames") or 1
    if count > MOST_FRAMES:
        raise UnreadableFrames(
            f"{count:g} frames: of one radiograph {MOST_FRAMES} at most are read"
        )
    try:
        shape = (int(count), int(dataset.Rows), int(dataset.Columns))
        if dataset.BitsAllocated == 1 and not _is_compressed(dataset):
            return _unpacked(dataset, shape)
        return np.asarray(dataset.pixel_array).reshape(shape)
    except MemoryError:
        raise
    except Exception as exc:
        # pydicom raises a dozen unrelated types on pixels that are not what the header says.
        raise UnreadableFrames(f"its pixels cannot be decoded ({exc})") from exc


def _unpacked(dataset: Dataset, shape: tuple[int, int, int]) -> NDArray[Any]:
    """Of one bit a pixel, the first in the lowest."""
    count, rows, columns = shape
    pixels, packed = rows * columns, np.frombuffer(dataset.PixelData, np.uint8)
    in_a_frame = -(-pixels // 8)
    gapless, aligned = -(-count * pixels // 8), count * in_a_frame
    if _are_aligned(dataset, len(packed), gapless, aligned):
        frames = packed[:aligned].reshape(count, in_a_frame)
        bits = np.unpackbits(frames, axis=1, bitorder="little", count=pixels)
    elif len(packed) >= gapless:
        bits = np.unpackbits(packed, bitorder="little", count=count * pixels)
    else:
        raise ValueError(f"{len(packed)} bytes, {gapless} were expected")
    return bits.reshape(shape)


def _are_aligned(dataset: Dataset, length: int, gapless: int, aligned: int) -> bool:
    """Whether each frame begins with a byte; where the length, made even, tells nothing, its maker
    does: dcmjs, which OHIF writes with, calls itself nothing."""
    if gapless + gapless % 2 != aligned + aligned % 2:
        return length in (aligned, aligned + aligned % 2)
    return length >= aligned and text_of(dataset, "Manufacturer") == "Unspecified"


def _is_compressed(dataset: Dataset) -> bool:
    syntax = getattr(dataset, "file_meta", Dataset()).get("TransferSyntaxUID")
    return bool(syntax and syntax.is_compressed and not syntax.is_deflated)


def _threshold(dataset: Dataset) -> float:
    if text_of(dataset, "SegmentationType").upper() != "FRACTIONAL":
        return 0.0
    return (number_of(dataset, "MaximumFractionalValue") or 0.0) / 2
