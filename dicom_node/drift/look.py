"""Once a day: compare the week's images with those before, and keep which devices drift.

Beside a worker, where the library that tests is installed; of several one looks for all.
"""

import logging
import random
import threading
import time

from dicom_node.config import AlertsSection
from dicom_node.drift.measures import BEFORE, WEEK
from dicom_node.drift.samples import ALONE, counted
from dicom_node.drift.words import name_of, said_of
from dicom_node.errors import NodeError
from dicom_node.ledger import Drift, Ledger

logger = logging.getLogger(__name__)

#: Seconds between two looks: the false-alarm rate is that of one a day.
EVERY_S = 24 * 3600.0
#: Seconds between two questions whether it is time.
ASK_S = 60.0
#: Seconds after a look that failed.
_REST_S = 3600.0


class DriftLook:
    """Of one worker."""

    def __init__(self, ledger: Ledger, pipeline: str, alerts: AlertsSection) -> None:
        """`pipeline`: what another has found is not compared with what this one finds."""
        self._ledger = ledger
        self._pipeline = pipeline
        self._alerts = alerts

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; nothing that happens ends it."""
        wait_s = ASK_S
        while not stop.wait(wait_s * (0.5 + random.random())):
            wait_s = ASK_S
            try:
                self.look()
            except NodeError as exc:
                logger.warning("could not look for drift", extra={"reason": str(exc)})
            except Exception:
                logger.exception("failed to look for drift")
                wait_s = _REST_S

    def look(self, every_s: float = EVERY_S) -> bool:
        """Unless it is too early, or another has looked; whether this one did."""
        if not self._ledger.drifts.is_due(every_s):
            return False
        began, kept = time.monotonic(), self._ledger.drifts.kept()
        found = self._found(kept)
        if not self._ledger.drifts.keep(found, every_s):
            return False
        held = {one.key for one in kept if one.ended_at is None}
        holds = [one for one in found if one.ended_at is None]
        for one in holds:
            if one.key not in held:
                what = {"device": name_of(one.device), "words": said_of(one)}
                logger.warning("a device drifts", extra=what)
        extra = {"drifts": len(holds), "took_s": round(time.monotonic() - began, 1)}
        logger.info("looked for drift", extra=extra)
        return True

    def _found(self, kept: list[Drift]) -> list[Drift]:
        if not self._alerts.drift_false_alarm_days:
            return []
        # Here: it takes a second and 45 MB, and is wanted once a day.
        from dicom_node.drift.comparing import drifting, references

        examined, now = self._ledger.examinations, self._ledger.now()
        since = min([now - WEEK, *references(kept, now).values()]) - BEFORE - ALONE
        known_since = since if examined.reaches_back_to(since, self._pipeline) else None
        images = counted(examined.since(since, self._pipeline), known_since)
        level = 1 / self._alerts.drift_false_alarm_days
        return drifting(images, kept, now, level, self._alerts.drift_least)
