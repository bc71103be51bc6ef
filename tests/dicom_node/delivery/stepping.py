"""A sender's two loops for one destination, a turn at a time, at an archive that may misbehave."""

from dicom_node.config import Destination
from dicom_node.delivery.commitment import DicomCommitment
from dicom_node.delivery.dicom import DicomCarrier
from dicom_node.delivery.loop import DeliveryLoop
from dicom_node.delivery.query import DicomQuery
from dicom_node.delivery.sending import Sending
from dicom_node.delivery.verifying import VerificationLoop
from tests.dicom_node.delivery.archive import Archive
from tests.dicom_node.delivery.bench import Bench, delivery_of
from tests.dicom_node.hearts import heart

#: Seconds that an archive has to confirm that it keeps what it stored.
WITHIN_S = 600.0


class Node:
    """A sender's two loops for one destination, a turn at a time."""

    def __init__(self, bench: Bench, to: Destination) -> None:
        self.bench, self.to = bench, to
        query = DicomQuery(to, "CXRNODE")
        commits = to.verify == "commitment"
        commitment = DicomCommitment(to, "CXRNODE", bench.ledger) if commits else None
        self._verifying = VerificationLoop(to, bench.ledger, query, commitment)
        sending = Sending(to.name, DicomCarrier(to, "CXRNODE", bench.spool), bench.spool, query)
        self._sending = DeliveryLoop(to, sending, bench.ledger, heart(bench.ledger, "sender"))

    def send(self) -> None:
        while self._sending.deliver_due():
            pass

    def verify(self, after_s: float = 3.0) -> None:
        """All that is due when so much time has passed."""
        self.bench.clock.advance(after_s)
        while self._verifying.verify_due():
            pass
        self._verifying.note_silence()


def node(bench: Bench, archive: Archive, verify: str) -> tuple[Node, int]:
    """A job is sent to the archive."""
    to = archive.destination(verify=verify, verify_within_s=WITHIN_S)
    job_id = bench.build(to)
    made = Node(bench, to)
    made.send()
    return made, job_id


def states(bench: Bench, job_id: int) -> set[str]:
    return {state.value for state in bench.states(job_id)}


def said(bench: Bench, job_id: int, role: str = "SEG") -> str:
    return delivery_of(bench, job_id, role).verification or ""
