"""Who is let in, and what they may send: the answer to an A-ASSOCIATE-RQ (PS3.8 7.1.1, 9.3.4)."""

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum

from pydicom.uid import UID
from pynetdicom import ALL_TRANSFER_SYNTAXES, build_context
from pynetdicom._globals import DEFAULT_TRANSFER_SYNTAXES
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import Verification

from dicom_node.config import ANY_TITLE, Caller, NodeSection
from dicom_node.dimse import storage_classes
from dicom_node.intake.eligibility import ANALYSED_SOP_CLASSES


class Rejection(Enum):
    """PS3.8 table 9-21: result, source, reason."""

    CALLING = (0x01, 0x01, 0x03)
    CALLED = (0x01, 0x01, 0x07)
    #: Transient: the sender may try again.
    LIMIT = (0x02, 0x03, 0x02)


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks for an association, and whom they take us for."""

    calling_aet: str
    host: str  #: IP address
    called_aet: str


class Acceptance:
    """Decides about one request for an association after another."""

    def __init__(
        self, node: NodeSection, callers: Sequence[Caller], decodable: Sequence[UID]
    ) -> None:
        self._titles = {node.aet.strip(), *(title.strip() for title in node.also_called)}
        self._callers = callers
        self._places = Places(node.max_associations)
        everything = frozenset(UID(uid) for uid in ALL_TRANSFER_SYNTAXES)
        #: Transfer syntaxes by SOP Class. What is not analysed need not be decoded.
        self._taken: dict[UID, Collection[UID]] = dict.fromkeys(storage_classes(), everything)
        self._taken |= dict.fromkeys(ANALYSED_SOP_CLASSES, tuple(decodable))
        self._taken[UID(Verification)] = tuple(map(UID, DEFAULT_TRANSFER_SYNTAXES))

    def decide(self, association: Association) -> Rejection | None:
        """Why there is to be no association; None: there is, and a place is taken."""
        request = request_of(association)
        if not self._knows(request):
            return Rejection.CALLING
        if not self._is_called(request.called_aet):
            return Rejection.CALLED
        return None if self._places.take(association) else Rejection.LIMIT

    def contexts(self, proposed: Sequence[PresentationContext]) -> list[PresentationContext]:
        """What we support of what is proposed, in the requestor's order of transfer syntaxes.

        A sender puts first what it holds: another choice makes it decompress, which DCMTK's
        storescu for one cannot, or compress.
        """
        wanted: dict[UID, dict[UID, None]] = {}
        for context in proposed:
            syntaxes = wanted.setdefault(context.abstract_syntax, {})
            syntaxes |= dict.fromkeys(context.transfer_syntax)
        supported = []
        for sop_class, syntaxes in wanted.items():
            taken = self._taken.get(sop_class, ())
            # With nothing in common our own list stands: it is the syntax that is refused then.
            if offer := [syntax for syntax in syntaxes if syntax in taken] or list(taken):
                supported.append(build_context(sop_class, offer))
        return supported

    def _knows(self, request: Request) -> bool:
        return not self._callers or any(
            caller.aet.strip() == request.calling_aet and caller.host in (None, request.host)
            for caller in self._callers
        )

    def _is_called(self, aet: str) -> bool:
        return aet in self._titles or ANY_TITLE in self._titles


class Places:
    """How many associations there are: not connections, and none that has ended."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._taken: set[Association] = set()

    def take(self, association: Association) -> bool:
        """Give `association` a place until it ends; False where none is free."""
        with self._lock:
            self._taken = {one for one in self._taken if not _has_ended(one)}
            if len(self._taken) >= self._limit:
                return False
            self._taken.add(association)
            return True


def request_of(association: Association) -> Request:
    """Titles without the blanks they are padded with."""
    requestor = association.requestor
    return Request(
        calling_aet=requestor.primitive.calling_ae_title.strip(),
        host=requestor.address,
        called_aet=requestor.primitive.called_ae_title.strip(),
    )


def _has_ended(association: Association) -> bool:
    ended = association.is_released or association.is_aborted or association.is_rejected
    return bool(ended or not association.is_alive())
