"""The job loop: what the ledger gives and gets, around what is done in memory."""

import itertools
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from traceback import format_exception
from typing import TypeVar

from dicom_node.config import AnyDestination, CorrectionsSection, PriorsSection, Reports
from dicom_node.errors import (
    UNKNOWN_TRIES,
    BrokerUnavailable,
    MemoryUnavailable,
    NodeError,
    Transient,
    WorkerDied,
    is_retriable,
)
from dicom_node.heartbeat import Heartbeat
from dicom_node.intake.correction import SEGMENTATION
from dicom_node.ledger import (
    BuiltOutput,
    FindingsRecord,
    Job,
    JobState,
    LeaseLost,
    Ledger,
    Route,
    Turns,
)
from dicom_node.ledger.watching.counting import steps_words
from dicom_node.ledger.work.workers import LEASE_S
from dicom_node.logs import bound
from dicom_node.queueing import Kind, Queues, Received
from dicom_node.spool import Spool
from dicom_node.worker.account import EXAMINED, Stages, account_of, record_of
from dicom_node.worker.corrections import Corrections
from dicom_node.worker.key_objects import judged, obey, rejection_of
from dicom_node.worker.memory import as_memory_fault, wait_for_memory
from dicom_node.worker.notices import Notices
from dicom_node.worker.past import Past
from dicom_node.worker.pictures import Pictures
from dicom_node.worker.priors import Priors
from dicom_node.worker.processing import process
from dicom_node.worker.retrying import retry_of
from dicom_node.worker.spooling import read_received, spool_output
from dicom_node.worker.steps import Steps
from dicom_node.worker.telling import Telling
from dicom_node.worker.waiting import AWAY_WAIT_S, once_there
from inference.engines import Engine
from inference.pipeline import Pipeline, Settings
from sr_writer.equipment import Equipment
from sr_writer.identity import results_digest
from sr_writer.kind import in_all_languages
from sr_writer.kinds import KINDS
from sr_writer.kinds import Kind as OutputKind
from sr_writer.results import Output

logger = logging.getLogger(__name__)

