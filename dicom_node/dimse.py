"""The node's Application Entity as an acceptor, and what it forgives a requestor (PS3.7, PS3.8).

pynetdicom ends an association for a title padded with NUL and for a UID of 65 characters. Here
such a title is read as the blank it was meant as, and such a UID costs its one instance.
"""

import re
import sys
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any
from weakref import WeakKeyDictionary

from pydicom import Dataset
from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom._handlers import (
    standard_dimse_recv_handler,
    standard_dimse_sent_handler,
    standard_pdu_recv_handler,
    standard_pdu_sent_handler,
)
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.sop_class import _STORAGE_CLASSES, Verification, register_uid
from pynetdicom.transport import ThreadedAssociationServer

from dicom_node.errors import TooLarge

#: Bytes. pynetdicom's 16 KiB costs a thread switch each; a 15 MB radiograph wants large PDUs.
MAX_PDU_SIZE = 1024 * 1024
#: Stands in a request for what is no UID, so that the request can be answered.
NO_UID = "0"

#: PS3.5 9.1, but for leading zeros, which too many devices write.
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_UID_LENGTH = 64
#: A-ASSOCIATE-RQ, PS3.8 9.3.2: its type, and where the two titles lie.
_ASSOCIATE_RQ = 0x01
_TITLES = (slice(10, 26), slice(26, 42))
#: What a title without a character is taken for: none may be empty (PS3.5 6.2).
_BLANK_TITLE = b"(BLANK)".ljust(16)
#: PS3.6 Annex A: under this lie the image, SR and waveform classes, the retired ones too.
_STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."

#: What pynetdicom binds to describe every message in its own log. They read before ours do, and
#: pydicom then complains of what ours are there to mend.
_NARRATED = (
    (evt.EVT_DIMSE_RECV, standard_dimse_recv_handler),
    (evt.EVT_DIMSE_SENT, standard_dimse_sent_handler),
    (evt.EVT_PDU_RECV, standard_pdu_recv_handler),
    (evt.EVT_PDU_SENT, standard_pdu_sent_handler),
)

Handler = tuple[object, Callable[[Event], object]]


def acceptor(aet: str, association_timeout_s: float, network_timeout_s: float) -> AE:
    """An Application Entity that offers Verification; what else, `acceptance` says at each request.

    A connection has `association_timeout_s` to ask for an association (the ARTIM timer of
    PS3.8 9.1.4); an association that is silent for `network_timeout_s` is aborted.
    """
    ae = AE(ae_title=aet)
    ae.maximum_pdu_size = MAX_PDU_SIZE
    ae.acse_timeout = association_timeout_s
    ae.network_timeout = network_timeout_s
    # pynetdicom would count every open connection; `acceptance` counts associations.
    ae.maximum_associations = sys.maxsize
    ae.add_supported_context(Verification)
    return ae


def serve(
    ae: AE, address: tuple[str, int], handlers: Sequence[Handler]
) -> ThreadedAssociationServer:
    """Accept connections in threads; raises OSError when the address is taken."""
    own: list[Handler] = [
        (evt.EVT_CONN_OPEN, _on_connected),
        (evt.EVT_ACCEPTED, _on_accepted),
        (evt.EVT_CONN_CLOSE, _on_closed),
    ]
    return ae.start_server(address, block=False, evt_handlers=[*own, *handlers])


def hang_up(ae: AE) -> None:
    """Close the connections that have asked for nothing, as if their ARTIM timers had expired."""
    for association in ae.active_associations:
        # PS3.8 table 9-10: in state 2 event 18 closes; to abort, an association must be asked for.
        if association.dul.state_machine.current_state == "Sta2":
            association.dul.event_queue.put("Evt18")


def storage_classes() -> frozenset[UID]:
    """Every SOP Class of the Storage Service Class, the retired ones too (PS3.4 B.5, PS3.6)."""
    for uid, (name, kind, _, retired, keyword) in UID_dictionary.items():
        is_retired = uid.startswith(_STORAGE_ROOT) and kind == "SOP Class" and retired
        if is_retired and "Storage" in name and uid not in _STORAGE_CLASSES.values():
            # Old archives are full of them, and pynetdicom serves only what it knows.
            register_uid(uid, keyword, StorageServiceClass)
    return frozenset(UID(uid) for uid in _STORAGE_CLASSES.values())


def uid_fault(text: str) -> str:
    """Why this cannot be a UID (PS3.5 9.1), leading zeros apart; "" where it can."""
    if not text:
        return "is empty"
    if len(text) > _UID_LENGTH:
        return f"has {len(text)} characters, {_UID_LENGTH} are allowed"
    return "" if _UID.fullmatch(text) else f"is no UID: {text!r}"


def written(dataset: Dataset, keyword: str) -> str:
    """A text as it was sent, before any library has an opinion of it; "" where it is absent."""
    if keyword not in dataset:
        return ""
    value: Any = dataset.get_item(keyword).value
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value or "")
    return text.strip(" \0")


