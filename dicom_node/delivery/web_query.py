"""What a DICOMweb server shows when it is asked: QIDO-RS at instance level (PS3.18 10.6)."""

from collections.abc import Collection, Sequence

from dicom_node.config import WebDestination
from dicom_node.delivery.outcome.web import assert_open
from dicom_node.errors import DestinationUnavailable, NotOffered
from dicom_node.ledger import Delivery
from dicom_node.web import qido
from dicom_node.web.access import Access
from dicom_node.web.exchange import Answer
from dicom_node.web.session import Session, session

#: Seconds for each answer.
_ANSWER_S = 30.0
#: The request is not understood, not for this node, no such method, media type or service.
_NOT_FOR_US = (400, 403, 405, 406, 501)
_NOT_FOUND = 404


class WebQuery:
    """Asks one server what it holds."""

    def __init__(self, to: WebDestination, _aet: str) -> None:
        self._to = to
        self._access = Access(to)

    def held(self, deliveries: Sequence[Delivery]) -> Collection[int]:
        """Ids of the deliveries whose instance it shows, one question for each."""
        with session(self._to, self._access) as requests:
            return {each.id for each in deliveries if self._shows(requests, each)}

    def _shows(self, requests: Session, delivery: Delivery) -> bool:
        uid = delivery.sop_instance_uid
        url = qido.of_instance(self._to.stow, delivery.study_instance_uid, uid)
        answer = search(requests, self._to.name, url)
        if answer.status == _NOT_FOUND:
            # That there is no such study, or no search at all: what nobody has tells them apart.
            nothing = qido.of_no_study(self._to.stow)
            if search(requests, self._to.name, nothing).status == _NOT_FOUND:
                raise NotOffered(f"{self._to.name}: offers no search ({answer.words})")
            return False
        shown = qido.found(answer.body, uid)
        if shown is None:
            raise NotOffered(f"{self._to.name}: answered a search with what is none")
        return shown


def search(requests: Session, name: str, url: str) -> Answer:
    """The answer to a question, be it that nothing is found; raises DestinationUnavailable, and
    NotOffered where one may not ask.
    """
    answer = requests.request("GET", url, _ANSWER_S, {"Accept": qido.ACCEPT})
    if answer.status in _NOT_FOR_US:
        raise NotOffered(f"{name}: answered a search with {answer.words}")
    if answer.status != _NOT_FOUND:
        assert_open(answer, name)
        if answer.status >= 300:
            raise DestinationUnavailable(f"{name}: answered a search with {answer.words}")
    return answer
