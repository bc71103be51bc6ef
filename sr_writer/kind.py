"""What there is to know of one kind of output, in one record.

It needs nothing but the standard library, so that whoever asks for a name or a class (the
configuration, the sender) does so without what builds objects: `build` and `verify` of our own
kinds import theirs when they are called.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sr_writer.language import ENGLISH, LANGUAGES, role_in

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
    has_words: bool = True  #: without any it is the same in every language
    language: str = ENGLISH  #: of its words

    def spoken(self, language: str) -> "Kind":
        """The same in another language: a kind of its own, with UIDs and series of its own."""
        if language == self.language or not self.has_words:
            return self
        return replace(self, role=role_in(self.role, language), language=language)


def spoken(kinds: Iterable[Kind], language: str) -> tuple[Kind, ...]:
    """All kinds there are, in that language, each with its next best in the same."""
    one_by_one = [(kind, kind.spoken(language)) for kind in kinds]
    roles = {kind.role: one.role for kind, one in one_by_one}
    return tuple(
        replace(one, next_best=roles.get(kind.next_best or "", kind.next_best))
        for kind, one in one_by_one
    )


def in_all_languages(kinds: Iterable[Kind]) -> tuple[Kind, ...]:
    """Each in its place, and behind it the same in every other language."""
    spoken = (kind.spoken(language) for kind in kinds for language in LANGUAGES)
    return tuple({kind.role: kind for kind in spoken}.values())
