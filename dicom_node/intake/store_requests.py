"""C-STORE requests before pynetdicom reads them: a bad one costs its instance, not the association.

pynetdicom aborts for a UID of 65 characters, answers nothing where there is none, and holds in
memory whatever comes.
"""

import re
from functools import lru_cache
from io import BytesIO
from weakref import WeakKeyDictionary

from pydicom import Dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dsutils import create_file_meta, encode_file_meta
from pynetdicom.events import Event

from dicom_node.errors import TooLarge
from dicom_node.network.dimse import Handler
from inference.decoding.deflated import inflates_beyond
from inference.header import stored

#: Stands in a request for what is no UID, so that the request can be answered.
NO_UID = "0"

#: PS3.5 9.1, but for leading zeros, which too many devices write.
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_UID_LENGTH = 64
#: (0002,0003) and its VR, as they are encoded.
_MEDIA_STORAGE_SOP_INSTANCE_UID = b"\x02\x00\x03\x00UI"


def uid_fault(text: str) -> str:
    """Why this cannot be a UID (PS3.5 9.1), leading zeros apart; "" where it can."""
    if not text:
        return "is empty"
    if len(text) > _UID_LENGTH:
        return f"has {len(text)} characters, {_UID_LENGTH} are allowed"
    return "" if _UID.fullmatch(text) else f"is no UID: {text!r}"


def written(dataset: Dataset, keyword: str) -> str:
    """A text as it was sent, before any library has an opinion of it; "" where it is absent."""
    value = stored(dataset, keyword)
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
        if event.context.transfer_syntax == DeflatedExplicitVRLittleEndian and inflates_beyond(
            event.request.DataSet.getvalue(), self._max_bytes
        ):
            raise TooLarge(f"inflated, beyond max_instance_mb, {_megabytes(self._max_bytes)}")
        request = event.request
        head = _part10_head(
            request.AffectedSOPClassUID,
            request.AffectedSOPInstanceUID,
            UID(event.context.transfer_syntax),
        )
        content: bytes = head + request.DataSet.getvalue()
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


def _part10_head(sop_class_uid: UID, sop_instance_uid: UID, transfer_syntax: UID) -> bytes:
    """Preamble and File Meta Information (PS3.10 7.1), as pynetdicom writes them."""
    before, after = _around_uid(sop_class_uid, len(sop_instance_uid), transfer_syntax)
    return before + sop_instance_uid.encode("ascii") + after


@lru_cache(maxsize=256)
def _around_uid(sop_class_uid: UID, length: int, transfer_syntax: UID) -> tuple[bytes, bytes]:
    """What of a head comes before and after an instance's UID of so many characters.

    To write a head with pydicom takes as long as to receive a small instance.
    """
    any_uid = UID("9" * length)
    meta = encode_file_meta(create_file_meta(
        sop_class_uid=sop_class_uid, sop_instance_uid=any_uid, transfer_syntax=transfer_syntax,
    ))  # fmt: skip
    before, element, after = meta.partition(_MEDIA_STORAGE_SOP_INSTANCE_UID)
    size, value = after[:2], after[2:]
    return bytes(128) + b"DICM" + before + element + size, value[length:]


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
