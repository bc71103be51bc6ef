"""What the site's readers said of their radiographs: a CSV file of accession number and finding."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from dicom_node.errors import UsageError

#: What may stand in the column `infected`.
_WORDS = {
    **dict.fromkeys(("yes", "y", "1", "true", "positive", "pos"), True),
    **dict.fromkeys(("no", "n", "0", "false", "negative", "neg"), False),
}
_COLUMNS = ("accession_number", "infected")


def read_reports(path: Path) -> Mapping[str, bool]:
    """Whether the readers saw infection, by accession number; raises UsageError by line.

    What they did not commit themselves to (an empty field) is left out.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return dict(_rows(path, file))
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        said = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise UsageError(f"{path}: cannot be read: {said}") from exc


def _rows(path: Path, lines: "Iterator[str]") -> Iterator[tuple[str, bool]]:
    text = list(lines)
    # German and French spreadsheets write semicolons.
    delimiter = ";" if text and text[0].count(";") > text[0].count(",") else ","
    reader = csv.DictReader(text, delimiter=delimiter)
    names = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
    if missing := [name for name in _COLUMNS if name not in names]:
        raise UsageError(f"{path}: has no column {' and no column '.join(missing)}")
    for row in reader:
        number = (row[names["accession_number"]] or "").strip()
        said = (row[names["infected"]] or "").strip().lower()
        if not number or not said:
            continue
        if said not in _WORDS:
            # Not the number: a patient is known by it.
            raise UsageError(f"{path} line {reader.line_num}: infected is {said!r}, not yes or no")
        yield number, _WORDS[said]
