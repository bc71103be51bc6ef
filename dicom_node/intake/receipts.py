"""What each association has brought, for the audit trail: one message a study (PS3.15 A.5.3.7).

A study of five hundred slices is one event. It is told when the next study begins or the
association ends, which one that says nothing does after `network_timeout_s`.
"""

import threading
from collections import Counter
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event

from dicom_node.audit import Participant, Subject, Trail, events, subject_of
from dicom_node.network.dimse import Handler, asked_of


@dataclass(slots=True)
class _Receipt:
    """Of one study."""

    subject: Subject
    sender: Participant
    sop_classes: Counter[str] = field(default_factory=Counter)


class Receipts:
    """Of one listener. Events of an association come by two threads."""

    def __init__(self, trail: Trail) -> None:
        self._trail = trail
        self._lock = threading.Lock()
        self._open: WeakKeyDictionary[Association, _Receipt] = WeakKeyDictionary()

    @property
    def handlers(self) -> list[Handler]:
        return [(evt.EVT_CONN_CLOSE, self._on_closed)] if self._trail.is_on else []

    def received(
        self, association: Association, content: bytes, study_instance_uid: str, sop_class_uid: str
    ) -> None:
        """It was answered with Success, or is just going to be."""
        if not self._trail.is_on:
            return
        with self._lock:
            receipt = self._open.get(association)
            if receipt is None or receipt.subject.study_instance_uid != study_instance_uid:
                self._tell(receipt)
                asked = asked_of(association)
                sender = Participant(asked.calling_aet, aet=asked.calling_aet, host=asked.host)
                receipt = _Receipt(subject_of(content, study_instance_uid), sender)
                self._open[association] = receipt
            receipt.sop_classes[sop_class_uid] += 1

    def _on_closed(self, event: Event) -> None:
        with self._lock:
            self._tell(self._open.pop(event.assoc, None))

    def _tell(self, receipt: _Receipt | None) -> None:
        if receipt is not None:
            sent = events.transferred(
                receipt.sender, self._trail.process, receipt.subject, receipt.sop_classes
            )
            self._trail.record(sent)
