"""The kind of destination that takes C-STORE (PS3.4 Annex B), and answers C-ECHO (Annex A)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.sop_class import (
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    Verification,
)

from dicom_node.config import Destination
from dicom_node.delivery.association import DicomAssociation, associate
from dicom_node.delivery.offer import Offer
from dicom_node.delivery.outcome import Fate, Outcome, outcome_of, words
from dicom_node.delivery.query import DicomQuery
from dicom_node.delivery.transcode import transcode
from dicom_node.ledger import Delivery
from dicom_node.spool import Spool

#: Of what is no object to be stored.
_SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)
#: Seconds that an answer is waited for at the first attempt, as many more at each further one:
#: a destination that hangs costs little, one that is always slow gets its outputs all the same.
RESPONSE_S = 15.0
RESPONSE_CAP_S = 60.0
#: Bytes a second: the slowest connection on which an output arrives within its time.
SLOWEST = 100_000


class DicomCarrier:
    """Associates with one Application Entity."""

    def __init__(self, to: Destination, aet: str, spool: Spool) -> None:
        self._to = to
        self._aet = aet
        self._spool = spool

    @contextmanager
    def open(self, deliveries: Sequence[Delivery]) -> Iterator["DicomChannel"]:
        """An association that proposes just what is to be sent."""
        contexts = dict.fromkeys(
            (delivery.sop_class_uid, syntax)
            for delivery in deliveries
            for syntax in self._to.profile.syntaxes_for(delivery.role)
        )
        with associate(self._aet, self._to, contexts) as association:
            yield DicomChannel(association, self._to, self._spool)

    def test(self) -> str:
        """A C-ECHO; who takes the association but offers no Verification is there as well."""
        with associate(self._aet, self._to, [(Verification, ImplicitVRLittleEndian)]) as to:
            if to.syntax_for(Verification, [ImplicitVRLittleEndian]) is None:
                return "took the association; it offers no Verification"
            return _answered(to.echo(RESPONSE_S))

    def offer(self) -> Offer:
        """All by one association that proposes everything the node may ever ask for."""
        profile = self._to.profile
        classes = {kind.role: kind.sop_class_uid for kind in profile.kinds}
        built = {role: (classes[role], profile.syntaxes_for(role)) for role in profile.built}
        asked = {
            "": (Verification, _SYNTAXES),
            "commitment": (StorageCommitmentPushModel, _SYNTAXES),
            "query": (StudyRootQueryRetrieveInformationModelFind, _SYNTAXES),
        }
        contexts = dict.fromkeys(
            (sop_class, syntax)
            for sop_class, syntaxes in (*asked.values(), *built.values())
            for syntax in syntaxes
        )
        with associate(self._aet, self._to, contexts) as association:
            taken = {
                name: association.syntax_for(sop_class, syntaxes) is not None
                for name, (sop_class, syntaxes) in (asked | built).items()
            }
            said = "took the association; it offers no Verification"
            if taken[""]:
                said = _answered(association.echo(RESPONSE_S))
            ends_at = association.certificate_ends_at
        # Some offer a query to everybody, and abort when one asks whom they do not know.
        is_asked = taken["query"] and self._to.verify != "none"
        return Offer(
            said,
            {role: taken[role] for role in built},
            tuple(way for way in ("commitment", "query") if taken[way]),
            ends_at,
            DicomQuery(self._to, self._aet).why_not() if is_asked else "",
        )


class DicomChannel:
    """One association with it."""

    def __init__(self, association: DicomAssociation, to: Destination, spool: Spool) -> None:
        self._association = association
        self._to = to
        self._spool = spool

    @property
    def has_ended(self) -> bool:
        return self._association.has_ended

    def send(self, delivery: Delivery, content: bytes) -> Outcome:
        """Byte for byte as it was built, unless it is to go in another transfer syntax."""
        wanted = self._to.profile.syntaxes_for(delivery.role)
        syntax = self._association.syntax_for(delivery.sop_class_uid, wanted)
        if syntax is None:
            return Outcome(Fate.CLASS_REFUSED, self._why_not_accepted(delivery))
        if syntax != delivery.transfer_syntax_uid:
            content = transcode(content, syntax)
        # A file of its own: what was verified is what leaves, whatever happens to the spool's.
        with self._spool.scratch(content) as path:
            timeout_s = response_timeout_s(len(content), delivery.attempts)
            status = self._association.store(path, timeout_s)
        return outcome_of(status, self._to.name, delivery.role, delivery.sop_instance_uid)

    def _why_not_accepted(self, delivery: Delivery) -> str:
        why = f"{self._to.name} does not accept {delivery.role}"
        is_known = self._association.knows(delivery.sop_class_uid)
        return f"{why} in any transfer syntax offered" if is_known else why


def _answered(status: int) -> str:
    said = words(status)
    return f"answered the echo with {status:#06x}{f' ({said})' if said else ''}"


def response_timeout_s(size_bytes: int, attempts: int) -> float:
    """Seconds for sending so much, and the answer, at the `attempts`-th attempt (from 1)."""
    return min(RESPONSE_CAP_S, RESPONSE_S * attempts) + size_bytes / SLOWEST
