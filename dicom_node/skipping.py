"""Why an instance is kept and not analysed: the words for people, and a closed set to count by."""

from enum import Enum


class Refusal(Enum):
    """What of its header, or in its pixels, refuses an instance."""

    UNSUPPORTED_CLASS = "SOP Class is not CR, DX or Secondary Capture"
    NOT_RADIOGRAPHY = "Modality is neither CR nor DX"
    NOT_CHEST = "not the chest"
    LATERAL = "not a frontal view"
    DERIVED = "derived from another image"
    MULTI_FRAME = "more than one frame"
    NOT_HUMAN = "not a human patient"
    TOO_LARGE = "too large to analyse"
    NO_LUNGS = "the header does not say what is shown, and no lungs were found"


#: Of these a person may have an image analysed all the same: its header says that it is another
#: than the networks were made for, and headers err. Of the others nothing could be analysed.
PASSABLE = frozenset(
    {Refusal.NOT_CHEST, Refusal.LATERAL, Refusal.DERIVED, Refusal.NOT_HUMAN, Refusal.NO_LUNGS}
)

#: How the sentences begin that the ledger has of everything else that ends SKIPPED.
REJECTION_NOTE = "a rejection note"
#: What a reader has drawn, kept without a report; and what is no use as such.
DRAWN = "a reader's segmentation"
NOT_DRAWN = "a segmentation that is no reader's"
#: What a reader thinks of results, as a PACS stores it.
JUDGEMENT = "a reader's verdict"
NO_JUDGEMENT = "a key object on results that is no reader's verdict"
REJECTED = "rejected"
PURGED = "its results were delivered before"
LEFT = "left to another pipeline"
OTHER = "other"

_CODES = {refusal.value: refusal.name.lower() for refusal in Refusal} | {
    REJECTION_NOTE: "rejection_note",
    DRAWN: "readers_segmentation",
    NOT_DRAWN: "other_segmentation",
    JUDGEMENT: "readers_verdict",
    NO_JUDGEMENT: "other_key_object",
    REJECTED: "rejected",
    PURGED: "delivered_and_purged",
    LEFT: "other_pipeline",
}
_SAID_BY_PEOPLE = (REJECTION_NOTE, JUDGEMENT, NO_JUDGEMENT)
#: Every code there is.
CODES = (*_CODES.values(), OTHER)


def is_passable(reason: str) -> bool:
    """Whether a sentence that says why an instance was skipped is one of `PASSABLE`."""
    return any(reason.startswith(refusal.value) for refusal in PASSABLE)


def head_of(reason: str) -> str:
    """By which a sentence that says why an instance was skipped is counted with others: of notes,
    verdicts and drawings what is in parentheses, numbers of jobs mostly, differs from each to the
    next; what a header says is worth a row.
    """
    return reason.partition(" (")[0] if reason.startswith(_SAID_BY_PEOPLE) else reason


def code_of(reason: str) -> str:
    """Of a sentence that says why an instance was skipped; what is behind its head differs."""
    return next((code for head, code in _CODES.items() if reason.startswith(head)), OTHER)
