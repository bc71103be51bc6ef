"""Who is let in, and what they may send: the answer to an A-ASSOCIATE-RQ (PS3.8 7.1.1, 9.3.4)."""

from collections.abc import Collection, Sequence
from enum import Enum

from pydicom.uid import UID
from pynetdicom import ALL_TRANSFER_SYNTAXES, build_context
from pynetdicom._globals import DEFAULT_TRANSFER_SYNTAXES
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (
    StorageCommitmentPushModel,
    Verification,
)

from dicom_node.config import ANY_TITLE, Caller, NodeSection
from dicom_node.intake.correction import SEGMENTATION, TRANSFER_SYNTAXES
from dicom_node.intake.eligibility import ANALYSED_SOP_CLASSES
from dicom_node.network.dimse import Asked, storage_classes


class Rejection(Enum):
    """PS3.8 table 9-21: result, source, reason."""

    CALLING = (0x01, 0x01, 0x03)
    CALLED = (0x01, 0x01, 0x07)
    #: Transient: the sender may try again.
    LIMIT = (0x02, 0x03, 0x02)
    #: Likewise temporary congestion: of one host there are enough.
    LIMIT_OF_ONE = (0x02, 0x03, 0x01)


class Acceptance:
    """Decides about one request for an association after another."""

    def __init__(
        self,
        node: NodeSection,
        callers: Sequence[Caller],
        decodable: Sequence[UID],
        reporters: Collection[str] = (),
        *,
        corrections: bool = False,
    ) -> None:
        """`reporters`: titles of those that may do no more than report (PS3.4 J.3.3).

        `corrections`: Segmentations are read, so they have to come as what can be.
        """
        self._titles = {node.aet.strip(), *(title.strip() for title in node.also_called)}
        self._callers = callers
        self._places = Places(node.max_associations, node.max_associations_of_one_host)
        everything = frozenset(UID(uid) for uid in ALL_TRANSFER_SYNTAXES)
        #: Transfer syntaxes by SOP Class. What is not analysed need not be decoded.
        self._taken: dict[UID, Collection[UID]] = dict.fromkeys(storage_classes(), everything)
        self._taken |= dict.fromkeys(ANALYSED_SOP_CLASSES, tuple(decodable))
        if corrections:
            self._taken[UID(SEGMENTATION)] = TRANSFER_SYNTAXES
        self._reporters = frozenset(title.strip() for title in reporters)
        default = tuple(map(UID, DEFAULT_TRANSFER_SYNTAXES))
        self._reported: dict[UID, Collection[UID]] = {
            UID(Verification): default, UID(StorageCommitmentPushModel): default,
        }  # fmt: skip
        self._taken |= self._reported

    def decide(self, asked: Asked) -> Rejection | None:
        """Why there is to be no association; None: there may be."""
        if not (self._knows(asked) or asked.calling_aet in self._reporters):
            return Rejection.CALLING
        if not self._is_called(asked.called_aet):
            return Rejection.CALLED
        return self._places.free(asked.host)

    def begun(self, asked: Asked, association: Association) -> None:
        """It takes a place until it ends."""
        self._places.take(asked.host, association)

    def contexts(
        self, proposed: Sequence[PresentationContext], asked: Asked
    ) -> list[PresentationContext]:
        """What we support of what is proposed, in the requestor's order of transfer syntaxes.

        A sender puts first what it holds: another choice makes it decompress, which DCMTK's
        storescu for one cannot, or compress.
        """
        wanted: dict[UID, dict[UID, None]] = {}
        for context in proposed:
            syntaxes = wanted.setdefault(context.abstract_syntax, {})
            syntaxes |= dict.fromkeys(context.transfer_syntax)
        supported: list[PresentationContext] = []
        classes = self._taken if self._knows(asked) else self._reported
        for sop_class, syntaxes in wanted.items():
            taken = classes.get(sop_class, ())
            # With nothing in common our own list stands: it is the syntax that is refused then.
            if offer := [syntax for syntax in syntaxes if syntax in taken] or list(taken):
                supported.append(_in_its_role(build_context(sop_class, offer)))
        return supported

    def _knows(self, asked: Asked) -> bool:
        return not self._callers or any(
            caller.aet.strip() == asked.calling_aet and caller.host in (None, asked.host)
            for caller in self._callers
        )

    def _is_called(self, aet: str) -> bool:
        return aet in self._titles or ANY_TITLE in self._titles


class Places:
    """How many associations there are: not connections, and none that has ended."""

    def __init__(self, limit: int, limit_of_one: int) -> None:
        """`limit_of_one`: of one host, so that no one of them keeps all others out."""
        self._limit = limit
        self._limit_of_one = limit_of_one
        self._taken: dict[Association, str] = {}

    def free(self, host: str) -> Rejection | None:
        """Why there is no place for `host`; None where there is one."""
        self._taken = {one: at for one, at in self._taken.items() if not _has_ended(one)}
        if len(self._taken) >= self._limit:
            return Rejection.LIMIT
        of_host = sum(at == host for at in self._taken.values())
        return Rejection.LIMIT_OF_ONE if of_host >= self._limit_of_one else None

    def take(self, host: str, association: Association) -> None:
        self._taken[association] = host


def _in_its_role(context: PresentationContext) -> PresentationContext:
    """Who reports on a storage commitment is its SCP, and says so where it follows PS3.7 D.3.3.4;
    who does not is let in as well.
    """
    if context.abstract_syntax == StorageCommitmentPushModel:
        context.scu_role, context.scp_role = False, True
    return context


def _has_ended(association: Association) -> bool:
    ended = association.is_released or association.is_aborted or association.is_rejected
    return bool(ended or not association.is_alive())
