"""When a radiograph was taken, and which of two was the earlier.

As the modality's own clock has it and everybody there reads it: "2026-11-28T12:30:00", or a date
alone; without fractions and offset. Never when it came.
"""

from datetime import date

from pydicom import Dataset

from inference.header import text_of

#: A date alone is as long as this.
DATE = len("2026-11-28")
_TIME = len("2026-11-28T12:30:00")


def taken_of(acquired_at: str, header: Dataset) -> str:
    """By `Origin.acquired_at`, else by the study's date; "" where nothing says."""
    return local(acquired_at) or date_of(text_of(header, "StudyDate"))


def local(moment: str) -> str:
    """Of an ISO 8601 moment."""
    return moment[:_TIME] if len(moment) >= _TIME else moment[:DATE]


def date_of(text: str) -> str:
    """YYYY-MM-DD of a VR DA; "" where there is none, or no date."""
    text = text.strip()
    try:
        return date.fromisoformat(f"{text[:4]}-{text[4:6]}-{text[6:]}").isoformat()
    except ValueError:
        return ""


def is_before(one: str, other: str) -> bool:
    """Of one day without a time neither is known to be the earlier."""
    if not one or not other:
        return False
    if one[:DATE] != other[:DATE]:
        return one[:DATE] < other[:DATE]
    return len(one) == len(other) == _TIME and one < other


def days_between(one: str, other: str) -> int:
    return (date.fromisoformat(other[:DATE]) - date.fromisoformat(one[:DATE])).days
