"""Segmentations as they come in: whether one that bears our name is a reader's correction of it.

A viewer may leave the Manufacturer of the Segmentation that it lets a reader correct. What the node
builds is AUTOMATIC throughout, and has a UID that the ledger knows.
"""

from pydicom import dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SegmentationStorage,
)

from inference.decoding.bounded import bounded
from inference.header import items_of, text_of

SEGMENTATION = str(SegmentationStorage)
#: What readers' Segmentations are taken in: the pixels of one that is compressed are not read.
TRANSFER_SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
)
#: (0062,0008), of what a person has had a hand in.
BY_HAND = frozenset({"MANUAL", "SEMIAUTOMATIC"})


def is_drawn(content: bytes) -> bool:
    """Whether a person had a hand in any segment of a Part 10 file; False where it says nothing."""
    try:
        header = dcmread(
            bounded(content), stop_before_pixels=True, specific_tags=["SegmentSequence"]
        )
        types = {
            text_of(one, "SegmentAlgorithmType") for one in items_of(header, "SegmentSequence")
        }
    except MemoryError:
        # No fault of the bytes: the sender is to try again.
        raise
    except Exception:
        # Of hostile bytes pydicom raises what it likes.
        return False
    return not types.isdisjoint(BY_HAND)
