"""The trial's loop: what was analysed and sent is analysed once more, by another pipeline.

It gives way: nothing is tried while an image waits for results. It is never in anybody's way: what
fails here is noted, and changes nothing of what is sent.
"""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from dicom_node.errors import (
    MemoryUnavailable,
    NodeError,
    OutOfMemory,
    Permanent,
    SpoolUnreadable,
)
from dicom_node.heartbeat import Hand
from dicom_node.ledger import FindingsRecord, Job, Ledger, Said
from dicom_node.spool import Spool
from dicom_node.worker.account import record_of
from dicom_node.worker.memory import as_memory_fault, wait_for_memory
from dicom_node.worker.pictures import sent_masks
from dicom_node.worker.processing import process
from dicom_node.worker.shadow.picture import is_worth_a_look, side_by_side
from dicom_node.worker.spooling import read_received
from inference.analyze import Analysis
from inference.engines import Engine
from inference.pipeline import Settings
from sr_writer.equipment import Equipment

logger = logging.getLogger(__name__)

#: Seconds between two looks for images, where none was there or the ledger was away.
LOOK_S = 5.0
#: Seconds between two looks whether nothing waits any more.
GIVE_WAY_S = 0.5
#: Images that are looked up at once.
_AT_ONCE = 64


class Trial:
    """One pipeline, tried beside another."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        pair: tuple[str, str],
        days: int,
        equipment: Equipment,
        ledger: Ledger,
        spool: Spool,
        hand: Hand,
        looked_at: Callable[[Job, bytes], None] = lambda *_: None,
    ) -> None:
        """`pair`: digests of the pipeline whose results are sent, and of the one that is tried."""
        self._engine, self._settings = engine, settings
        self._leading, self._shadow = pair
        self._within = timedelta(days=days)
        self._equipment = equipment
        self._ledger, self._spool, self._hand = ledger, spool, hand
        self._looked_at = looked_at

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; nothing that happens ends it."""
        while not stop.is_set():
            tried = 0
            try:
                tried = self.round(stop)
            except MemoryUnavailable as exc:
                logger.warning("could not try an image", extra={"reason": str(exc)})
                wait_for_memory(self._engine, stop, self._hand.get_on)
            except NodeError as exc:
                logger.warning("could not try images", extra={"reason": str(exc)})
            except Exception:
                logger.exception("failed to try images")
            if not tried:
                stop.wait(LOOK_S)

    def round(self, stop: threading.Event) -> int:
        """Try what there is to be tried now, the newest first; how many images that was."""
        since = self._ledger.now() - self._within
        tried = 0
        for job_id in self._ledger.shadows.pending(self._leading, self._shadow, since, _AT_ONCE):
            if not self._may_go(stop):
                break
            job = self._ledger.jobs.get(job_id)
            if job is not None and self._ledger.shadows.begin(job_id, self._shadow):
                self._hand.take([job_id])
                try:
                    self._try(job)
                finally:
                    self._hand.let_go(job_id)
                tried += 1
        return tried

    def _may_go(self, stop: threading.Event) -> bool:
        """Once nothing waits for its results; False where `stop` comes first."""
        while not stop.is_set():
            if not self._ledger.shadows.is_due(self._leading):
                return True
            stop.wait(GIVE_WAY_S)
        return False

    def _try(self, job: Job) -> None:
        try:
            content = read_received(self._spool, job)
            self._looked_at(job, content)
            processed = process(
                content, self._engine, self._equipment, job.received_at, self._settings
            )
        except (Permanent, SpoolUnreadable) as exc:
            self._failed(job, str(exc))
            return
        except NodeError:
            raise
        except Exception as exc:
            fault = as_memory_fault(exc, self._engine)
            if isinstance(fault, MemoryUnavailable):
                raise fault from exc
            if not isinstance(fault, OutOfMemory):
                logger.exception("failed to try an image", extra={"job_id": job.id})
            self._failed(job, str(fault) or repr(fault))
            return
        analysis = processed.analysis if processed.results else None
        tried = Said("") if analysis is None else _said(record_of(analysis))
        found = self._ledger.findings.of_job(job.id)
        sent = Said("") if found is None else _said(found)
        differs = is_worth_a_look(sent, tried)
        picture = self._picture(job, analysis) if differs and analysis else None
        self._ledger.shadows.keep(job.id, self._shadow, tried, picture)
        extra = {"job_id": job.id, "sent": sent.decision, "tried": tried.decision or "refused"}
        logger.info("tried", extra=extra)

    def _failed(self, job: Job, reason: str) -> None:
        logger.warning("could not try an image", extra={"job_id": job.id, "reason": reason})
        self._ledger.shadows.failed(job.id, self._shadow, reason)

    def _picture(self, job: Job, analysis: Analysis) -> bytes:
        radiograph = analysis.radiograph
        sent = sent_masks(self._ledger, self._spool, job, radiograph.header)
        return side_by_side(radiograph, sent, analysis.findings)


def _said(found: FindingsRecord) -> Said:
    return Said(found.decision, found.percent_left, found.percent_right, found.percent_both)