class StoreRequests:
    """C-STORE requests as they come in: mended, and bounded in size, before pynetdicom reads them.

    What was wrong is kept until the request is served.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._dropped: WeakKeyDictionary[Association, int] = WeakKeyDictionary()
        self._said: WeakKeyDictionary[Association, dict[int, str]] = WeakKeyDictionary()
        self._sizes: WeakKeyDictionary[Association, dict[int, int]] = WeakKeyDictionary()

    @property
    def handlers(self) -> list[Handler]:
        return [(evt.EVT_PDU_RECV, self._on_pdu), (evt.EVT_DIMSE_RECV, self._on_message)]

    def sop_instance_uid(self, event: Event) -> str:
        """The request's Affected SOP Instance UID, as the sender wrote it."""
        request = event.request
        said = self._said.get(event.assoc, {})
        return said.pop(request.MessageID, str(request.AffectedSOPInstanceUID))

    def content(self, event: Event) -> bytes:
        """The request's data set as a Part 10 file; raises TooLarge."""
        size = self._sizes.get(event.assoc, {}).pop(event.request.MessageID, None)
        if size is not None:
            raise TooLarge(
                f"{_megabytes(size)} MB, max_instance_mb is {_megabytes(self._max_bytes)}"
            )
        content: bytes = event.encoded_dataset()
        return content

    def _on_pdu(self, event: Event) -> None:
        """Let go what has come of an instance once it is beyond the limit."""
        message = event.assoc.dimse.message
        if message is not None and isinstance(message.data_set, BytesIO):
            self._drop_excess(event.assoc, message.data_set)

    def _on_message(self, event: Event) -> None:
        command = event.message.command_set
        if type(event.message).__name__ != "C_STORE_RQ":
            return
        association, message_id = event.assoc, _message_id(command)
        if event.message.data_set is not None:
            self._drop_excess(association, event.message.data_set)
        if dropped := self._dropped.pop(association, 0):
            size = dropped + event.message.data_set.tell()
            self._sizes.setdefault(association, {})[message_id] = size
        said = written(command, "AffectedSOPInstanceUID")
        if uid_fault(said):
            self._said.setdefault(association, {})[message_id] = said
            # Not by attribute: that would read the old value, and pydicom complain of it.
            command.add_new("AffectedSOPInstanceUID", "UI", NO_UID)
        if uid_fault(written(command, "AffectedSOPClassUID")):
            sop_class = _negotiated(association, event.message.context_id)
            command.add_new("AffectedSOPClassUID", "UI", sop_class)

    def _drop_excess(self, association: Association, data_set: BytesIO) -> None:
        if data_set.tell() > self._max_bytes:
            self._dropped[association] = self._dropped.get(association, 0) + data_set.tell()
            data_set.seek(0)
            data_set.truncate()


def _message_id(command: Dataset) -> int:
    message_id = command.get("MessageID")
    return message_id if isinstance(message_id, int) else 0


def _negotiated(association: Association, context_id: int) -> UID:
    """The SOP Class of a presentation context."""
    return next(
        (
            one.abstract_syntax
            for one in association.accepted_contexts
            if one.context_id == context_id
        ),
        UID(NO_UID),
    )


def _megabytes(size: int) -> int:
    return round(size / 1e6)


def _on_connected(event: Event) -> None:
    association = event.assoc
    for narrated, handler in _NARRATED:
        association.unbind(narrated, handler)
    # An accepted socket waits for ever by itself: half a PDU and then nothing would keep a thread.
    association.dul.socket.socket.settimeout(association.acse_timeout)
    decode = association.dul._decode_pdu
    association.dul._decode_pdu = lambda pdu: decode(_with_readable_titles(pdu))


def _on_accepted(event: Event) -> None:
    # None where the requestor has gone already.
    if (connection := event.assoc.dul.socket.socket) is not None:
        connection.settimeout(event.assoc.network_timeout)


def _on_closed(event: Event) -> None:
    """Wake the thread that waits for a request: pynetdicom lets it wait its whole time."""
    if event.assoc.requestor.primitive is None:
        event.assoc.dul.to_user_queue.put(None)


def _with_readable_titles(pdu: bytearray) -> bytearray:
    """An A-ASSOCIATE-RQ whose titles hold nothing but what a title may (PS3.5 6.2, VR AE)."""
    if len(pdu) < _TITLES[-1].stop or pdu[0] != _ASSOCIATE_RQ:
        return pdu
    readable = bytearray(pdu)
    for title in _TITLES:
        # What follows a NUL is what the sender's memory held before.
        meant = pdu[title].lstrip(b"\0").partition(b"\0")[0]
        printed = bytes(byte if 0x20 <= byte < 0x7F and byte != 0x5C else 0x20 for byte in meant)
        readable[title] = printed.ljust(16) if printed.strip() else _BLANK_TITLE
    return readable
