"""The job loop: what the ledger gives and gets, around what is done in memory."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from traceback import format_exception
from typing import TypeVar

from dicom_node.backoff import backoff_s
from dicom_node.config import AnyDestination, Reports
from dicom_node.config.profiles import steps
from dicom_node.errors import (
    UNKNOWN_TRIES,
    BrokerUnavailable,
    DamagedInSpool,
    LedgerUnavailable,
    NodeError,
    Transient,
    WorkerDied,
    is_retriable,
)
from dicom_node.heartbeat import Heartbeat
from dicom_node.intake.rejection import EXPIRED, KEY_OBJECT_SELECTION, Rejection, read_rejection
from dicom_node.ledger import FindingsRecord, Job, LeaseLost, Ledger, Route
from dicom_node.ledger.work.workers import LEASE_S
from dicom_node.queueing import Kind, Queues, Received
from dicom_node.spool import Spool
from dicom_node.worker.notices import Notices
from dicom_node.worker.past import Past
from dicom_node.worker.processing import process, read_dataset
from dicom_node.worker.spooling import spool_output
from inference.engines import Engine
from inference.findings import Decision, Findings
from inference.pipeline import Pipeline, Settings
from sr_writer.equipment import Equipment
from sr_writer.identity import Issue, results_digest
from sr_writer.kinds import KINDS
from sr_writer.kinds import Kind as OutputKind
from sr_writer.results import Output

logger = logging.getLogger(__name__)

#: Seconds between two tries to tell the ledger what was done, while it is away.
LEDGER_WAIT_S = 1.0

_Told = TypeVar("_Told")


class Worker:
    """Runs one job at a time until told to stop."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        equipment: Equipment,
        destinations: Sequence[AnyDestination],
        reports: Reports,
        spool: Spool,
        ledger: Ledger,
        queues: Queues,
        heartbeat: Heartbeat,
        kinds: Sequence[OutputKind] = KINDS,
    ) -> None:
        profiles = [destination.profile for destination in destinations]
        sent = {role for profile in profiles for role in profile.built}
        saying_so = [kind for kind in kinds if kind.is_report and kind.role in sent]
        pipeline = Pipeline(engine.models, settings)
        self._engine = engine
        self._settings = settings
        self._pipeline = results_digest(pipeline)  #: the one whose jobs it does
        self._equipment = equipment
        self._kinds = kinds
        self._steps = steps(profiles, kinds)
        self._routes = [
            Route(to.name, to.profile.outputs, to.profile.reserves) for to in destinations
        ]
        self._notices = Notices(reports, saying_so, pipeline, equipment)
        self._spool = spool
        self._ledger = ledger
        self._queues = queues
        self._owner = heartbeat.owner
        self._hand = heartbeat.jobs()
        noted = [to.name for to in destinations if to.profile.rejection_notes]
        self._stop = threading.Event()
        self._past = Past(
            ledger, spool, pipeline, equipment, self._owner, kinds, noted, self._announce
        )  # fmt: skip

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`; the job in hand is finished first."""
        self._stop = stop
        self._queues.consume(Kind.JOB, self.handle, stop, self._pipeline)

    def handle(self, received: Received) -> None:
        """Do one job; when this returns, the ledger knows what became of it."""
        # An id may come again because the connection of a worker broke that is alive: where its job
        # is held, the ledger's word that the holder is dead is waited for.
        job = self._ledger.jobs.claim(received.id, self._pipeline, self._owner, LEASE_S)
        if job is None:
            extra = {"job_id": received.id, "redelivered": received.redelivered}
            logger.info("had nothing to do", extra=extra)
            return
        self._hand.take([job.id])
        try:
            self._do_or_give_back(job)
        except LeaseLost:
            logger.warning("lost the lease", extra=_ids(job))
            self._tell(partial(self._ledger.jobs.outlived, job.id, self._owner))
        finally:
            self._hand.let_go(job.id)

    def _do_or_give_back(self, job: Job) -> None:
        try:
            self._do(job)
        except LeaseLost:
            raise
        except Exception as exc:
            self._give_back(job, exc)

    def _do(self, job: Job) -> None:
        if job.deaths >= UNKNOWN_TRIES:
            raise WorkerDied(f"the worker died {job.deaths} times while analysing it")
        started = time.monotonic()
        durations_ms: dict[str, float] = {}
        with _timed(durations_ms, "read"):
            content = self._read_received(job)
        self._hand.get_on()
        if rejection := _rejection(job, content):
            self._reject(job, rejection)
            return
        if noted := self._past.nothing_new(job, content):
            self._ledger.issues.unchanged(job, self._owner, noted)
            logger.info("found nothing new", extra=_ids(job) | {"reason": noted})
            return
        processed = process(
            content, self._engine, self._equipment, job.received_at, self._settings,
            partial(self._past.supersede, job, content), self._kinds,
        )  # fmt: skip
        if processed.results is None or processed.analysis is None:
            self._skip(job, content, processed.verdict.reason)
            return
        self._hand.get_on()
        findings = processed.analysis.findings
        durations_ms |= findings.durations_ms
        for step in self._steps:
            commit: Callable[..., list[int]] = self._ledger.handover.handed_over
            if step is self._steps[-1]:
                self._past.withdraw(job, content)
                commit = partial(self._ledger.handover.built, findings=_record(findings))
            with _timed(durations_ms, step.name):
                # The sender is at work on it while the next is built.
                self._hand_over(job, processed.write(step.roles), commit)
        total_ms = 1000 * (time.monotonic() - started)
        logger.info("analysed", extra=_ids(job) | _account(findings, durations_ms, total_ms))

    def _skip(self, job: Job, content: bytes, reason: str) -> None:
        notices: tuple[Output, ...] = ()
        if not self._past.is_told(job, reason):
            issue = self._past.supersede(job, content, Decision.NOT_ANALYSED)
            write = partial(self._notices.not_analysed, content, reason, job.received_at, issue)
            notices = self._try_to_write(job, write)
            self._past.withdraw(job, content, Decision.NOT_ANALYSED)
        self._hand_over(job, notices, partial(self._ledger.handover.skipped, reason=reason))
        logger.info("skipped", extra=_ids(job) | {"reason": reason})

    def _reject(self, job: Job, rejection: Rejection) -> None:
        """Stop what has not left of the images that a rejection note names, take back the rest."""
        uids, reason = rejection.sop_instance_uids, rejection.reason
        rejected, leaving = self._ledger.rejections.rejected(
            job, self._owner, uids, rejection.title, reason
        )
        if leaving:
            raise Transient(f"{leaving} results of what is rejected are just being sent")
        if rejection.title != EXPIRED:
            for image in filter(None, map(self._ledger.jobs.get, rejected)):
                arrived = self._ledger.issues.earlier(image.id, ()).arrived
                said = "The image that these results were made from was rejected."
                self._past.take_back(job, image, arrived, rejection.title, said)
        known = f"{len(rejected)} of {len(uids)} instances it names were received"
        if self._ledger.deliveries.of_job(job.id):
            self._ledger.handover.built(job.id, self._owner, [], [])
        else:
            self._ledger.handover.skipped(job.id, self._owner, f"a rejection note ({known})")
        logger.warning("obeyed a rejection note", extra=_ids(job) | {"reason": reason, "of": known})

    def _read_received(self, job: Job) -> bytes:
        try:
            return self._spool.read_verified(job.path, job.sha256)
        except DamagedInSpool as exc:
            reason = (
                f"{job.sop_instance_uid}: the received file is lost: {exc}; send the image again"
            )
            raise DamagedInSpool(reason) from exc

    def _hand_over(
        self, job: Job, outputs: Sequence[Output], commit: Callable[..., list[int]]
    ) -> None:
        """Spool them, `commit` them to the ledger, ring the sender's bell."""
        # Side by side: most of it is waiting for the disk.
        with ThreadPoolExecutor(max(1, len(outputs))) as pool:
            built = list(pool.map(partial(spool_output, self._spool), outputs))
        give = partial(commit, job.id, self._owner, built=built, routes=self._routes)
        self._announce(self._tell(give))
        self._hand.get_on()

    def _tell(self, report: Callable[[], _Told]) -> _Told:
        """Tell the ledger, as soon as it is there: in an outage what was done is not done again.

        Raises LedgerUnavailable where `stop` comes first.
        """
        while True:
            try:
                return report()
            except LedgerUnavailable as exc:
                logger.warning("waits for the ledger", extra={"reason": str(exc)})
                if self._stop.wait(LEDGER_WAIT_S):
                    raise

    def _announce(self, output_ids: Sequence[int]) -> None:
        for output_id in output_ids:
            try:
                self._queues.publish(Kind.OUTPUT, output_id)
            except BrokerUnavailable as exc:
                # The sender looks into the ledger anyway.
                logger.warning("could not publish", extra={"reason": str(exc)})
                return

    def _give_back(self, job: Job, error: Exception) -> None:
        """The boundary of the job loop: the error's class is the policy (see errors.py)."""
        reason = str(error) if isinstance(error, NodeError) else f"unexpected {error!r}"
        if is_retriable(error, job.attempts):
            self._release(job, reason)
            return
        try:
            self._fail(job, error, reason)
        except Transient as exc:
            self._release(job, str(exc))

    def _fail(self, job: Job, error: Exception, reason: str) -> None:
        known = isinstance(error, NodeError)
        told = reason if known else f"an unexpected error ({type(error).__name__})"
        notices: tuple[Output, ...] = ()
        if not self._past.is_told(job, reason):
            notices = self._try_to_write(job, partial(self._failure_notices, job, told))
        trace = "".join(format_exception(error))
        self._hand_over(
            job, notices, partial(self._ledger.handover.failed, reason=reason, detail=trace)
        )
        exc_info = None if known else error
        logger.error("failed for good", extra=_ids(job) | {"reason": reason}, exc_info=exc_info)

    def _release(self, job: Job, reason: str) -> None:
        wait_s = backoff_s(job.attempts, random.random())
        logger.warning("will try again", extra=_ids(job) | {"reason": reason, "in_s": wait_s})

        def release() -> None:
            retry_at = self._ledger.now() + timedelta(seconds=wait_s)
            self._ledger.jobs.released(job.id, self._owner, reason, retry_at)

        self._tell(release)

    def _failure_notices(self, job: Job, reason: str) -> tuple[Output, ...]:
        content = self._read_received(job)
        issue = Issue(job.issue)
        # Results of the bytes before stay, unless they lie where this image never belonged.
        if self._past.is_misplaced(job, content):
            issue = self._past.supersede(job, content, Decision.FAILED)
            self._past.withdraw(job, content, Decision.FAILED)
        return self._notices.failed(content, reason, job.received_at, issue)

    def _try_to_write(
        self, job: Job, write: Callable[[], tuple[Output, ...]]
    ) -> tuple[Output, ...]:
        """Notices, or none: no fault of theirs may change how the job ends. Raises Transient."""
        try:
            # What has already handed over a report cannot say as well that there is none.
            own = self._past.own(job)
            if any(sent.sop_instance_uid in own for sent in self._ledger.deliveries.of_job(job.id)):
                return ()
            return write()
        except Transient:
            raise
        except Exception as exc:
            logger.warning("could not write a notice", extra=_ids(job) | {"reason": repr(exc)})
            return ()


def _rejection(job: Job, content: bytes) -> Rejection | None:
    """What the job's instance rejects, if it is a rejection note."""
    if job.sop_class_uid != KEY_OBJECT_SELECTION:
        return None
    return read_rejection(read_dataset(content))


@contextmanager
def _timed(durations_ms: dict[str, float], stage: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    durations_ms[stage] = 1000 * (time.monotonic() - started)


def _record(findings: Findings) -> FindingsRecord:
    return FindingsRecord(
        decision=findings.decision.value,
        reason=findings.reason,
        percent_left=findings.left.infected_percent,
        percent_right=findings.right.infected_percent,
        percent_both=findings.infected_percent,
        cautions=tuple(caution.code for caution in findings.cautions),
    )


def _account(
    findings: Findings, durations_ms: dict[str, float], total_ms: float
) -> dict[str, object]:
    return {
        "decision": findings.decision.value,
        "infected_percent": findings.infected_percent,
        "cautions": [caution.code for caution in findings.cautions],
        "durations_ms": {stage: round(ms, 1) for stage, ms in durations_ms.items()},
        "total_ms": round(total_ms, 1),
    }


def _ids(job: Job) -> dict[str, object]:
    return {"job_id": job.id, "sop_instance_uid": job.sop_instance_uid, "attempt": job.attempts}
