"""Find again what the spool has and the ledger does not know: after a backup was restored.

What was answered Success is in the spool, whatever copy of the ledger there is now. It is taken in
as it came, at the time it came: what is built of it has the UIDs and the bytes that it had before.
"""

import hashlib
import logging
import threading
from collections.abc import Iterator
from itertools import islice

from dicom_node.config import CorrectionsSection, PrioritySection
from dicom_node.errors import NodeError, Permanent, SpoolUnreadable, Transient
from dicom_node.intake.eligibility import unsupported_class
from dicom_node.intake.indexing import Index, index_of
from dicom_node.intake.ranking import MEDIUM, Ranking
from dicom_node.ledger import InstanceKind, JobState, Ledger, Priority
from dicom_node.patients import Patients
from dicom_node.spool import DIGEST_LENGTH, ReceivedFile, Spool, StoredFile, safe_name

logger = logging.getLogger(__name__)

#: Seconds between two looks. A copy of ledger or spool that is older is known as one.
LOOK_S = 600.0
#: Seconds between two where something found waits for what came before it.
LOOK_SOON_S = 10.0
#: A mark that no ledger has: the spool is to be searched, or is being.
_SEARCHED = "searched"
#: Files whose names are compared with the ledger at once.
_AT_ONCE = 500


class _NotYet(Transient):
    """What an instance was before has no results yet."""


class Finding:
    """Looks whether ledger and spool belong together; where not, searches the spool."""

    def __init__(
        self,
        ledger: Ledger,
        spool: Spool,
        pipeline: str,
        ranking: Ranking | None = None,
        corrections: CorrectionsSection = CorrectionsSection(),  # noqa: B008 - frozen
    ) -> None:
        """`pipeline`: what is found is to be done by it; `ranking`: as who goes first."""
        self._ledger = ledger
        self._spool = spool
        self._pipeline = pipeline
        self._ranking = ranking or Ranking(PrioritySection())
        self._corrections = corrections.accept
        self._later: list[ReceivedFile] = []  #: found, and not to be taken in yet

    def run(self, stop: threading.Event) -> None:
        """Look now and every `LOOK_S` until `stop`; sooner where something is left to take in."""
        while not stop.is_set():
            try:
                self.look(stop)
            except NodeError as exc:
                logger.warning("could not look for what is forgotten", extra={"reason": str(exc)})
            except Exception:
                # Nothing that comes now depends on it: go on, whatever this was.
                logger.exception("failed to look for what is forgotten")
            stop.wait(LOOK_SOON_S if self._later else LOOK_S)

    def look(self, stop: threading.Event) -> int:
        """How many instances were found; raises LedgerUnavailable or SpoolUnavailable.

        Of two copies of an instance the later counts. It is taken in only once the earlier has its
        results again, for the UIDs of those name what a destination may have.
        """
        forgotten, self._later = self._later, []
        if self._ledger.marks.renew(self._spool.mark, self._spool.set_mark):
            return 0
        if not forgotten:
            # At the first start of all, too.
            logger.info("looks in the spool for what the ledger does not know")
            # Until the end of it: a ledger with jobs would take a spool without a mark for its own.
            self._spool.set_mark(_SEARCHED)
            forgotten = sorted(self._forgotten(), key=lambda file: file.received_at)
        found, patients = 0, Patients.of(self._spool)
        later: list[ReceivedFile] = []
        for file in forgotten:
            if stop.is_set():
                return found
            try:
                found += self._take(file, patients)
            except _NotYet:
                later.append(file)
        self._later = later
        if not later:
            self._ledger.marks.begin(self._spool.set_mark)
        if forgotten:
            what = "ledger and spool were not always together: found what was forgotten"
            logger.warning(what, extra={"instances": found})
        return found

    def _forgotten(self) -> Iterator[ReceivedFile]:
        received = iter(self._spool.received())
        while files := list(islice(received, _AT_ONCE)):
            known = {
                (safe_name(uid), sha256[:DIGEST_LENGTH])
                for uid, sha256 in self._ledger.marks.known({file.uid for file in files})
            }
            yield from (file for file in files if (file.uid, file.digest) not in known)

    def _take(self, file: ReceivedFile, patients: Patients) -> bool:
        """Whether it was forgotten indeed."""
        said = {"path": file.path}
        try:
            content = self._spool.read_verified(file.path, file.digest)
            index = index_of(
                content, file.uid, patients, self._ranking.keywords, corrections=self._corrections
            )
        except (Permanent, SpoolUnreadable) as exc:
            logger.error("a forgotten file is lost", extra=said | {"reason": str(exc)})
            return False
        stored = StoredFile(file.path, hashlib.sha256(content).hexdigest(), len(content))
        instance = index.stored(stored, calling_aet="")
        if self._is_before_its_turn(index.sop_instance_uid, file):
            raise _NotYet(f"{file.path} waits for what came before it")
        acceptance = self._ledger.jobs.found(
            instance, self._pipeline, file.received_at, *self._rank(index)
        )
        if acceptance is None:
            return False
        if acceptance.is_new and index.kind is InstanceKind.OTHER:
            self._ledger.jobs.passed_over(acceptance.job_id, unsupported_class(index.sop_class_uid))
        ids = {"job_id": acceptance.job_id, "sop_instance_uid": index.sop_instance_uid}
        logger.info("found what was forgotten", extra=ids | {"state": acceptance.state})
        return True

    def _rank(self, index: Index) -> tuple[Priority, str]:
        """As when it came, but for who sent it; a crowd does not stand before what comes now."""
        priority, why = self._ranking.of(
            "", index.origin.acquired_at, index.said, MEDIUM, self._ledger.now()
        )
        if priority is Priority.ROUTINE:
            return Priority.LOW, "it was found again"
        return priority, why

    def _is_before_its_turn(self, sop_instance_uid: str, file: ReceivedFile) -> bool:
        """Whether other bytes, which came before these, wait for a worker or are in its hand."""
        return any(
            job.pipeline == self._pipeline
            and job.state in (JobState.RECEIVED, JobState.ANALYZING)
            and not job.sha256.startswith(file.digest)
            and job.received_at < file.received_at
            for job in self._ledger.jobs.of_instance(sop_instance_uid)
        )
