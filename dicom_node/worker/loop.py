"""Claim a job, analyse its radiograph, build the results, hand them over.

The only module that joins the three packages. `process` is the whole of the work on one instance
and touches nothing but memory; `Worker` puts ledger, spool and queue around it.
"""

import hashlib
import logging
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from traceback import format_exception

from pydicom import Dataset, dcmread

from dicom_node.backoff import backoff_s
from dicom_node.config import Destination
from dicom_node.eligibility import Refusal, Verdict, judge
from dicom_node.errors import (
    BrokerUnavailable,
    InvalidResult,
    NodeError,
    NotDicom,
    Permanent,
    SpoolUnavailable,
    Undecodable,
    is_retriable,
)
from dicom_node.ledger import BuiltOutput, Job, LeaseLost, Ledger
from dicom_node.queueing import Kind, Queues, Received
from dicom_node.spool import Spool
from inference.analyze import Analysis, analyze
from inference.decode import UndecodableImage
from inference.engines import Engine
from sr_writer.identity import Equipment
from sr_writer.results import Output, write_results
from sr_writer.verify import InvalidResult as InvalidDicomResult

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Processed:
    """What became of one instance: results, or the verdict that refused it."""

    sop_instance_uid: str
    verdict: Verdict
    analysis: Analysis | None  #: None where the header already refused
    outputs: tuple[Output, ...]  #: empty where the instance is refused
    build_ms: float = 0.0  #: what building and verifying the outputs took


def process(content: bytes, engine: Engine, equipment: Equipment, created: datetime) -> Processed:
    """One Part 10 file to its results; raises Permanent where that cannot be done.

    `created` becomes the results' content date and time, so that a retry builds the same bytes.
    """
    dataset = _read(content)
    uid = str(dataset.get("SOPInstanceUID") or "")
    if not uid:
        raise NotDicom("the data set has no SOP Instance UID")
    verdict = judge(dataset)
    if verdict.refusal is not None:
        return Processed(uid, verdict, None, ())
    try:
        analysis = analyze(dataset, engine)
    except UndecodableImage as exc:
        raise Undecodable(str(exc)) from exc
    findings = analysis.findings
    lung_pixels = findings.left.lung_pixels + findings.right.lung_pixels
    if not lung_pixels and not verdict.says_chest:
        refused = Verdict(Refusal.NO_LUNGS, findings.reason, says_chest=False)
        return Processed(uid, refused, analysis, ())
    started = time.monotonic()
    try:
        outputs = write_results(
            analysis.radiograph.header, findings, analysis.radiograph.pixels, equipment, created
        )
    except InvalidDicomResult as exc:
        raise InvalidResult(str(exc)) from exc
    return Processed(uid, verdict, analysis, outputs, 1000 * (time.monotonic() - started))


def spool_output(spool: Spool, output: Output) -> BuiltOutput:
    """Keep one result; what the ledger is to know of it."""
    stored = spool.store_output(output.sop_instance_uid, output.content)
    return BuiltOutput(
        role=output.role.value,
        sop_class_uid=output.sop_class_uid,
        sop_instance_uid=output.sop_instance_uid,
        series_instance_uid=output.series_instance_uid,
        transfer_syntax_uid=output.transfer_syntax_uid,
        path=stored.path,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
    )


class Worker:
    """Runs one job at a time until told to stop."""

    def __init__(
        self,
        engine: Engine,
        equipment: Equipment,
        destinations: Sequence[Destination],
        spool: Spool,
        ledger: Ledger,
        queues: Queues,
        owner: str,
        lease_s: float,
    ) -> None:
        self._engine = engine
        self._equipment = equipment
        self._destinations = [destination.name for destination in destinations]
        self._spool = spool
        self._ledger = ledger
        self._queues = queues
        self._owner = owner
        self._lease_s = lease_s

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`; the job in hand is finished first."""
        self._queues.consume(Kind.JOB, self.handle, stop)

    def handle(self, received: Received) -> None:
        """Do one job; when this returns, the ledger knows what became of it."""
        # A redelivered message means the broker saw its holder vanish: do not wait for its lease.
        job = self._ledger.claim_job(
            received.id, self._owner, self._lease_s, steal=received.redelivered
        )
        if job is None:
            logger.info("had nothing to do", extra={"job_id": received.id})
            return
        started = time.monotonic()
        try:
            output_ids = self._do(job, started)
        except LeaseLost:
            logger.warning("lost the lease", extra=_ids(job))
        except Exception as exc:
            self._give_back(job, exc)
        else:
            self._announce(output_ids)

    def _do(self, job: Job, started: float) -> list[int]:
        content = self._read_received(job)
        read_ms = 1000 * (time.monotonic() - started)
        processed = process(content, self._engine, self._equipment, job.received_at)
        if not processed.outputs:
            self._ledger.skipped(job.id, self._owner, processed.verdict.reason)
            logger.info("skipped", extra=_ids(job) | {"reason": processed.verdict.reason})
            return []
        assert processed.analysis is not None
        built_at = time.monotonic()
        # Side by side: most of it is waiting for the disk.
        with ThreadPoolExecutor(len(processed.outputs)) as pool:
            outputs = list(pool.map(partial(spool_output, self._spool), processed.outputs))
        output_ids = self._ledger.built(job.id, self._owner, outputs, self._destinations)
        findings = processed.analysis.findings
        committed_ms = 1000 * (time.monotonic() - built_at)
        durations_ms = {
            "read": read_ms,
            **findings.durations_ms,
            "build": processed.build_ms,
            "spool_and_commit": committed_ms,
        }
        extra = {
            "decision": findings.decision.value,
            "infected_percent": findings.infected_percent,
            "cautions": [caution.code for caution in findings.cautions],
            "durations_ms": {stage: round(ms, 1) for stage, ms in durations_ms.items()},
            "total_ms": round(1000 * (time.monotonic() - started), 1),
        }
        logger.info("analysed", extra=_ids(job) | extra)
        return output_ids

    def _read_received(self, job: Job) -> bytes:
        content = self._spool.read(job.path)
        if hashlib.sha256(content).hexdigest() != job.sha256:
            raise SpoolUnavailable(
                f"{job.sop_instance_uid}: {job.path} is not what was received (SHA-256 differs)"
            )
        return content

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
            wait_s = backoff_s(job.attempts, random.random())
            logger.warning("will try again", extra=_ids(job) | {"reason": reason, "in_s": wait_s})
            retry_at = datetime.now(UTC) + timedelta(seconds=wait_s)
            self._ledger.released(job.id, self._owner, reason, retry_at)
            return
        known = isinstance(error, Permanent)
        logger.error("failed for good", extra=_ids(job) | {"reason": reason}, exc_info=not known)
        self._ledger.failed(job.id, self._owner, reason, "".join(format_exception(error)))


def _read(content: bytes) -> Dataset:
    try:
        return dcmread(BytesIO(content))
    except Exception as exc:
        # pydicom raises a dozen unrelated types on bytes that are no data set.
        raise NotDicom(f"no readable DICOM data set ({exc})") from exc


def _ids(job: Job) -> dict[str, object]:
    return {"job_id": job.id, "sop_instance_uid": job.sop_instance_uid, "attempt": job.attempts}
