"""Bring back what a crash or an outage left: leases of the dead, ids that no broker carries.

Every process that works or sends sweeps, at its start and again and again; sweeps that meet do no
harm, since the ledger decides. Deliveries need no republishing: the sender itself looks into the
ledger, and an output's id only rings its bell.
"""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from dicom_node.backoff import CAP_S
from dicom_node.errors import BrokerUnavailable, NodeError
from dicom_node.ledger import JobState, Ledger
from dicom_node.ledger.work.workers import LEASE_S
from dicom_node.ops.liveness import dead_owners, forget_owners
from dicom_node.queueing import Kind, Queues
from dicom_node.spool import Spool

logger = logging.getLogger(__name__)

#: How many ids one sweep republishes at most.
BATCH = 500
#: A waiting job whose id was published this long ago may have lost it. Longer than a listener
#: takes from commit to publish, and than a worker from the broker to its claim.
LOST_AFTER = timedelta(seconds=10)
#: Nothing is put off for longer: what is due later still was put off before the clock was set back.
LONGEST_WAIT = timedelta(seconds=CAP_S)
#: For so long a sweeper must have seen the ledger before it may say that a lease has ended: where
#: the ledger was away, or this host slept, the living could not renew theirs either.
STEADY_FOR = timedelta(seconds=LEASE_S)
#: Between two looks. A lease renewed before a longer gap may end in it; after a shorter one there
#: is time left to renew it.
LONGEST_GAP = STEADY_FOR / 2


class Recovery:
    """Frees what the dead held and republishes what waits."""

    def __init__(
        self,
        ledger: Ledger,
        queues: Queues,
        spool: Spool,
        run_folder: Path,
        silent_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`silent_s`: how long ago the ledger last took a beat of this process."""
        self._silent_s = silent_s
        self._ledger = ledger
        self._queues = queues
        self._spool = spool
        self._run_folder = run_folder  #: where the owners of this host have their locks
        now = ledger.now()
        self._looked_at = now  #: when the ledger last answered
        self._steady_since = now  #: it has done so again and again since

    def run(self, stop: threading.Event, interval_s: float) -> None:
        """Sweep every `interval_s` until `stop`."""
        while not stop.wait(interval_s):
            try:
                self.sweep()
            except NodeError as exc:
                logger.warning("could not sweep", extra={"reason": str(exc)})
            except Exception:
                # Without sweeps a crash elsewhere would strand jobs: go on, whatever this was.
                logger.exception("failed to sweep")

    def sweep(self) -> None:
        """Do it all once; raises LedgerUnavailable or SpoolUnavailable."""
        self._free_leases()
        if waited := self._ledger.jobs.wait_no_longer_than(LONGEST_WAIT):
            logger.warning("the clock was set back: made due", extra={"jobs": waited})
        self._republish()
        leftovers = self._spool.remove_leftovers(self._ledger.now())
        if leftovers:
            logger.info("removed what a crash left in the spool", extra={"files": leftovers})

    def _free_leases(self) -> None:
        dead = dead_owners(self._run_folder)
        jobs = self._ledger.jobs.free_of(dead)
        deliveries = self._ledger.deliveries.free_of(dead)
        if self._may_judge():
            jobs += self._ledger.jobs.free_expired()
            deliveries += self._ledger.deliveries.free_expired()
        self._ledger.inquiries.free_of(dead)
        self._ledger.workers.leave(dead)
        self._ledger.workers.forget_vanished()
        self._looked_at = self._ledger.now()
        # Last: had the ledger been away, the next sweep must find them again.
        forget_owners(self._run_folder, dead)
        if jobs or deliveries or dead:
            extra = {"owners": dead, "job_ids": jobs, "delivery_ids": deliveries}
            logger.warning("freed leases", extra=extra)
        for job in filter(None, map(self._ledger.jobs.get, jobs)):
            if job.state is JobState.FAILED:
                uid = {"job_id": job.id, "sop_instance_uid": job.sop_instance_uid}
                said = {"outcome": job.state.value, "reason": job.reason}
                logger.error("failed for good", extra=uid | said)

    def _may_judge(self) -> bool:
        """Whether the ledger was there to be told for as long as a lease lasts.

        A clock that is set, in either direction, counts as a gap too; and so does a ledger that can
        only be read, since it is read-only or locked by another: it takes nobody's beat, nor ours.
        """
        now = self._ledger.now()
        is_told = timedelta(seconds=self._silent_s()) <= LONGEST_GAP
        if not (is_told and timedelta() <= now - self._looked_at <= LONGEST_GAP):
            self._steady_since = now
        return now - self._steady_since >= STEADY_FOR

    def _republish(self) -> None:
        """Hand the broker as many ids as it lacks, so that a long outage cannot flood it."""
        # In this order: what arrives in between makes it too few, which the next sweep mends.
        for pipeline, waiting in self._ledger.jobs.count_waiting().items():
            self._republish_of(pipeline, waiting)

    def _republish_of(self, pipeline: str, waiting: int) -> None:
        published: list[int] = []
        try:
            lacking = waiting - self._queues.depth(Kind.JOB, pipeline)
            if lacking <= 0:
                return
            not_since = self._ledger.now() - LOST_AFTER
            for job_id in self._ledger.jobs.waiting(pipeline, min(lacking, BATCH), not_since):
                self._queues.publish(Kind.JOB, job_id, pipeline)
                published.append(job_id)
        except BrokerUnavailable as exc:
            extra = {"reason": str(exc), "waiting": waiting}
            logger.warning("could not republish; the next sweep will try", extra=extra)
        if published:
            self._ledger.jobs.mark_published(published)
            logger.info("republished", extra={"job_ids": published})
