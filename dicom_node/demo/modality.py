"""A small modality: a Storage SCU that sends instances as they are (PS3.4 Annex B).

Files go out byte for byte in their own transfer syntax, damaged ones too, so the node meets what
a real sender would give it. The moment the last byte of each left is what latency counts from.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.sop_class import Verification

from dicom_node.errors import SUCCESS, DestinationUnavailable, NotDicom
from dicom_node.network.dimse import associate, requestor

CONNECT_TIMEOUT_S = 10.0
RESPONSE_TIMEOUT_S = 60.0
#: Presentation contexts an association can have (PS3.8 7.1.1.13: odd numbers 1 to 255).
MAX_CONTEXTS = 128


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one instance."""

    sop_instance_uid: str
    status: int | None  #: the DIMSE status answered; None when no answer came or no context fits
    last_byte_at: float  #: seconds on `time.monotonic`, when its last byte had left
    answered_at: float  #: likewise, when the answer was there


class _Clock:
    """Remembers when bytes last left an association."""

    def __init__(self) -> None:
        self.last_byte_at = 0.0

    def on_sent(self, _event: Event) -> None:
        self.last_byte_at = time.monotonic()


def send(
    instances: Iterable[Path | Dataset],
    host: str,
    port: int,
    *,
    called_aet: str = "ANY-SCP",
    calling_aet: str = "MODALITY",
) -> list[Sent]:
    """Send all, in order, in one association.

    Raises NotDicom for a file without a readable file meta group, before anything is sent, and
    DestinationUnavailable when there is no association to be had.
    """
    queue = [(instance, *_identity(instance)) for instance in instances]
    contexts = list(dict.fromkeys((sop_class, syntax) for _, sop_class, _, syntax in queue))
    clock = _Clock()
    association = _associate(contexts, host, port, called_aet, calling_aet, clock)
    try:
        return [_store(association, clock, instance, uid) for instance, _, uid, _ in queue]
    finally:
        if association.is_established:
            association.release()


def echo(
    host: str, port: int, *, called_aet: str = "ANY-SCP", calling_aet: str = "MODALITY"
) -> bool:
    """Whether the node answers a C-ECHO with Success."""
    contexts = [(str(Verification), "1.2.840.10008.1.2")]
    try:
        association = _associate(contexts, host, port, called_aet, calling_aet, _Clock())
    except DestinationUnavailable:
        return False
    answer = association.send_c_echo()
    association.release()
    return bool(answer.get("Status") == SUCCESS)


def _associate(
    contexts: list[tuple[str, str]],
    host: str,
    port: int,
    called_aet: str,
    calling_aet: str,
    clock: _Clock,
) -> Association:
    if len(contexts) > MAX_CONTEXTS:
        raise ValueError(f"{len(contexts)} kinds of instance; an association takes {MAX_CONTEXTS}")
    ae = requestor(calling_aet, contexts, CONNECT_TIMEOUT_S, RESPONSE_TIMEOUT_S)
    association = associate(ae, host, port, called_aet, [(evt.EVT_DATA_SENT, clock.on_sent)])
    if not association.is_established:
        raise DestinationUnavailable(f"no association with {called_aet}@{host}:{port}")
    return association


def _store(association: Association, clock: _Clock, instance: Path | Dataset, uid: str) -> Sent:
    try:
        answer = association.send_c_store(instance)
    except (ValueError, RuntimeError):
        # No accepted context fits; or the association has ended.
        answer = Dataset()
    status = answer.get("Status")
    answered_at = time.monotonic()
    return Sent(uid, None if status is None else int(status), clock.last_byte_at, answered_at)


def _identity(instance: Path | Dataset) -> tuple[str, str, str]:
    """SOP Class, SOP Instance and Transfer Syntax UID."""
    if isinstance(instance, Dataset):
        syntax = str(instance.file_meta.TransferSyntaxUID)
        return str(instance.SOPClassUID), str(instance.SOPInstanceUID), syntax
    try:
        meta = read_file_meta_info(instance)
        sop_class, uid = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        return str(sop_class), str(uid), str(meta.TransferSyntaxUID)
    except (InvalidDicomError, AttributeError, EOFError) as exc:
        raise NotDicom(f"{instance}: no DICOM file meta group ({exc})") from exc
