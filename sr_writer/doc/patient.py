"""Whose radiograph it is, as a page can print it: in Latin letters, or not at all.

The results themselves carry these attributes as the bytes that came; only here are they read.
"""

import re
import warnings
from dataclasses import dataclass

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.tag import Tag

from sr_writer.source import Source

#: Stands for text that a page's letters cannot show.
UNPRINTABLE = "(not in Latin letters)"


@dataclass(frozen=True, slots=True)
class Patient:
    """What a reader identifies a page by; "" where the source does not say."""

    name: str  #: the alphabetic group (PS3.5 6.2.1.2), "Family, Given"
    patient_id: str
    study_date: str  #: YYYY-MM-DD, or as it came
    accession_number: str


def patient_of(source: Source) -> Patient:
    """Read from what is inherited."""
    return Patient(
        name=_name(_text(source, "PatientName")),
        patient_id=_printable(_text(source, "PatientID")),
        study_date=_date(_text(source, "StudyDate")),
        accession_number=_printable(_text(source, "AccessionNumber")),
    )


def _text(source: Source, keyword: str) -> str | None:
    """The decoded value; None where its character set cannot be read."""
    value = _bytes(source, keyword)
    terms = _bytes(source, "SpecificCharacterSet").decode("ascii", "replace").split("\\")
    try:
        with warnings.catch_warnings():
            # pydicom guesses at an unknown character set with a warning; a guess is no name.
            warnings.simplefilter("error")
            encodings = convert_encodings([term.strip() for term in terms])
            return decode_bytes(value, encodings, {0x5C, 0x5E, 0x3D}).strip(" \0")
    except (LookupError, ValueError, Warning):
        return None


def _bytes(source: Source, keyword: str) -> bytes:
    element = source.inherited.get(Tag(keyword))
    return (element.value if element else None) or b""


def _name(text: str | None) -> str:
    if text is None:
        return UNPRINTABLE
    family, *others = text.split("=")[0].split("^")
    given = " ".join(other.strip() for other in others if other.strip())
    return _printable(", ".join(part for part in (family.strip(), given) if part))


def _date(text: str | None) -> str:
    parts = re.fullmatch(r"(\d{4})(\d\d)(\d\d)", text or "")
    return "-".join(parts.groups()) if parts else _printable(text)


def _printable(text: str | None) -> str:
    """`text` if it is Latin-1 without control characters: what the page's letters have."""
    if text is None or not all(c.isprintable() and ord(c) < 0x100 for c in text):
        return UNPRINTABLE
    return text
