"""What an attempt to deliver an output came to (PS3.4 table B.2-1, PS3.7 Annex C)."""

from dataclasses import dataclass
from enum import Enum, auto
from traceback import format_exception

from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS


class Fate(Enum):
    """What is to become of the delivery."""

    #: It is there, perhaps with a warning.
    DELIVERED = auto()
    #: May pass: it is sent again until it does.
    AGAIN = auto()
    #: Probably final, but often answered to a passing fault too: it is sent again a few times.
    A_FEW_TIMES = auto()
    #: Final.
    REFUSED = auto()
    #: Final, and for every other output of its SOP Class: the next best goes instead.
    CLASS_REFUSED = auto()
    #: Its file is not what was built: it is not sent, but built again.
    DAMAGED = auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt to deliver one output ended."""

    fate: Fate
    message: str = ""  #: why, for people; of what was delivered: the warning, if there was one
    status: int | None = None  #: DIMSE status; None when no answer came, or by another way
    trace: str = ""  #: the traceback of a bug
    #: Whether it may be there although no answer said so; None: this attempt did not reach so far.
    in_doubt: bool | None = None

    @property
    def is_answer(self) -> bool:
        """Whether the destination said something of this output."""
        return self.status is not None or self.fate is Fate.DELIVERED


def outcome_of_bug(error: Exception, where: str) -> Outcome:
    """The outcome where our own code, or a library's, raised what nobody foresaw."""
    trace = "".join(format_exception(error))
    return Outcome(Fate.A_FEW_TIMES, f"{where}: unexpected {error!r}", trace=trace)


#: By status, PS3.7 Annex C.
_FATES = {
    0x0000: Fate.DELIVERED,
    # Warnings, beside those of class Bxxx.
    0x0001: Fate.DELIVERED,
    0x0107: Fate.DELIVERED,
    0x0116: Fate.DELIVERED,
    # Duplicate SOP Instance: it is there, an earlier answer of theirs was lost.
    0x0111: Fate.DELIVERED,
    # Processing failure, not authorised (yet), resource limitation.
    0x0110: Fate.AGAIN,
    0x0124: Fate.AGAIN,
    0x0213: Fate.AGAIN,
    # No such SOP Class, SOP Class not supported (the last: its value in older standards), said
    # although it was accepted at association.
    0x0118: Fate.CLASS_REFUSED,
    0x0122: Fate.CLASS_REFUSED,
    0xA800: Fate.CLASS_REFUSED,
}
#: By the first byte, where the status itself is not listed.
_FATES_OF_CLASS = {0xA7: Fate.AGAIN} | {0xB0 + low: Fate.DELIVERED for low in range(0x10)}
#: What pynetdicom has no words for.
_WORDS = {0x0001: "Requested Optional Attributes Not Supported", 0xFE00: "Cancel"}


def outcome_of(status: int, destination: str, role: str, uid: str) -> Outcome:
    """The outcome of an answer with `status` to the output `uid`."""
    fate = fate_of(status)
    if fate is Fate.DELIVERED:
        return Outcome(fate, "" if status == 0x0000 else words(status) or "Warning", status)
    answered = f"answered {status:#06x}{_in_brackets(words(status))}"
    if fate is Fate.CLASS_REFUSED:
        return Outcome(fate, f"{destination} does not accept {role} ({answered})", status)
    return Outcome(fate, f"{destination}: {role} {uid}: {answered}", status, in_doubt=False)


def fate_of(status: int) -> Fate:
    # All else (A9xx, Cxxx, FE00, what no standard knows) is what some archives answer to anything,
    # a busy database included.
    by_class = _FATES_OF_CLASS.get(status >> 8, Fate.A_FEW_TIMES)
    return _FATES.get(status, by_class)


def words(status: int) -> str:
    """What the standard calls a status; empty where it does not know it."""
    _category, meaning = STORAGE_SERVICE_CLASS_STATUS.get(status, ("", ""))
    return meaning or _WORDS.get(status, "")


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""
