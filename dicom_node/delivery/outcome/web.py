"""What an answer to a Store transaction came to (PS3.18 10.5.3): the fates of C-STORE's answers.

Of an instance the response itself speaks, by the same codes as a C-STORE. Where it does not, the
HTTP status does; what concerns all instances alike is an exception.
"""

from dicom_node.delivery.outcome import Fate, Outcome, outcome_of, words
from dicom_node.errors import DestinationAway, DestinationUnavailable
from dicom_node.web.exchange import Answer
from dicom_node.web.stow import Word, can_be_read

#: What is to be looked at where nothing can be stored, whatever is sent.
_ADVICE = {
    401: "is the node's secret right?",
    404: "is {key} right?",
    405: "is {key} right?",
    406: "it answers in neither JSON nor XML",
    407: "the proxy wants to know who the node is",
    501: "is {key} right?",
}
#: Too busy, or closed for a while: Retry-After says for how long.
_BUSY = (429, 503)
#: A proxy in front of it lost it, or waited in vain: as a lost association.
_LOST = (408, 502, 504)
#: Of the rest, what is neither `AGAIN`, as 5xx, nor `A_FEW_TIMES`, as 4xx.
_FATES = {
    # As 0x0124: not authorised (yet).
    403: Fate.AGAIN,
    # Another resource it depends on is away (seen of Azure: its storage).
    424: Fate.AGAIN,
    # The media type, which is its transfer syntax.
    415: Fate.CLASS_REFUSED,
}

#: PS3.18 table I.2-2: Referenced Transfer Syntax not supported.
_SYNTAX_NOT_SUPPORTED = 0xC122
#: Failure Reasons that mean it is there: Duplicate SOP Instance (PS3.7 C.5.2), and Azure's own,
#: 45070, "already stored".
_THERE_ALREADY = (0x0111, 0xB00E)


def outcome_of_word(word: Word, destination: str, role: str, uid: str) -> Outcome:
    """Of an answer that speaks of the instance."""
    if word.is_stored:
        # PS3.18 table I.2-1: any reason is a warning here.
        warning = (words(word.reason) or "Warning") if word.reason else ""
        return Outcome(Fate.DELIVERED, warning, word.reason or 0x0000)
    if word.reason is None:
        return Outcome(
            Fate.A_FEW_TIMES, f"{destination}: {role} {uid}: failed, it does not say why"
        )
    if word.reason in _THERE_ALREADY:
        return Outcome(Fate.DELIVERED, "was there already", word.reason)
    outcome = outcome_of(word.reason, destination, role, uid)
    if word.reason == _SYNTAX_NOT_SUPPORTED:
        return Outcome(Fate.CLASS_REFUSED, outcome.message, word.reason)
    if outcome.fate is Fate.DELIVERED:
        # A code of success or warning, of what it says has failed: sure is neither.
        said = f"failed with {word.reason:#06x}"
        return Outcome(Fate.A_FEW_TIMES, f"{destination}: {role} {uid}: {said}", word.reason)
    return outcome


def outcome_of_status(
    answer: Answer, destination: str, role: str, uid: str, key: str = "stow"
) -> Outcome:
    """Of an answer that says nothing of the instance; raises DestinationUnavailable where it
    concerns all. `key` of the destination says where it is.
    """
    said = f"answered {answer.words}"
    assert_open(answer, destination, key)
    if answer.status in _LOST:
        raise DestinationUnavailable(f"{destination}: {said}")
    if answer.status < 300:
        if not can_be_read(answer.content_type):
            kind = answer.content_type or "nothing"
            raise DestinationAway(f"{destination}: {said} with {kind}: {_advice(404, key)}")
        said += ", and not whether it has it"
    by_class = Fate.AGAIN if answer.status >= 500 else Fate.A_FEW_TIMES
    fate = _FATES.get(answer.status, by_class)
    if fate is Fate.CLASS_REFUSED:
        return Outcome(fate, f"{destination} does not accept {role} ({said})")
    # A server may fail at the answer alone, and some say nothing though all is well.
    in_doubt = answer.status < 300 or answer.status >= 500
    return Outcome(fate, f"{destination}: {role} {uid}: {said}", in_doubt=in_doubt)


def assert_open(answer: Answer, destination: str, key: str = "stow") -> None:
    """Raises DestinationAway where whatever is sent would be answered so."""
    said = f"{destination}: answered {answer.words}"
    if answer.status in _BUSY:
        raise DestinationAway(said, answer.wait_s)
    if 300 <= answer.status < 400:
        raise DestinationAway(f"{said}: it is not followed elsewhere; {_advice(404, key)}")
    if answer.status in _ADVICE:
        raise DestinationAway(f"{said}: {_advice(answer.status, key)}")


def _advice(status: int, key: str) -> str:
    return _ADVICE[status].format(key=key)
