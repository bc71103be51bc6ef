"""The kind of destination that takes STOW-RS (PS3.18 10.5)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dicom_node.config import WebDestination
from dicom_node.delivery.dicom import RESPONSE_S, response_timeout_s
from dicom_node.delivery.offer import Offer
from dicom_node.delivery.outcome import Fate, Outcome
from dicom_node.delivery.outcome.web import assert_open, outcome_of_status, outcome_of_word
from dicom_node.delivery.transcode import transcode
from dicom_node.errors import DestinationAway
from dicom_node.ledger import Delivery
from dicom_node.spool import Spool
from dicom_node.web import qido, stow
from dicom_node.web.access import Access
from dicom_node.web.exchange import certificate_ends_at
from dicom_node.web.session import Session, session

_NOT_LET_IN = (401, 403)


class WebCarrier:
    """Posts to one server."""

    def __init__(self, to: WebDestination, _aet: str, _spool: Spool) -> None:
        self._to = to
        self._access = Access(to)

    @contextmanager
    def open(self, _deliveries: Sequence[Delivery]) -> Iterator["WebChannel"]:
        """Connects with the first request: HTTP has no association."""
        with session(self._to, self._access) as requests:
            yield WebChannel(requests, self._to)

    def test(self) -> str:
        """A search (QIDO-RS) for a study that nobody has; who offers none is there as well."""
        with session(self._to, self._access) as requests:
            url = qido.of_no_study(self._to.stow)
            answer = requests.request("GET", url, RESPONSE_S, {"Accept": qido.ACCEPT})
        if answer.status in (405, 501):
            return f"answered {answer.words}: it offers no search (QIDO-RS)"
        assert_open(answer, self._to.name)
        if answer.status in _NOT_LET_IN:  # 403: 401 has been said
            raise DestinationAway(f"{self._to.name}: answered {answer.words}: may the node search?")
        if answer.status >= 500:
            raise DestinationAway(f"{self._to.name}: answered {answer.words}")
        return f"answered a search with {answer.words}"

    def offer(self) -> Offer:
        """Whether one may search, and store: by posting nothing, which every server refuses."""
        said = self.test()
        kind, message = stow.nothing()
        headers = {"Content-Type": kind, "Accept": stow.ACCEPT}
        with session(self._to, self._access) as requests:
            answer = requests.request("POST", self._to.stow, RESPONSE_S, headers, message)
        assert_open(answer, f"{self._to.name}: asked to store nothing")
        if answer.status in _NOT_LET_IN:
            raise DestinationAway(f"{self._to.name}: answered {answer.words}: may the node store?")
        searches = () if "offers no search" in said else ("query",)
        stores = f"{said}, and a store of nothing with {answer.words}"
        return Offer(stores, None, searches, certificate_ends_at(self._to))


class WebChannel:
    """One connection with it, renewed where it was closed between two requests."""

    has_ended = False

    def __init__(self, requests: Session, to: WebDestination) -> None:
        self._requests = requests
        self._to = to

    def send(self, delivery: Delivery, content: bytes) -> Outcome:
        """One instance a request, so that an answer is of this one; in the first of its transfer
        syntaxes that the server takes, since nothing says which before.
        """
        outcome = Outcome(Fate.CLASS_REFUSED, f"{self._to.name}: no transfer syntax is left")
        for syntax in self._to.profile.syntaxes_for(delivery.role):
            is_as_built = syntax == delivery.transfer_syntax_uid
            outcome = self._store(delivery, content if is_as_built else transcode(content, syntax))
            if outcome.fate is not Fate.CLASS_REFUSED:
                break
        return outcome

    def _store(self, delivery: Delivery, part10: bytes) -> Outcome:
        kind, message = stow.payload(part10)
        headers = {"Content-Type": kind, "Accept": stow.ACCEPT}
        timeout_s = response_timeout_s(len(message), delivery.attempts)
        answer = self._requests.request("POST", self._to.stow, timeout_s, headers, message)
        uid = delivery.sop_instance_uid
        word = stow.word_of(answer.body, answer.content_type, uid)
        # Stored, and a status of failure: that is no word.
        if word and (answer.status < 300 or not word.is_stored):
            return outcome_of_word(word, self._to.name, delivery.role, uid)
        return outcome_of_status(answer, self._to.name, delivery.role, uid)
