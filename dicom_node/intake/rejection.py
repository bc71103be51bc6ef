"""Rejection notes as they come (IHE IOCM, RAD TF-3 4.66; PS3.3 A.35.4): which instances, and why.

A Key Object Selection whose title is one of four codes takes back what it selects. What the node
makes of each (of an image that it has; one that it has not is remembered, should it still come):

- 113001 Rejected for Quality Reasons, 113038 Incorrect Modality Worklist Entry: what has not left
  is stopped; each destination is sent a rejection note of ours, with the same title, for what it
  has. The same bytes are never analysed again, other bytes under the same UID are.
- 113037 Rejected for Patient Safety Reasons: the same, and other bytes are not analysed either: a
  corrected image comes under a UID of its own, or a person asks for it (`cxr-node requeue`).
- 113039 Data Retention Policy Expired: the image was right and its time is up. What has not left is
  stopped; what has is as true as before, and is the destination's own to remove.

One that selects nothing but results of ours rejects no image: see judgement.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from inference.header import items_of, text_of

KEY_OBJECT_SELECTION = str(KeyObjectSelectionDocumentStorage)
#: Title (PS3.16 CID 7010, DCM) to its meaning.
TITLES = {
    "113001": "Rejected for Quality Reasons",
    "113037": "Rejected for Patient Safety Reasons",
    "113038": "Incorrect Modality Worklist Entry",
    "113039": "Data Retention Policy Expired",
}
QUALITY, WORKLIST, EXPIRED = "113001", "113038", "113039"


@dataclass(frozen=True, slots=True)
class Rejection:
    """What a rejection note says."""

    title: str  #: code value, a key of `TITLES`
    sop_instance_uids: tuple[str, ...]  #: of what it takes back, each once

    @property
    def reason(self) -> str:
        return f"rejected: {TITLES[self.title]}"


def read_rejection(dataset: Dataset) -> Rejection | None:
    """What the note says; None where the instance is no rejection note."""
    if text_of(dataset, "SOPClassUID") != KEY_OBJECT_SELECTION:
        return None
    for name in items_of(dataset, "ConceptNameCodeSequence"):
        title = text_of(name, "CodeValue")
        if title in TITLES and text_of(name, "CodingSchemeDesignator") == "DCM":
            return Rejection(title, selected(dataset))
    return None


def selected(dataset: Dataset) -> tuple[str, ...]:
    """SOP Instance UIDs of what a key object selects, each once."""
    return tuple(dict.fromkeys(_selected(dataset)))


def _selected(dataset: Dataset) -> Iterator[str]:
    """By the content tree and by the evidence: a note need not be written with care."""
    for item in items_of(dataset, "ContentSequence"):
        yield from _referenced(item)
    for study in items_of(dataset, "CurrentRequestedProcedureEvidenceSequence"):
        for series in items_of(study, "ReferencedSeriesSequence"):
            yield from _referenced(series)


def _referenced(item: Dataset) -> Iterator[str]:
    for reference in items_of(item, "ReferencedSOPSequence"):
        uid = text_of(reference, "ReferencedSOPInstanceUID")
        if uid:
            yield uid
