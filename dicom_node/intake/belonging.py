"""Whose an instance is and where it lies, as people read it."""

from pydicom import Dataset
from pydicom.valuerep import PersonName

from inference.header import text_of, value_of
from sr_writer.progression import Omission

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


def differing(one: Dataset, other: Dataset) -> list[str]:
    """What says that two objects, of which one refers to the other, are of two patients: names, for
    people; none where nothing does. What either does not say contradicts nothing.
    """
    named = {"PatientID": "Patient ID", "IssuerOfPatientID": "Issuer of Patient ID"}
    found = []
    for keyword, name in named.items():
        said = [text_of(header, keyword) for header in (one, other)]
        if all(said) and said[0] != said[1]:
            found.append(name)
    if contradiction(one, other) is Omission.OTHER_PATIENT:
        found.append("birth date or sex")
    return found


def contradiction(before: Dataset, after: Dataset) -> Omission | None:
    """Why two radiographs of one Patient ID and issuer may not be of one patient: what contradicts
    that, or leaves it unproved; None: they are. By a second identifier, as at a bedside.
    """
    births = [text_of(header, "PatientBirthDate").strip() for header in (before, after)]
    sexes = [text_of(header, "PatientSex").strip().upper() for header in (before, after)]
    if all(births) and births[0] != births[1]:
        return Omission.OTHER_PATIENT
    if all(sexes) and sexes[0] != sexes[1]:
        return Omission.OTHER_PATIENT
    return None if all(births) else Omission.UNCONFIRMED
