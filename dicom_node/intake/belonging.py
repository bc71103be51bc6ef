"""Whose an instance is and where it lies, as people read it."""

from pydicom import Dataset
from pydicom.valuerep import PersonName

from inference.header import text_of, value_of

#: Another value of one of these: results there are at a wrong place.
IDENTITY = (
    "PatientID",
    "IssuerOfPatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "AccessionNumber",
)


def as_read(dataset: Dataset, keyword: str) -> str:
    """A value as people read it: padding, and how its characters are encoded, say nothing."""
    value = value_of(dataset, keyword)
    if isinstance(value, PersonName):
        # Trailing components may be left out (PS3.5 6.2.1.1).
        return "=".join(group.strip().rstrip("^ ") for group in str(value).split("=")).rstrip("=")
    return text_of(dataset, keyword)