_Had = TypeVar("_Had")


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
        turns: Turns | None = None,
        looked_at: Callable[[Job, bytes], None] = lambda *_: None,
        priors: PriorsSection = PriorsSection(),  # noqa: B008 - frozen
        corrections: CorrectionsSection = CorrectionsSection(),  # noqa: B008 - frozen
    ) -> None:
        """`looked_at`: told of each image that is analysed."""
        profiles = [destination.profile for destination in destinations]
        # All, since what was sent before may have been in another language than is spoken now.
        kinds = in_all_languages(kinds)
        sent = {role for profile in profiles for role in profile.built}
        saying_so = [kind for kind in kinds if kind.is_report and kind.role in sent]
        pipeline = Pipeline(engine.models, settings)
        self._engine = engine
        self._settings = settings
        self._pipeline = results_digest(pipeline)  #: the one whose jobs it does
        self._equipment = equipment
        self._kinds = kinds
        self._routes = [
            Route(to.name, to.profile.outputs, to.profile.reserves, to.silent)
            for to in destinations
        ]
        self._steps = Steps(profiles, kinds, self._routes, ledger)
        self._spool = spool
        self._ledger = ledger
        self._queues = queues
        self._turns = turns or Turns()
        self._looked_at = looked_at
        self._owner = heartbeat.owner
        self._hand = heartbeat.jobs()
        self._corrections = Corrections(
            ledger, spool, corrections, equipment, kinds, destinations, self._owner
        )
        self._was_lost = False  #: the answer to the last claim, at first
        noted = [to.name for to in destinations if to.profile.rejection_notes]
        self._stop = threading.Event()
        self._priors = Priors(ledger, spool, priors)
        self._past = Past(
            ledger, spool, pipeline, equipment, self._owner, kinds, noted, self._announce,
            self._priors,
        )  # fmt: skip
        self._pictures = Pictures(ledger, spool)
        notices = Notices(reports, saying_so, pipeline, equipment)
        self._telling = Telling(ledger, spool, self._past, notices)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`; the job in hand is finished first."""
        self._stop = stop
        self._queues.consume(Kind.JOB, self.handle, stop, self._pipeline)

    def handle(self, received: Received) -> None:
        """Do the job whose turn it is; when this returns, the ledger knows what became of it.

        Whose id came does not matter: as many come as jobs wait, and each rings once. One may come
        again because the connection of a worker broke that is alive: what that one holds is nobody
        else's turn.
        """
        job = self._claim_next()
        if job is None:
            extra = {"job_id": received.id, "redelivered": received.redelivered}
            logger.info("had nothing to do", extra=extra)
            return
        self._hand.take([job.id])
        with bound(**_ids(job)):
            try:
                self._do_or_give_back(job, Stages())
            except LeaseLost:
                logger.warning("lost the lease")
                self._once_there(partial(self._ledger.jobs.outlived, job.id, self._owner))
            finally:
                self._hand.let_go(job.id)

    def _claim_next(self) -> Job | None:
        """None where nothing waits."""
        tries, was_lost = itertools.count(), self._was_lost

        def claim() -> Job | None:
            # After the first try the ledger was away: it may have given us one, and we not know.
            return self._ledger.jobs.claim_next(
                self._pipeline, self._owner, LEASE_S, self._turns,
                is_repeated=next(tries) > 0 or was_lost,
            )  # fmt: skip

        job = self._once_there(claim)
        # A server that was frozen may do what it was asked first only after what it was asked then.
        self._was_lost = next(tries) > 1
        return job

    def _do_or_give_back(self, job: Job, stages: Stages) -> None:
        try:
            self._do(job, stages)
        except LeaseLost:
            raise
        except Exception as exc:
            self._give_back(job, stages, exc)

    def _do(self, job: Job, stages: Stages) -> None:
        if job.deaths >= UNKNOWN_TRIES:
            raise WorkerDied(f"the worker died {job.deaths} times while analysing it")
        with stages.timed("read"):
            content = read_received(self._spool, job)
        self._hand.get_on()
        if verdict := judged(self._ledger, job, content, self._corrections.section):
            self._hand_over(job, (), partial(self._ledger.handover.skipped, reason=verdict))
            extra = stages.closing(JobState.SKIPPED) | {"reason": verdict}
            logger.info("took a key object on results", extra=extra)
            return
        if rejection := rejection_of(job, content):
            outcome, known = obey(self._ledger, self._past, job, rejection)
            extra = stages.closing(outcome) | {"reason": rejection.reason, "of": known}
            logger.warning("obeyed a rejection note", extra=extra)
            return
        if self._corrections.section.accept and job.sop_class_uid == SEGMENTATION:
            self._correct(job, content, stages)
            return
        if noted := self._past.nothing_new(job, content):
            self._ledger.issues.unchanged(job, self._owner, noted)
            closing = stages.closing(JobState.BUILT) | {"reason": noted}
            logger.info("found nothing new", extra=closing)
            return
        with stages.timed(EXAMINED):
            processed = process(
                content, self._engine, self._equipment, job.received_at, self._settings,
                partial(self._past.supersede, job, content), self._kinds, job.overridden,
                partial(self._pictures.of, job),
            )  # fmt: skip
        if processed.results is None or processed.analysis is None:
            self._skip(job, content, processed.verdict.reason, stages)
            return
        self._hand.get_on()
        self._looked_at(job, content)
        findings = processed.analysis.findings
        stages.analysed(findings.durations_ms)
        if self._priors.is_unsent(job):
            self._keep(job, record_of(processed.analysis), stages)
            logger.info("analysed", extra=account_of(findings) | stages.closing(JobState.BUILT))
            return
        for step, is_last in self._steps.of(job.id):
            commit: Callable[..., list[int]] = self._ledger.handover.handed_over
            with stages.timed(step.name):
                built = self._spool_outputs(processed.write(step.roles))
            if is_last:
                # Once its report has left, and before it counts as done.
                self._once_there(partial(self._priors.ask, job))
                if self._past.may_withdraw(job):
                    # What takes a place is on its way before what had it is taken back.
                    self._commit(job, built, commit)
                    built = []
                    self._past.withdraw(job, content)
                commit = partial(
                    self._ledger.handover.built,
                    findings=record_of(processed.analysis),
                    detail=steps_words(stages.durations_ms),
                    with_stand_ins=self._steps.are_all_done(step),
                )
            # The sender is at work on it while the next is built.
            self._commit(job, built, commit)
        if not job.overridden:
            self._once_there(partial(self._priors.analysed, job))
        logger.info("analysed", extra=account_of(findings) | stages.closing(JobState.BUILT))

    def _keep(self, job: Job, findings: FindingsRecord, stages: Stages) -> None:
        """What was found, for others to be compared with: nothing is built, or sent."""
        detail = steps_words(stages.durations_ms)
        built = partial(self._ledger.handover.built, findings=findings, detail=detail)
        self._commit(job, [], built, routes=())
        self._once_there(partial(self._priors.analysed, job))

    def _skip(self, job: Job, content: bytes, reason: str, stages: Stages) -> None:
        is_told = not self._priors.is_unsent(job)
        notices = self._telling.not_analysed(job, content, reason) if is_told else ()
        with stages.timed("notices"):
            self._hand_over(job, notices, partial(self._ledger.handover.skipped, reason=reason))
        logger.info("skipped", extra=stages.closing(JobState.SKIPPED) | {"reason": reason})

    def _correct(self, job: Job, content: bytes, stages: Stages) -> None:
        """Keep what a reader has drawn, and report on it where that is asked for."""
        with stages.timed(EXAMINED):
            taken = self._corrections.take(job, content)
        end = self._ledger.handover
        outcome = JobState.BUILT if taken.results else JobState.SKIPPED
        commit = end.built if taken.results else partial(end.skipped, reason=taken.reason)
        routes = self._corrections.routes(self._routes, taken)
        self._commit(job, self._spool_outputs(taken.results), commit, routes)
        extra = stages.closing(outcome) | {"reason": taken.reason}
        logger.info("took a reader's segmentation", extra=extra)

    def _hand_over(
        self, job: Job, outputs: Sequence[Output], commit: Callable[..., list[int]]
    ) -> None:
        """Spool them, `commit` them to the ledger, ring the sender's bell."""
        self._commit(job, self._spool_outputs(outputs), commit)

    def _spool_outputs(self, outputs: Sequence[Output]) -> list[BuiltOutput]:
        # Side by side: most of it is waiting for the disk.
        with ThreadPoolExecutor(max(1, len(outputs))) as pool:
            keep = partial(spool_output, self._spool)
            return self._once_there(lambda: list(pool.map(keep, outputs)))

    def _commit(
        self,
        job: Job,
        built: Sequence[BuiltOutput],
        commit: Callable[..., list[int]],
        routes: Sequence[Route] | None = None,
    ) -> None:
        """`routes`: default: to every destination what its profile says."""
        to = self._routes if routes is None else routes
        give = partial(commit, job.id, self._owner, built=built, routes=to)
        self._announce(self._once_there(give))
        self._hand.get_on()

    def _once_there(self, use: Callable[[], _Had]) -> _Had:
        # It waits, and does not hang.
        return once_there(use, self._stop, on_wait=self._hand.get_on)

    def _announce(self, output_ids: Sequence[int]) -> None:
        for output_id in output_ids:
            try:
                self._queues.publish(Kind.OUTPUT, output_id)
            except BrokerUnavailable as exc:
                # The sender looks into the ledger anyway.
                logger.warning("could not publish", extra={"reason": str(exc)})
                return

    def _give_back(self, job: Job, stages: Stages, error: Exception) -> None:
        """The boundary of the job loop: the error's class is the policy (see errors.py)."""
        error = as_memory_fault(error, self._engine)
        reason = str(error) if isinstance(error, NodeError) else f"unexpected {error!r}"
        if is_retriable(error, job.attempts):
            self._release(job, error, reason)
            return
        try:
            self._fail(job, stages, error, reason)
        except Transient as exc:
            self._release(job, exc, str(exc))

    def _fail(self, job: Job, stages: Stages, error: Exception, reason: str) -> None:
        known = isinstance(error, NodeError)
        told = reason if known else f"an unexpected error ({type(error).__name__})"
        is_told = not self._priors.is_unsent(job)
        notices = self._telling.failed(job, reason, told) if is_told else ()
        trace = "".join(format_exception(error))
        failed = partial(self._ledger.handover.failed, reason=reason, detail=trace)
        with stages.timed("notices"):
            self._hand_over(job, notices, failed)
        closing = stages.closing(JobState.FAILED) | {"reason": reason}
        logger.error("failed for good", extra=closing, exc_info=None if known else error)

    def _release(self, job: Job, error: Exception, reason: str) -> None:
        retry = retry_of(error, job.attempts, reason)
        logger.warning("will try again", extra=retry.extra)

        def release() -> None:
            self._ledger.jobs.released(
                job.id, self._owner, retry.reason, retry.due_at(self._ledger.now()),
                is_try=retry.is_try,
            )  # fmt: skip

        self._once_there(release)
        # The next one would fare no better.
        if isinstance(error, MemoryUnavailable):
            wait_for_memory(self._engine, self._stop, self._hand.get_on)
        elif not retry.is_try:
            self._stop.wait(AWAY_WAIT_S)


def _ids(job: Job) -> dict[str, object]:
    return {"job_id": job.id, "sop_instance_uid": job.sop_instance_uid, "attempt": job.attempts}
