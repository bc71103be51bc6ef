"""The reports of instances that have no result: silence would be read as "nothing found"."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dicom_node.config import Reports
from dicom_node.intake.eligibility import judge
from dicom_node.skipping import Refusal
from dicom_node.worker.processing import read_dataset
from inference.findings import Decision
from inference.pipeline import Pipeline
from sr_writer.equipment import Equipment
from sr_writer.identity import FIRST_ISSUE, Issue
from sr_writer.kinds import Kind
from sr_writer.results import Output
from sr_writer.sr.notice import write_notice


@dataclass(frozen=True, slots=True)
class Notices:
    """Writes them, from the header alone: the pixels may be what broke the analysis."""

    wanted: Reports
    kinds: Sequence[Kind]  #: the reports that the destinations get
    pipeline: Pipeline
    equipment: Equipment

    def failed(
        self, content: bytes, reason: str, created: datetime, issue: Issue = FIRST_ISSUE
    ) -> tuple[Output, ...]:
        """That the analysis of a Part 10 file broke off."""
        if not self.wanted.failed:
            return ()
        return self._write(content, Decision.FAILED, reason, created, issue)

    def not_analysed(
        self, content: bytes, reason: str, created: datetime, issue: Issue = FIRST_ISSUE
    ) -> tuple[Output, ...]:
        """That it is no radiograph we may analyse."""
        if not self.wanted.not_analysed:
            return ()
        return self._write(content, Decision.NOT_ANALYSED, reason, created, issue)

    def _write(
        self, content: bytes, decision: Decision, reason: str, created: datetime, issue: Issue
    ) -> tuple[Output, ...]:
        header = read_dataset(content, header_only=True)
        refusal = judge(header).refusal
        # Who refused it has not failed. What was made from another image, our own overlay when a
        # PACS routes that too, is spoken for by the other's report.
        if refusal is Refusal.DERIVED or (refusal and decision is Decision.FAILED):
            return ()
        uid = str(header.SOPInstanceUID)
        return tuple(
            write_notice(
                header, uid, decision, reason, self.pipeline, self.equipment, created, kind, issue
            )
            for kind in self.kinds
        )
