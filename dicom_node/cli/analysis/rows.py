"""What `analyze` prints: a line, a JSON or CSV row for each file, and a closing line."""

import csv
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Protocol

from tqdm import tqdm

from inference.findings import Decision


class Status(StrEnum):
    """What became of a file."""

    ANALYSED = "analysed"
    #: No frontal chest radiograph; the reason says why.
    SKIPPED = "skipped"
    #: Not DICOM, or a DICOMDIR.
    PASSED_OVER = "passed over"
    #: DICOM, or named as if it were, without a result; the reason says why.
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Row:
    """One file. The field names are the columns of --csv and the keys of --jsonl."""

    path: str
    status: Status
    accession_number: str = ""
    study_instance_uid: str = ""
    sop_instance_uid: str = ""
    decision: str = ""  #: as in findings.json; empty where there is none
    percent_left: float | None = None  #: infected, of that lung
    percent_right: float | None = None
    percent_both: float | None = None
    reason: str = ""  #: why there is no result, or none that is sure
    folder: str = ""  #: where the results are; empty where there are none


class Printer(Protocol):
    """How the rows are shown; `document` is the file's findings.json, where it has one."""

    def show(self, row: Row, document: dict[str, Any] | None) -> None: ...

    def close(self) -> None: ...


class Lines:
    """A line for each file with a result: for people."""

    def show(self, row: Row, document: dict[str, Any] | None) -> None:
        if document is not None:
            tqdm.write(_line(row))

    def close(self) -> None:
        """Nothing is left to say."""


@dataclass(slots=True)
class Documents:
    """All findings.json, as one list."""

    documents: list[dict[str, Any]] = field(default_factory=list)

    def show(self, row: Row, document: dict[str, Any] | None) -> None:  # noqa: ARG002 - a Printer
        if document is not None:
            self.documents.append(document)

    def close(self) -> None:
        print(json.dumps(self.documents, indent=2))


class JsonLines:
    """One JSON object a file, as soon as it is done."""

    def show(self, row: Row, document: dict[str, Any] | None) -> None:  # noqa: ARG002 - a Printer
        print(json.dumps(asdict(row)), flush=True)

    def close(self) -> None:
        """Each line is whole by itself."""


class Csv:
    """A head, and one row a file (RFC 4180)."""

    def __init__(self) -> None:
        columns = [column.name for column in fields(Row)]
        self._writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
        self._writer.writeheader()

    def show(self, row: Row, document: dict[str, Any] | None) -> None:  # noqa: ARG002 - a Printer
        self._writer.writerow(asdict(row))
        sys.stdout.flush()

    def close(self) -> None:
        """The last row was the last."""


#: By the option that asks for it.
PRINTERS: dict[str, type[Printer]] = {
    "text": Lines,
    "json": Documents,
    "jsonl": JsonLines,
    "csv": Csv,
}


def closing_line(counts: Counter[Status]) -> str:
    """`35 analysed, 2 skipped, 13 passed over, 5 unreadable`."""
    return ", ".join(f"{counts[status]} {status}" for status in Status)


def _line(row: Row) -> str:
    if row.decision in (Decision.NOT_ANALYSED.value, Decision.UNDETERMINED.value):
        return f"{row.path}: {row.decision}: {row.reason}"
    percent = {"left": row.percent_left, "right": row.percent_right, "both": row.percent_both}
    figures = ", ".join(
        f"{side} {'-' if value is None else format(value, '.1f')} %"
        for side, value in percent.items()
    )
    return f"{row.path}: {row.decision} ({figures})"
