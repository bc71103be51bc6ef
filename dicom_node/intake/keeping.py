"""One instance kept, whoever brings it: a sender by C-STORE, or a reader who draws on the page.

The order is the promise: spool, commit, publish. Whoever brought it is answered after that.
"""

import logging
from dataclasses import dataclass

from pydicom.uid import UID

from dicom_node.errors import BrokerUnavailable, Permanent
from dicom_node.intake.correction import is_drawn
from dicom_node.intake.eligibility import unsupported_class
from dicom_node.intake.indexing import Index, read_index
from dicom_node.intake.ranking import MEDIUM, Ranking
from dicom_node.ledger import InstanceKind, JobState, Ledger, StoredInstance
from dicom_node.logs import bound
from dicom_node.patients import Patients
from dicom_node.queueing import Kind, Queues
from dicom_node.spool import Spool

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Installation:
    """What the intake has to know of the rest of the node, which it does not load."""

    pipeline: str  #: which models and settings a job asks for
    transfer_syntaxes: tuple[UID, ...]  #: those whose pixels can be decoded here
    manufacturer: str  #: of our own results, as they say it
    model_name: str  #: likewise


class Intake:
    """Keeps one Part 10 file after another, in any thread."""

    def __init__(
        self,
        spool: Spool,
        ledger: Ledger,
        queues: Queues,
        installation: Installation,
        ranking: Ranking,
        *,
        corrections: bool,
    ) -> None:
        """`corrections`: Segmentations that a person has drawn are wanted."""
        self._spool = spool
        self._patients = Patients.of(spool)
        self._ledger = ledger
        self._queues = queues
        self._installation = installation
        self._ranking = ranking
        self._corrections = corrections

    def receive(
        self,
        content: bytes,
        sop_class_uid: str,
        sop_instance_uid: str,
        aet: str,
        request_priority: int = MEDIUM,
    ) -> Index | None:
        """Keep one Part 10 file; returns only when the promise behind Success holds.

        None: it is a result of our own that came back, and was dropped.
        """
        also = self._ranking.keywords
        try:
            index = read_index(
                content, sop_class_uid, sop_instance_uid, self._patients, also,
                corrections=self._corrections,
            )  # fmt: skip
        except Permanent as exc:
            self._spool.quarantine(content, str(exc), sop_instance_uid)
            raise
        if self._is_our_own(index, content):
            return None
        instance = self._store(content, index, aet)
        pipeline, received_at = self._installation.pipeline, self._ledger.now()
        priority, why = self._ranking.of(
            aet, index.origin.acquired_at, index.said, request_priority, received_at
        )
        acceptance = self._ledger.jobs.accept(instance, pipeline, priority, why, received_at)
        if not self._spool.has(instance.path):
            # An older job of the same bytes was purged meanwhile.
            self._spool.store_received(index.sop_instance_uid, content)
        if acceptance.is_new or acceptance.other_bytes:
            self._spool.date(instance.path, received_at)
        with bound(job_id=acceptance.job_id, sop_instance_uid=sop_instance_uid):
            if acceptance.is_new:
                extra = {"from": aet, "bytes": instance.size_bytes, "priority": priority.name}
                logger.info("received", extra=extra)
            else:
                what = "other bytes" if acceptance.other_bytes else "the same bytes"
                state, reopened = acceptance.state, acceptance.is_reopened
                extra = {"with": what, "state": state, "reopened": reopened}
                logger.info("received again", extra=extra)
            begins = acceptance.is_new or acceptance.is_reopened
            if acceptance.state is JobState.RECEIVED and begins:
                self._hand_on(acceptance.job_id, index)
        return index

    def _store(self, content: bytes, index: Index, aet: str) -> StoredInstance:
        stored = self._spool.store_received(index.sop_instance_uid, content)
        return index.stored(stored, aet)

    def _hand_on(self, job_id: int, index: Index) -> None:
        """To a worker, or straight to its end where the class alone says that nothing is to do."""
        if index.kind is InstanceKind.OTHER:
            # A study's hundreds of CT slices must not stand before the next radiograph.
            reason = unsupported_class(index.sop_class_uid)
            self._ledger.jobs.passed_over(job_id, reason)
            closing = {"outcome": JobState.SKIPPED.value, "reason": reason}
            logger.info("passed over", extra=closing)
            return
        try:
            self._queues.publish(Kind.JOB, job_id, self._installation.pipeline)
        except BrokerUnavailable as exc:
            logger.warning("could not publish; recovery will", extra={"reason": str(exc)})

    def _is_our_own(self, index: Index, content: bytes) -> bool:
        """Whether this is a result of this node, or of another of its kind."""
        ours = self._installation.manufacturer, self._installation.model_name
        if index.kind is not InstanceKind.SEGMENTATION:
            return (index.origin.manufacturer, index.origin.model_name) == ours
        if self._ledger.corrections.is_ours(index.sop_instance_uid):
            return True
        # A reader's may still bear our name.
        is_named_so = (index.origin.manufacturer, index.origin.model_name) == ours
        return is_named_so and not is_drawn(content)
