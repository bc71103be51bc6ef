"""What is said of radiographs from elsewhere: one row a set or class, all rows in one table.

Figures of the sources a network learnt from say nothing about the next hospital: what counts there
is how many of its healthy chests are called positive, and on how much of the lungs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from inference.datasets.cases import Case, DatasetError, read_cases
from inference.evaluation.evaluate import Percentages, Result
from inference.evaluation.metrics import Averaging, overlap, pixel_counts
from inference.findings import Caution, Decision, Mask, Task

#: Percent of both lungs above which a false alarm is a gross one.
GROSS = 5.0

_COLUMNS = (
    "images", "positive", f"above {GROSS:.0f} % of the lungs", "undetermined",
    "too faint to say", "strange", "lung DSC", "infection DSC", "with infection", "pooled",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BareCase:
    """A DICOM file nothing is known of."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def is_covid(self) -> None:
        return None

    def source(self) -> Path:
        return self.path

    def mask(self, task: Task) -> Mask | None:  # noqa: ARG002 - as every Case
        return None


def read_strangers(folder: Path) -> list[Case]:
    """As `read_cases`, else every DICOM image straight in `folder`; raises DatasetError."""
    try:
        return read_cases(folder)
    except DatasetError:
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        cases: list[Case] = [BareCase(path) for path in files if _is_image(path)]
        if not cases:
            raise
        return cases


def rows_of(title: str, results: Sequence[Result]) -> list[dict[str, Any]]:
    """Figures of all results, then of each class by itself, as fractions; None where unknown."""
    classes: dict[str, list[Result]] = {}
    for result in results:
        classes.setdefault(result.name.rpartition("/")[0], []).append(result)
    parts = classes if len(classes) > 1 else {}
    return [
        _figures(title, results),
        *(_figures(f"{title}, {name}", of_class) for name, of_class in parts.items()),
    ]


def strangers_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """As Markdown, in percent."""
    head = " | ".join(["said of", *_COLUMNS])
    lines = [f"| {head} |", "|---" * (1 + len(_COLUMNS)) + "|"]
    for row in rows:
        shares = ["-" if row[name] is None else f"{100 * row[name]:.1f}" for name in _COLUMNS[1:]]
        lines.append(f"| {' | '.join([row['name'], str(row['images']), *shares])} |")
    return "\n".join(lines)


def _figures(name: str, results: Sequence[Result]) -> dict[str, Any]:
    counted = {
        "positive": [result.decision is Decision.POSITIVE for result in results],
        "too faint to say": [Caution.FAINT in result.cautions for result in results],
        _COLUMNS[2]: [_infected_percent(result.said_percent) > GROSS for result in results],
        "strange": [Caution.STRANGE in result.cautions for result in results],
        "undetermined": [result.decision is Decision.UNDETERMINED for result in results],
    }
    shares = {column: sum(those) / len(results) for column, those in counted.items()}
    lung, infection = (_overlaps(results, task) for task in Task)
    return {
        "name": name,
        "images": len(results),
        **shares,
        "lung DSC": lung.get(Averaging.IMAGES.value),
        "infection DSC": infection.get(Averaging.IMAGES.value),
        "with infection": infection.get(Averaging.COVID_IMAGES.value),
        "pooled": infection.get(Averaging.PIXELS.value),
    }


def _infected_percent(said: Percentages) -> float:
    """Of both lungs; where only one was found, of that one."""
    if said["both"] is not None:
        return said["both"]
    return max(said[side] or 0.0 for side in ("left", "right"))


def _overlaps(results: Sequence[Result], task: Task) -> dict[str, float]:
    """The DSC by averaging, those that are a number; {} where not every result has a truth."""
    counts = [result.pixels[task] for result in results if task in result.pixels]
    if len(counts) < len(results):
        return {}
    those = pixel_counts(counts)
    there = those.true_positive + those.false_negative > 0
    figures = overlap(those, there)["dsc"]
    return {way: figure.value for way, figure in figures.items() if math.isfinite(figure.value)}


def _is_image(path: Path) -> bool:
    try:
        return "Rows" in dcmread(path, stop_before_pixels=True)
    except (InvalidDicomError, OSError):
        return False
