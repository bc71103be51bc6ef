"""What came back for one radiograph of the demo."""

from dataclasses import dataclass
from pathlib import Path

from dicom_node.demo.results import Percentages


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a radiograph that was skipped, or went wrong, most of it is None."""

    name: str
    decision: str = ""  #: as `results.Report` has it
    percentages: Percentages | None = None
    seconds: float | None = None  #: from the last byte sent to the report stored
    skipped: str = ""  #: why, where it was not to be analysed
    fault: str = ""  #: empty where all is as it should be
    picture: Path | None = None  #: the overlay as PNG
    segmentation: Path | None = None
    report: Path | None = None
