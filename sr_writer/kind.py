"""What there is to know of one kind of output, in one record.

It needs nothing but the standard library, so that whoever asks for a name or a class (the
configuration, the sender) does so without what builds objects: `build` and `verify` of our own
kinds import theirs when they are called.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom import Dataset

    from sr_writer.case import Case

#: Transfer syntaxes, by their names in the configuration, for what has no pixels to compress.
DEFLATED = frozenset({"deflated"})


def always(_: "Case") -> bool:
    """Of every radiograph."""
    return True


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of output that a radiograph can have."""

    role: str  #: its short name: in the configuration, the ledger, derived UIDs and logs
    sop_class_uid: str  #: PS3.4 B.5
    #: Beyond the numbers modalities give, so that a series list shows our results last.
    series_number: int
    subject: str  #: what its Series Description begins with
    file_name: str  #: in a folder of results
    required: tuple[str, ...]  #: Type 1 attributes of its IOD; those of every IOD go without saying
    #: The object, complete but for the attributes it inherits as received.
    build: Callable[["Case"], "Dataset"]
    #: What is wrong with the object, read again from its bytes; nothing: it may leave.
    verify: Callable[["Dataset", "Case"], Iterable[str]]
    exists: Callable[["Case"], bool] = always  #: whether this radiograph has one
    has_pixels: bool = False  #: it is referred to as an IMAGE, else as COMPOSITE (PS3.3 C.17.3)
    is_report: bool = False  #: says in words what was found, so it may say why nothing was
    is_first: bool = False  #: a radiologist waits for it: it leaves before a picture is begun
    #: Role of what is sent instead where a destination does not accept this one's SOP Class.
    next_best: str | None = None
    compressions: frozenset[str] = DEFLATED  #: what it may be sent in, besides uncompressed
