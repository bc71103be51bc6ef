"""What a destination's answer to a C-STORE means (PS3.4 table B.2-1, PS3.7 Annex C)."""

from dataclasses import dataclass

from dicom_node.errors import SUCCESS, ClassRefused, DestinationUnavailable, Refused

#: Stored, perhaps with coercion or discarded elements.
_STORED = {SUCCESS, 0xB000, 0xB006, 0xB007}
#: PS3.7 C.5.12: Duplicate SOP Instance. It is there: an earlier answer of theirs was lost.
_DUPLICATE = 0x0111
#: Processing failure, resource limitation, not authorised now: may pass.
_MAY_PASS = {0x0110, 0x0213, 0x0124}
#: PS3.7 C.5.17: SOP Class not supported, said although it was accepted at association.
_CLASS_NOT_SUPPORTED = 0x0122


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt to send one output."""

    status: int | None  #: DIMSE status; None when no answer came
    error: DestinationUnavailable | Refused | None  #: None: stored


def outcome_of(status: int, destination: str, role: str, uid: str) -> Outcome:
    """The outcome of an answer with `status` to the output `uid`."""
    if status in _STORED or status == _DUPLICATE:
        return Outcome(status, None)
    if status == _CLASS_NOT_SUPPORTED:
        message = f"{destination} does not accept {role} (answered {status:#06x})"
        return Outcome(status, ClassRefused(message, status))
    message = f"{destination}: {role} {uid}: answered {status:#06x}"
    if status in _MAY_PASS or status & 0xFF00 == 0xA700:
        return Outcome(status, DestinationUnavailable(message, status))
    return Outcome(status, Refused(message, status))
