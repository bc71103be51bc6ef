"""What the ledger keeps of findings, and what the line that closes a job says of it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from dicom_node.ledger import FindingsRecord, JobState
from inference.analyze import Analysis
from inference.findings import Findings

#: Of a job that ends before anything is analysed: looking whether it may be.
EXAMINED = "examine"


class Stages:
    """How long each stage of one job takes, from its beginning."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.durations_ms: dict[str, float] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Also where the stage fails: that is the one somebody will ask about."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.durations_ms[stage] = 1000 * (time.monotonic() - started)

    def analysed(self, durations_ms: Mapping[str, float]) -> None:
        """What was examined has been analysed as well, in these stages."""
        self.durations_ms.pop(EXAMINED, None)
        self.durations_ms |= durations_ms

    def closing(self, outcome: JobState) -> dict[str, object]:
        """For the one line that closes a job, and for no other."""
        return {
            "outcome": outcome.value,
            "durations_ms": {stage: round(ms, 1) for stage, ms in self.durations_ms.items()},
            "total_ms": round(1000 * (time.monotonic() - self._started), 1),
        }


def record_of(analysis: Analysis) -> FindingsRecord:
    findings, gray = analysis.findings, analysis.gray
    return FindingsRecord(
        decision=findings.decision.value,
        reason=findings.reason,
        percent_left=findings.left.infected_percent,
        percent_right=findings.right.infected_percent,
        percent_both=findings.infected_percent,
        cautions=tuple(caution.code for caution in findings.cautions),
        gray_brightness=gray.brightness,
        gray_contrast=gray.contrast,
        gray_sharpness=gray.sharpness,
        strangeness=analysis.strangeness,
    )


def account_of(findings: Findings) -> dict[str, object]:
    return {
        "decision": findings.decision.value,
        "certainty": findings.certainty,
        "infected_percent": findings.infected_percent,
        "cautions": [caution.code for caution in findings.cautions],
    }
