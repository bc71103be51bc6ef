"""Pairs of networks side by side on the same images, with what one gains on the other.

Every measure is a mean over images, so that the difference of two pairs is a mean of differences,
image by image, and its interval is far narrower than those of the two means.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from inference.evaluation.evaluate import Result
from inference.evaluation.metrics import Z_95, pixel_counts
from inference.findings import Decision, ModelIdentity, Task

#: Of one image, 0..100: percent or points; None where it says nothing.
_Measure = Callable[[Result], float | None]


def title_of(models: Sequence[ModelIdentity]) -> str:
    """A pair of networks in the head of a column."""
    return ", ".join(f"{m.task.value} {m.name} {m.version} ({m.sha256[:8]})" for m in models)


def compared(sets: Mapping[str, Sequence[Result]]) -> list[dict[str, Any]]:
    """A row a measure: by pair of networks, of the same images in the same order, the first the one
    the others are compared with.

    `value` is the mean over `images`; `gain` value minus the first's, with `interval`, half of its
    95 % interval (None of a single image), in percent or points. No row where nothing is true.
    """
    return [row for name, measure in _MEASURES.items() if (row := _row(name, measure, sets))]


def comparison_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """As Markdown, in percent and points."""
    names = [pair["networks"] for pair in rows[0]["pairs"]]
    heads = ["mean over images", "images", names[0]]
    heads += [head for name in names[1:] for head in (name, "gain ± half the 95 % interval")]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in rows:
        first, *others = row["pairs"]
        cells = [row["name"], str(row["images"]), f"{first['value']:.2f}"]
        for pair in others:
            interval = "-" if pair["interval"] is None else f"{pair['interval']:.2f}"
            cells += [f"{pair['value']:.2f}", f"{pair['gain']:+.2f} ± {interval}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _row(
    name: str, measure: _Measure, sets: Mapping[str, Sequence[Result]]
) -> dict[str, Any] | None:
    """Of the images of which the measure says something of every pair."""
    values = [[measure(result) for result in results] for results in sets.values()]
    known = [those for those in zip(*values, strict=True) if None not in those]
    if not known:
        return None
    columns = np.array(known, np.float64).T
    pairs = []
    for networks, column in zip(sets, columns, strict=True):
        gains = column - columns[0]
        spread = float(gains.std(ddof=1)) / math.sqrt(len(gains)) if len(gains) > 1 else None
        pairs.append({
            "networks": networks,
            "value": float(column.mean()),
            "gain": float(gains.mean()),
            "interval": None if spread is None else Z_95 * spread,
        })  # fmt: skip
    return {"name": name, "images": len(known), "pairs": pairs}


def _overlap(task: Task, of: str, *, infected_alone: bool = False) -> _Measure:
    def measure(result: Result) -> float | None:
        if task not in result.pixels or (infected_alone and not result.is_covid):
            return None
        counts = pixel_counts([result.pixels[task]])
        return 100 * float((counts.dsc() if of == "dsc" else counts.iou())[0])

    return measure


def _called(decision: Decision, *, covid: bool | None) -> _Measure:
    """Of images with COVID-19, without it, or of all (None)."""

    def measure(result: Result) -> float | None:
        if covid is not None and result.is_covid is not covid:
            return None
        return 100.0 * (result.decision is decision)

    return measure


def _percent_error(result: Result) -> float | None:
    true = result.true_percent["both"] if result.true_percent else None
    said = result.said_percent["both"]
    if not result.is_covid or true is None or said is None:
        return None
    return abs(said - true)


_MEASURES: dict[str, _Measure] = {
    "lung DSC, %": _overlap(Task.LUNG, "dsc"),
    "lung IoU, %": _overlap(Task.LUNG, "iou"),
    "infection DSC, %": _overlap(Task.INFECTION, "dsc"),
    "infection DSC of infected ones, %": _overlap(Task.INFECTION, "dsc", infected_alone=True),
    "infected ones called positive, %": _called(Decision.POSITIVE, covid=True),
    "others called positive, %": _called(Decision.POSITIVE, covid=False),
    "undetermined, %": _called(Decision.UNDETERMINED, covid=None),
    "error of the infected percentage, points": _percent_error,
}
