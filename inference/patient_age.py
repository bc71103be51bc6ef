"""How old the patient was, as far as the header says: the networks were not made for children."""

import re
from datetime import date, datetime

from pydicom import Dataset

from inference.header import text_of

ADULT_YEARS = 18

#: Units of an Age String (PS3.5 6.2, AS) in a year. Converters write a bare number for years.
_PER_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12.0, "Y": 1.0, "": 1.0}
#: When the radiograph was taken, the most trusted first.
_TAKEN = ("AcquisitionDate", "ContentDate", "StudyDate")


def is_minor(header: Dataset) -> bool:
    """Whether the header says that the patient was under 18; an unknown age is no minor's."""
    years = _stated_years(header)
    if years is None:
        years = _years_between_dates(header)
    return years is not None and years < ADULT_YEARS


def _stated_years(header: Dataset) -> float | None:
    stated = text_of(header, "PatientAge").upper()
    match = re.fullmatch(r"(\d{1,3})([DWMY]?)", stated, re.ASCII)
    return int(match[1]) / _PER_YEAR[match[2]] if match else None


def _years_between_dates(header: Dataset) -> int | None:
    """Birthdays between birth and radiograph; None where the dates are absent or contradictory."""
    born = _date(header, "PatientBirthDate")
    taken = next((day for keyword in _TAKEN if (day := _date(header, keyword))), None)
    if born is None or taken is None or taken < born:
        return None
    return taken.year - born.year - ((taken.month, taken.day) < (born.month, born.day))


def _date(header: Dataset, keyword: str) -> date | None:
    """A DA value, or one with dots as before DICOM (PS3.5 6.2, note of DA)."""
    text = text_of(header, keyword).replace(".", "")
    try:
        return datetime.strptime(text, "%Y%m%d").date() if len(text) == 8 else None
    except ValueError:
        return None
