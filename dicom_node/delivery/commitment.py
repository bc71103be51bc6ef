"""Storage commitment as SCU (PS3.4 Annex J, Push Model): N-ACTION, and what comes by the same
association.
"""

import threading
from collections.abc import Sequence

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.events import Event
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.sop_class import (
    StorageCommitmentPushModel,
)

from dicom_node import commitments
from dicom_node.config import Destination
from dicom_node.delivery.association import associate
from dicom_node.delivery.outcome import words
from dicom_node.errors import SUCCESS, DestinationUnavailable, NotOffered
from dicom_node.ledger import Delivery, Ledger

#: The well-known SOP Instance that is asked, PS3.4 J.3.5.
_PUSH_MODEL_INSTANCE = "1.2.840.10008.1.20.1.1"
#: Action Type ID of a request, PS3.4 table J.3-1.
_REQUEST = 1
_SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
#: Seconds for the answer to the request.
_ANSWER_S = 30.0
#: Seconds that the association is kept for a report that comes by it; most archives make their own.
_REPORT_S = 2.0


class DicomCommitment:
    """Asks one Application Entity to commit itself."""

    def __init__(self, to: Destination, aet: str, ledger: Ledger) -> None:
        self._to = to
        self._aet = aet
        self._ledger = ledger

    def request(self, transaction_uid: str, deliveries: Sequence[Delivery]) -> None:
        """N-ACTION; returns once it is accepted."""
        told, answered = threading.Event(), threading.Event()

        def on_report(event: Event) -> tuple[int, None]:
            told.set()
            status = commitments.receive(
                self._ledger, event.event_type, event.event_information, self._to.name
            )
            return status, None

        def on_sent(event: Event) -> None:
            # The archive gets its answer before the association is released.
            if told.is_set() and isinstance(event.pdu, P_DATA_TF):
                answered.set()

        contexts = [(StorageCommitmentPushModel, syntax) for syntax in _SYNTAXES]
        handlers = [(evt.EVT_N_EVENT_REPORT, on_report), (evt.EVT_PDU_SENT, on_sent)]
        with associate(self._aet, self._to, contexts, handlers=handlers) as association:
            if association.syntax_for(StorageCommitmentPushModel, _SYNTAXES) is None:
                raise NotOffered(f"{self._to.name} offers no storage commitment")
            status = association.act(
                _asked(transaction_uid, deliveries),
                _REQUEST,
                (StorageCommitmentPushModel, _PUSH_MODEL_INSTANCE),
                _ANSWER_S,
            )
            if status != SUCCESS:
                said = f" ({words(status)})" if words(status) else ""
                raise DestinationUnavailable(
                    f"{self._to.name}: answered a request for storage commitment with"
                    f" {status:#06x}{said}"
                )
            answered.wait(_REPORT_S)


def _asked(transaction_uid: str, deliveries: Sequence[Delivery]) -> Dataset:
    """Action Information, PS3.4 table J.3-1."""
    asked = Dataset()
    asked.TransactionUID = transaction_uid
    asked.ReferencedSOPSequence = [_reference(delivery) for delivery in deliveries]
    return asked


def _reference(delivery: Delivery) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = delivery.sop_class_uid
    item.ReferencedSOPInstanceUID = delivery.sop_instance_uid
    return item
