"""Whether a job that ends without results has a report that says so, and what that replaces."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from dicom_node.errors import SpoolUnreadable, Transient
from dicom_node.ledger import Job, Ledger
from dicom_node.spool import Spool
from dicom_node.worker.notices import Notices
from dicom_node.worker.past import Past
from dicom_node.worker.spooling import read_received
from inference.findings import Decision
from sr_writer.identity import Issue
from sr_writer.results import Output

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Telling:
    """Writes a job's notices, once for each reason. Raises Transient where that has to wait."""

    ledger: Ledger
    spool: Spool
    past: Past
    notices: Notices

    def not_analysed(self, job: Job, content: bytes, reason: str) -> tuple[Output, ...]:
        """That it is no radiograph we may analyse; earlier results are taken back."""
        if self.past.is_told(job, reason):
            return ()
        issue = self.past.supersede(job, content, Decision.NOT_ANALYSED)
        write = partial(self.notices.not_analysed, content, reason, job.received_at, issue)
        written = self._try(job, write)
        self.past.withdraw(job, content, Decision.NOT_ANALYSED)
        return written

    def failed(self, job: Job, reason: str, told: str) -> tuple[Output, ...]:
        """That its analysis broke off for `reason`, of which others are `told` so much."""
        if self.past.is_told(job, reason):
            return ()
        return self._try(job, partial(self._failed, job, told))

    def _failed(self, job: Job, told: str) -> tuple[Output, ...]:
        content = read_received(self.spool, job)
        issue = Issue(job.issue)
        # Results of the bytes before stay, unless they lie where this image never belonged.
        if self.past.is_misplaced(job, content):
            issue = self.past.supersede(job, content, Decision.FAILED)
            self.past.withdraw(job, content, Decision.FAILED)
        return self.notices.failed(content, told, job.received_at, issue)

    def _try(self, job: Job, write: Callable[[], tuple[Output, ...]]) -> tuple[Output, ...]:
        """Notices, or none: no fault of theirs may change how the job ends."""
        try:
            # What has already handed over a report cannot say as well that there is none.
            own = self.past.own(job)
            if any(sent.sop_instance_uid in own for sent in self.ledger.deliveries.of_job(job.id)):
                return ()
            return write()
        except SpoolUnreadable as exc:
            logger.warning("could not write a notice", extra={"reason": str(exc)})
            return ()
        except Transient:
            raise
        except Exception as exc:
            logger.warning("could not write a notice", extra={"reason": repr(exc)})
            return ()
