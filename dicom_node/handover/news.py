"""What there is to tell of a report: that it is there, corrects an earlier one, or is taken back.

A rejection note of ours (IHE IOCM) names the reports that it takes back. What a receiver was told
of them stands in these reports themselves, so they are read again: it is withdrawn under the same
patient, order and key, though the image may be another's by now.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from io import BytesIO

from pydicom import dcmread

from dicom_node.errors import DamagedInSpool, InvalidResult
from dicom_node.handover.report import Report, read_report
from dicom_node.intake.rejection import TITLES, read_rejection
from inference.header import text_of

#: HL7 2.5.1, 2.15.9.10: MSH-10 has 20 characters.
_CONTROL_ID_LENGTH = 20


class Standing(StrEnum):
    """What a receiver is to make of it."""

    #: Of a machine, verified by nobody: as the SR's Preliminary Flag says.
    PRELIMINARY = "preliminary"
    CORRECTED = "corrected"  #: it takes the place of what was told under the same key
    WITHDRAWN = "withdrawn"  #: what was told under the key is not so


@dataclass(frozen=True, slots=True)
class News:
    """One message."""

    report: Report
    standing: Standing
    said_by: str  #: SOP Instance UID of the instance that says so
    at: datetime  #: when it was said
    why: str = ""  #: of what is withdrawn

    @property
    def control_id(self) -> str:
        """The same at every attempt, so that a receiver knows a repetition."""
        named = f"{self.said_by}\n{self.report.key}\n{self.standing}"
        return hashlib.sha256(named.encode()).hexdigest()[:_CONTROL_ID_LENGTH].upper()


def news_of(content: bytes, built: Callable[[str], bytes], *, is_note: bool) -> list[News]:
    """Of the Part 10 file of a report of ours, or of a rejection note; raises InvalidResult.

    `built` gives the file of a result by its SOP Instance UID; it may raise DamagedInSpool.
    """
    return news_of_note(content, built) if is_note else [news_of_report(content)]


def news_of_report(content: bytes) -> News:
    """Of the Part 10 file of a report; raises InvalidResult."""
    report = read_report(content)
    standing = Standing.CORRECTED if report.is_later_issue else Standing.PRELIMINARY
    return News(report, standing, report.uid, report.created)


def news_of_note(content: bytes, built: Callable[[str], bytes]) -> list[News]:
    """Of the Part 10 file of a rejection note of ours; raises InvalidResult.

    `built` gives the file of a result by its SOP Instance UID. What it takes back besides reports
    was not handed over.
    """
    note = dcmread(BytesIO(content))
    rejection = read_rejection(note)
    uid = text_of(note, "SOPInstanceUID")
    if rejection is None:
        raise InvalidResult(f"{uid} is no rejection note")
    try:
        # Of several issues, which have one key, the last.
        reports = {each.key: each for each in _reports(map(built, rejection.sop_instance_uids))}
    except DamagedInSpool as exc:
        # Not the note is damaged: to build that again would not help.
        raise InvalidResult(f"what {uid} takes back cannot be named: {exc}") from exc
    return [
        News(report, Standing.WITHDRAWN, uid, _at(note, report), TITLES[rejection.title])
        for report in reports.values()
    ]


def _reports(contents: Iterator[bytes]) -> Iterator[Report]:
    for content in contents:
        modality = dcmread(BytesIO(content), specific_tags=["Modality"])
        if text_of(modality, "Modality") == "SR":
            yield read_report(content)


def _at(note: object, report: Report) -> datetime:
    said = f"{getattr(note, 'ContentDate', '')}{getattr(note, 'ContentTime', '')}"
    try:
        return datetime.strptime(said, "%Y%m%d%H%M%S.%f").replace(tzinfo=report.zone)
    except ValueError:
        return report.created
