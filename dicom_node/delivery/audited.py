"""What is sent and asked, for the audit trail (PS3.15 A.5.3.7 and A.5.3.10)."""

from collections import Counter
from collections.abc import Collection, Sequence

from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ImplicitVRLittleEndian

from dicom_node.audit import Participant, Trail, events, subject_of
from dicom_node.config import AnyDestination, Destination, PortDestination
from dicom_node.delivery.kinds import Query
from dicom_node.delivery.outcome import Fate
from dicom_node.delivery.sending import Batch
from dicom_node.errors import NodeError
from dicom_node.ledger import Delivery
from dicom_node.spool import Spool

#: Study Root Query/Retrieve Information Model - FIND (PS3.4 C.6.2.2); a search by QIDO-RS counts as
#: the same question.
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
#: What was answered for good; what is sent again is no event yet.
_ENDED = {Fate.DELIVERED: False, Fate.REFUSED: True, Fate.CLASS_REFUSED: True}


class Sendings:
    """To one destination."""

    def __init__(self, trail: Trail, to: AnyDestination, spool: Spool) -> None:
        self._trail = trail
        self._there = participant_of(to)
        self._spool = spool

    def sent(self, batch: Batch) -> None:
        """Tell what came of it: what is there, and what it refused."""
        if not self._trail.is_on:
            return
        for is_refused in (False, True):
            meant = [
                each
                for each in batch.deliveries
                if _ENDED.get(batch.outcomes[each.id].fate) is is_refused
            ]
            if meant:
                fault = batch.outcomes[meant[0].id].message if is_refused else ""
                self._tell(meant, fault)

    def _tell(self, deliveries: Sequence[Delivery], fault: str) -> None:
        first = deliveries[0]
        try:
            # A result says whom it is of as its image does.
            content = self._spool.read_verified(first.path, first.sha256)
        except NodeError:
            content = b""
        subject = subject_of(content, first.study_instance_uid)
        counted = Counter(each.sop_class_uid for each in deliveries)
        self._trail.record(
            events.transferred(self._trail.process, self._there, subject, counted, fault)
        )


class AuditedQuery:
    """A query, of which each question is told."""

    def __init__(self, query: Query, trail: Trail, to: AnyDestination) -> None:
        self._query = query
        self._trail = trail
        self._there = participant_of(to)

    def held(self, deliveries: Sequence[Delivery]) -> Collection[int]:
        """As the query itself."""
        try:
            found = self._query.held(deliveries)
        except NodeError as exc:
            self._tell(deliveries, str(exc))
            raise
        self._tell(deliveries, "")
        return found

    def _tell(self, deliveries: Sequence[Delivery], fault: str) -> None:
        query, syntax = encoded(_asked(deliveries))
        here, there = self._trail.process, self._there
        self._trail.record(events.queried(here, there, STUDY_ROOT_FIND, syntax, query, fault))


def participant_of(to: AnyDestination) -> Participant:
    """A destination, as it takes part."""
    if isinstance(to, Destination):
        return Participant(to.address, aet=to.aet, name=to.name, host=to.host, is_address=False)
    if isinstance(to, PortDestination):
        return Participant(to.address, name=to.name, host=to.host, is_address=False)
    return Participant(to.address, name=to.name)


def encoded(query: Dataset) -> tuple[bytes, str]:
    """A question as it is told, and in which transfer syntax."""
    written = DicomBytesIO()
    written.is_little_endian, written.is_implicit_VR = True, True
    write_dataset(written, query)
    return written.getvalue(), ImplicitVRLittleEndian


def _asked(deliveries: Sequence[Delivery]) -> Dataset:
    """All questions of one study in one data set."""
    wanted = Dataset()
    wanted.QueryRetrieveLevel = "IMAGE"
    wanted.StudyInstanceUID = deliveries[0].study_instance_uid
    wanted.SOPInstanceUID = [each.sop_instance_uid for each in deliveries]
    return wanted
