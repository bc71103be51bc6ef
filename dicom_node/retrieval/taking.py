"""One image that an archive gave: is it an earlier radiograph of the patient, and then its job."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from pydicom import Dataset, dcmread

from dicom_node.errors import NotDicom, NotRetrieved
from dicom_node.intake.belonging import contradiction
from dicom_node.intake.eligibility import judge
from dicom_node.intake.indexing import Index, index_of
from dicom_node.intake.taken import days_between, is_before, taken_of
from dicom_node.ledger import Became, Ledger, Shown
from dicom_node.patients import Patients
from dicom_node.retrieval.archive import ImageMatch
from dicom_node.retrieval.candidates import Wanted
from dicom_node.spool import Spool, StoredFile
from inference.decoding.bounded import bounded

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taking:
    """Keeps what is wanted, and nothing else."""

    ledger: Ledger
    spool: Spool
    patients: Patients
    pipeline: str  #: which is to analyse it
    ours: tuple[str, str]  #: Manufacturer and model of our own results
    publish: Callable[[int], None]  #: rings the worker's bell, with a job's id

    def take(
        self, image: ImageMatch, content: bytes, wanted: Wanted, archive: str, for_job: int
    ) -> Shown:
        """What became of a Part 10 file; raises NotRetrieved where it is not that image's."""
        try:
            index = index_of(content, image.sop_instance_uid, self.patients)
            header = header_of(content)
        except NotDicom as exc:
            # What pydicom says of it may quote the patient.
            raise NotRetrieved(f"{archive} gave no readable DICOM file") from exc
        if index.sop_instance_uid != image.sop_instance_uid:
            raise NotRetrieved(f"{archive} gave another instance than was asked for")
        taken = taken_of(index.origin.acquired_at, header)
        became, why = self._judge(index, header, taken, wanted)
        if became is Became.FETCHED and not self._keep(index, content, archive, for_job):
            became = Became.KNOWN
        return Shown(became, taken, image.study_instance_uid, image.sop_instance_uid, why)

    def _judge(
        self, index: Index, header: Dataset, taken: str, wanted: Wanted
    ) -> tuple[Became, str]:
        """FETCHED: it is wanted. Else what speaks against it, the worst first."""
        if (index.origin.manufacturer, index.origin.model_name) == self.ours:
            return Became.OURS, ""
        if index.origin.patient_hash != wanted.patient_hash:
            return Became.OTHER_ID, ""
        if (verdict := judge(header)).refusal is not None:
            return Became.NOT_ELIGIBLE, verdict.reason
        if not is_before(taken, wanted.taken):
            return Became.NOT_EARLIER, ""
        if days_between(taken, wanted.taken) > wanted.days:
            return Became.TOO_OLD, ""
        if (against := contradiction(header, wanted.header)) is not None:
            return Became(against.value), ""
        return Became.FETCHED, ""

    def _keep(self, index: Index, content: bytes, archive: str, for_job: int) -> bool:
        """False: it has come meanwhile."""
        stored = self.spool.store_fetched(index.sop_instance_uid, content)
        now = self.ledger.now()
        instance, why = index.stored(stored, archive), f"for job {for_job}"
        job_id = self.ledger.fetching.accept(instance, self.pipeline, archive, why, now)
        if job_id is None:
            self._drop(stored)
            return False
        if not self.spool.has(stored.path):
            # An older job of the same bytes was purged meanwhile.
            self.spool.store_fetched(index.sop_instance_uid, content)
        extra = {"job_id": job_id, "sop_instance_uid": index.sop_instance_uid, "from": archive}
        logger.info("fetched an earlier radiograph", extra=extra | {"for_job_id": for_job})
        self.publish(job_id)
        return True

    def _drop(self, stored: StoredFile) -> None:
        """Unless another has fetched the same."""
        if not self.ledger.pruning.named([stored.path]):
            self.spool.remove([stored.path])


def header_of(content: bytes) -> Dataset:
    """Of a Part 10 file, all before its pixels; raises NotDicom."""
    try:
        return dcmread(bounded(content), stop_before_pixels=True)
    except MemoryError:
        # No fault of the bytes.
        raise
    except Exception as exc:
        # pydicom raises a dozen unrelated types on bytes that are no data set.
        raise NotDicom(f"no readable data set ({exc})") from exc
