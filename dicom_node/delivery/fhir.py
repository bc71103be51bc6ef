"""The kind of destination that takes FHIR R4: each report as a transaction, posted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dicom_node.config import FhirDestination
from dicom_node.delivery.dicom import RESPONSE_S, response_timeout_s
from dicom_node.delivery.offer import Offer
from dicom_node.delivery.outcome import Fate, Outcome
from dicom_node.delivery.outcome.handover import outcome_of_transaction
from dicom_node.delivery.outcome.web import assert_open
from dicom_node.errors import DestinationAway
from dicom_node.handover.news import news_of
from dicom_node.ledger import REJECTION_NOTE, Delivery
from dicom_node.spool import Spool
from dicom_node.web.access import Access
from dicom_node.web.exchange import certificate_ends_at
from dicom_node.web.session import Session, session

_MEDIA_TYPE = "application/fhir+json"
_NOT_LET_IN = (401, 403)
#: It has no CapabilityStatement: a webhook, which only sending would tell of.
_NO_SERVER = (404, 405, 501)


class FhirCarrier:
    """Posts to one server."""

    def __init__(self, to: FhirDestination, _aet: str, spool: Spool) -> None:
        self._to = to
        self._access = Access(to)
        self._spool = spool

    @contextmanager
    def open(self, _deliveries: Sequence[Delivery]) -> Iterator["FhirChannel"]:
        """Connects with the first request: HTTP has no association."""
        try:
            import dicom_node.handover.bundle  # noqa: F401 - here: its library is an extra
        except ModuleNotFoundError as exc:
            raise DestinationAway(f"{self._to.name}: needs the extra `handover` ({exc})") from exc
        with session(self._to, self._access) as requests:
            yield FhirChannel(requests, self._to, self._spool)

    def test(self) -> str:
        """Asks what it can (R4, 3.1.0.12); who does not say is there as well."""
        with self.open([]), session(self._to, self._access) as requests:
            headers = {"Accept": _MEDIA_TYPE}
            answer = requests.request("GET", f"{self._to.base}/metadata", RESPONSE_S, headers)
        if answer.status in _NO_SERVER:
            return f"answered {answer.words}: it does not say what it can"
        assert_open(answer, self._to.name, self._to.url_key)
        if answer.status in _NOT_LET_IN or answer.status >= 500:
            raise DestinationAway(f"{self._to.name}: answered {answer.words}")
        return f"answered what it can with {answer.words}"

    def offer(self) -> Offer:
        return Offer(self.test(), certificate_ends_at=certificate_ends_at(self._to))


class FhirChannel:
    """One connection with it, renewed where it was closed between two requests."""

    has_ended = False

    def __init__(self, requests: Session, to: FhirDestination, spool: Spool) -> None:
        self._requests = requests
        self._to = to
        self._spool = spool

    def send(self, delivery: Delivery, content: bytes) -> Outcome:
        """One transaction for a report; of a rejection note one for each that it takes back."""
        from dicom_node.handover.bundle import transaction_of

        to, is_note = self._to, delivery.role == REJECTION_NOTE
        outcome = Outcome(Fate.DELIVERED)
        for news in news_of(content, self._spool.read_output, is_note=is_note):
            transaction = transaction_of(news, to.patient_system)
            timeout_s = response_timeout_s(len(transaction), delivery.attempts)
            headers = {"Content-Type": _MEDIA_TYPE, "Accept": _MEDIA_TYPE}
            answer = self._requests.request("POST", to.base, timeout_s, headers, transaction)
            uid = delivery.sop_instance_uid
            outcome = outcome_of_transaction(answer, to.name, delivery.role, uid)
            if outcome.fate is not Fate.DELIVERED:
                break
        return outcome
