"""A sender that costs next to nothing: an association written down once, and played over a socket.

What a Storage SCP takes a second is what is measured with it, so it must not be the limit itself:
the PDUs of one C-STORE (PS3.8 9.3, PS3.7 9.3.1) are encoded beforehand; of each repetition only the
SOP Instance UID is another, of the same length, written over the one before.
"""

import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO

from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.pdu import A_ASSOCIATE_RQ, A_RELEASE_RQ, P_DATA_TF
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    A_RELEASE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)

from dicom_node.errors import OUT_OF_RESOURCES, SUCCESS

#: Of a PDU's variable field; of what the other end takes, the most that is sent.
LONGEST_PDU = 131072
CONTEXT_ID = 1
ANSWER_WITHIN_S = 120.0
TRIES = 10

_ASSOCIATE_AC, _P_DATA, _RELEASE_RP = 0x02, 0x04, 0x06
#: The item of the user information that says how long a PDU may be (PS3.8 D.1).
_MAXIMUM_LENGTH = b"\x51\x00\x00\x04"
#: (0000,0900) Status, 2 bytes, in Implicit VR Little Endian.
_STATUS = b"\x00\x00\x00\x09\x02\x00\x00\x00"


class ReplayError(Exception):
    """The other end did not answer as a Storage SCP that takes the image."""


@dataclass(frozen=True, slots=True)
class Instance:
    """What is to be stored, and its UID, of which every repetition gets one as long."""

    dataset: Dataset
    uid: str

    @classmethod
    def of(cls, dataset: Dataset) -> "Instance":
        """`dataset` is given a UID of the greatest length, so that all are as long."""
        uid = str(generate_uid(prefix="1.2.826.0.1.3680043.8.498."))
        dataset.SOPInstanceUID = uid
        return cls(dataset, uid)


@dataclass(frozen=True, slots=True)
class Rate:
    """What an SCP took."""

    images: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.images / self.seconds


def replay(instance: Instance, port: int, called_aet: str, associations: int, each: int) -> Rate:
    """Store `each` images in each of so many associations at a time; raises ReplayError.

    Counted is from the first connection to the last answer.
    """
    with ThreadPoolExecutor(associations) as pool:
        began = time.monotonic()
        running = [
            pool.submit(_associate_and_store, instance, port, called_aet, each)
            for _ in range(associations)
        ]
        for one in running:
            one.result()
        return Rate(associations * each, time.monotonic() - began)


def _associate_and_store(instance: Instance, port: int, called_aet: str, each: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_WITHIN_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(_request(instance, called_aet))
        kind, accepted = _read_pdu(connection)
        if kind != _ASSOCIATE_AC:
            raise ReplayError(f"{called_aet} answered an association with PDU {kind:#04x}")
        pdus = _store_pdus(instance, _longest(accepted))
        for _ in range(each):
            _store(connection, _renamed(pdus, instance.uid))
        pdu = A_RELEASE_RQ()
        pdu.from_primitive(A_RELEASE())
        connection.sendall(pdu.encode())
        _read_pdu(connection)


def _store(connection: socket.socket, pdus: bytes) -> None:
    """Until it is stored: who is out of resources for a moment is asked again, as senders do."""
    for _ in range(TRIES):
        connection.sendall(pdus)
        kind, answer = _read_pdu(connection)
        _, found, rest = answer.partition(_STATUS)
        status = int.from_bytes(rest[:2], "little")
        if kind == _P_DATA and found and status == SUCCESS:
            return
        if kind != _P_DATA or status >> 8 != OUT_OF_RESOURCES >> 8:
            break
    raise ReplayError(f"C-STORE was not answered with Success: {answer!r}")


def _request(instance: Instance, called_aet: str) -> bytes:
    """The A-ASSOCIATE-RQ: one context, of the instance's own class and transfer syntax."""
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = LONGEST_PDU
    ae = AE("MODALITY")
    implementation.implementation_class_uid = ae.implementation_class_uid
    syntax = instance.dataset.file_meta.TransferSyntaxUID
    ae.add_requested_context(instance.dataset.SOPClassUID, syntax)
    context = ae.requested_contexts[0]
    context.context_id = CONTEXT_ID
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = "MODALITY", called_aet
    primitive.presentation_context_definition_list = [context]
    primitive.user_information = [length, implementation]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(primitive)
    return bytes(pdu.encode())


def _store_pdus(instance: Instance, longest: int) -> bytes:
    """All P-DATA-TF PDUs of the C-STORE, one after the other."""
    syntax = instance.dataset.file_meta.TransferSyntaxUID
    content = encode(instance.dataset, syntax.is_implicit_VR, syntax.is_little_endian)
    if content is None:
        raise ReplayError("the instance cannot be encoded")
    request = C_STORE()
    request.MessageID = 1
    request.AffectedSOPClassUID = instance.dataset.SOPClassUID
    request.AffectedSOPInstanceUID = instance.uid
    request.Priority = 2
    request.DataSet = BytesIO(content)
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    written = []
    for primitive in message.encode_msg(CONTEXT_ID, longest):
        pdu = P_DATA_TF()
        pdu.from_primitive(primitive)
        written.append(pdu.encode())
    return b"".join(written)


def _renamed(pdus: bytes, uid: str) -> bytes:
    """Another instance: its UID wherever the first one's was."""
    another = str(generate_uid(prefix="1.2.826.0.1.3680043.8.498."))
    # UIDs of this prefix are decimal numbers of almost always as many digits.
    another = another[: len(uid)].ljust(len(uid), "7")
    return pdus.replace(uid.encode(), another.encode())


def _longest(accepted: bytes) -> int:
    """How long a PDU's variable field the other end takes; 0 there means any."""
    at = accepted.rfind(_MAXIMUM_LENGTH)
    if at < 0:
        raise ReplayError("the association's acceptance says no maximum length")
    (said,) = struct.unpack(">I", accepted[at + 4 : at + 8])
    return min(said or LONGEST_PDU, LONGEST_PDU)


def _read_pdu(connection: socket.socket) -> tuple[int, bytes]:
    """Type and variable field of the next PDU."""
    head = _read(connection, 6)
    kind, length = struct.unpack(">BxI", head)
    return kind, _read(connection, length)


def _read(connection: socket.socket, count: int) -> bytes:
    content = bytearray()
    while len(content) < count:
        part = connection.recv(count - len(content))
        if not part:
            raise ReplayError("the connection was closed instead of an answer")
        content += part
    return bytes(content)
