"""Read a SEG and an SR as anybody else would: with pydicom and the standard, not with our writer.

What the demo shows and compares comes from the bytes the PACS holds, so a fault of the writer
cannot hide itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread

#: Our private concept (PS3.16 has none for it), see the conformance notes of the report.
INFECTED_PERCENT = "INFPERC"
#: SCT Present, Absent, Undetermined.
_DECISIONS = {
    "52101004": "positive",
    "272519000": "negative",
    "373068000": "undetermined",
}
#: Percentages are written with two digits.
TOLERANCE = 0.011


@dataclass(frozen=True, slots=True)
class Percentages:
    """Infected percent of each lung and of both; None where the object does not say."""

    left: float | None
    right: float | None
    both: float | None

    def agree(self, other: "Percentages") -> bool:
        """Whether both say the same, and are silent of the same."""
        pairs = ((self.left, other.left), (self.right, other.right), (self.both, other.both))
        return all(
            mine is theirs is None
            or (mine is not None and theirs is not None and abs(mine - theirs) <= TOLERANCE)
            for mine, theirs in pairs
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What a Structured Report says."""

    decision: str  #: "positive", "negative" or "undetermined"
    percentages: Percentages


def count_segmentation(path: Path) -> Percentages:
    """Percentages counted from a BINARY Segmentation's own frames (PS3.3 A.51, PS3.5 8.1.1)."""
    dataset = dcmread(path)
    shape = (int(dataset.NumberOfFrames), dataset.Rows * dataset.Columns)
    packed = np.frombuffer(dataset.PixelData, np.uint8)
    frames = np.unpackbits(packed, bitorder="little", count=shape[0] * shape[1]).reshape(shape)
    pixels = {
        str(segment.SegmentLabel).lower(): int(np.count_nonzero(frame))
        for segment, frame in zip(dataset.SegmentSequence, frames, strict=True)
    }
    lung = {side: pixels[f"{side} lung"] for side in ("left", "right")}
    infected = {side: pixels[f"infection in {side} lung"] for side in ("left", "right")}
    return Percentages(
        _percent(infected["left"], lung["left"]),
        _percent(infected["right"], lung["right"]),
        # Of both lungs only where both were found.
        _percent(sum(infected.values()), sum(lung.values())) if all(lung.values()) else None,
    )


def read_report(path: Path) -> Report:
    """Decision and percentages of a TID 1500 report (PS3.16)."""
    found: dict[str, float] = {}
    decision = "undetermined"
    for group in _groups(dcmread(path)):
        name = _tracking_identifier(group)
        for item in group.ContentSequence:
            if item.ValueType == "NUM" and _concept(item) == INFECTED_PERCENT:
                found[name] = float(item.MeasuredValueSequence[0].NumericValue)
            elif item.ValueType == "CODE":
                value = str(item.ConceptCodeSequence[0].CodeValue)
                decision = _DECISIONS.get(value, decision)
    percentages = Percentages(
        *(found.get(name) for name in ("left lung", "right lung", "covid-19"))
    )
    return Report(decision, percentages)


def _groups(item: Dataset) -> Iterator[Dataset]:
    """Every Measurement Group container (125007, DCM), wherever it is."""
    for child in item.get("ContentSequence", ()):
        if child.ValueType == "CONTAINER" and _concept(child) == "125007":
            yield child
        else:
            yield from _groups(child)


def _tracking_identifier(group: Dataset) -> str:
    return next(
        (
            str(item.TextValue).lower()
            for item in group.ContentSequence
            if _concept(item) == "112039"
        ),
        "",
    )


def _concept(item: Dataset) -> str:
    names = item.get("ConceptNameCodeSequence")
    return str(names[0].CodeValue) if names else ""


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
