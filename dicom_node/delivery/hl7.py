"""The kind of destination that takes HL7 v2: each report as an ORU^R01 by MLLP."""

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dicom_node.config import Hl7Destination
from dicom_node.delivery.association import tls_with
from dicom_node.delivery.dicom import response_timeout_s
from dicom_node.delivery.offer import Offer
from dicom_node.delivery.outcome import Fate, Outcome
from dicom_node.delivery.outcome.handover import outcome_of_acknowledgement
from dicom_node.errors import DestinationAway, DestinationUnavailable
from dicom_node.handover import mllp
from dicom_node.handover.news import News, news_of
from dicom_node.ledger import REJECTION_NOTE, Delivery
from dicom_node.network.tls import ends_at
from dicom_node.spool import Spool


class Hl7Carrier:
    """Tells one receiver; a channel of its own, since each message has a connection of its own."""

    has_ended = False

    def __init__(self, to: Hl7Destination, aet: str, spool: Spool) -> None:
        self._to = to
        self._aet = aet
        self._spool = spool

    @contextmanager
    def open(self, _deliveries: Sequence[Delivery]) -> Iterator["Hl7Carrier"]:
        """Connects with the first message; raises DestinationAway where none can be made."""
        try:
            import dicom_node.handover.oru  # noqa: F401 - here: its library is an extra
        except ModuleNotFoundError as exc:
            raise DestinationAway(f"{self._to.name}: needs the extra `handover` ({exc})") from exc
        # Files that are no good: known before anything is sent.
        tls_with(self._to)
        yield self

    def test(self) -> str:
        """Whether it takes a connection: HL7 has no question that asks for nothing."""
        return self.offer().answer

    def offer(self) -> Offer:
        with self.open([]), self._connection() as connection:
            shown = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
        over = "over TLS" if self._to.tls else "in clear"
        return Offer(f"took the connection, {over}", certificate_ends_at=ends_at(shown or {}))

    def send(self, delivery: Delivery, content: bytes) -> Outcome:
        """One message for a report; of a rejection note one for each report that it takes back."""
        is_note = delivery.role == REJECTION_NOTE
        outcome = Outcome(Fate.DELIVERED)
        for news in news_of(content, self._spool.read_output, is_note=is_note):
            outcome = self._tell(news, delivery)
            if outcome.fate is not Fate.DELIVERED:
                break
        return outcome

    def _tell(self, news: News, delivery: Delivery) -> Outcome:
        from dicom_node.handover.oru import Parties, message_of, read_acknowledgement

        to = self._to
        parties = Parties(
            to.sending_application or self._aet,
            to.sending_facility,
            to.receiving_application,
            to.receiving_facility,
            to.processing_id,
        )
        message = message_of(news, parties)
        timeout_s = response_timeout_s(len(message), delivery.attempts)
        with self._connection() as connection:
            answer = mllp.exchange(connection, to.name, message, timeout_s)
        said = read_acknowledgement(answer)
        if said is None:
            raise DestinationUnavailable(f"{to.name}: answered with what is no acknowledgement")
        if said.control_id != news.control_id:
            # Of an earlier one, late: of this message nothing is known.
            raise DestinationUnavailable(f"{to.name}: acknowledged another message than this one")
        return outcome_of_acknowledgement(said, to.name, delivery.role, delivery.sop_instance_uid)

    @contextmanager
    def _connection(self) -> Iterator[socket.socket]:
        to = self._to
        with mllp.connect(to.name, (to.host, to.port), tls_with(to)) as connection:
            yield connection
