"""The pictures of an evaluation: ROC, Bland-Altman, confusion, and overlays from best to worst.

All raise ImportError without matplotlib (the extra `train`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference.analyze import analyze
from inference.datasets.cases import Case
from inference.engines import Engine
from inference.evaluation.evaluate import PLACES, Result, said_mask
from inference.evaluation.metrics import pixel_counts
from inference.evaluation.reliability import Reliability, reliability_of
from inference.evaluation.summary import agreement, percentages, roc_of, said_and_true
from inference.findings import Task

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Images of each of best, median and worst.
SHOWN = 4
_TRUE_COLOR, _SAID_COLOR = "#00c853", "#ff6d00"


def draw_all(
    results: Sequence[Result], cases: Sequence[Case], engine: Engine, folder: Path
) -> list[Path]:
    """Every picture there is something for; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    known = [result for result in results if result.is_covid is not None]
    drawn: list[Path] = []
    if len({result.is_covid for result in known}) == 2:
        drawn += [_draw_roc(known, folder / "roc.png")]
        drawn += [_draw_confusion(known, folder / "confusion.png")]
    reliability = reliability_of(known)
    if reliability is not None:
        drawn += [_draw_reliability(reliability, folder / "reliability.png")]
    if len(percentages(results, "both")) > 1:
        drawn += [_draw_bland_altman(results, folder / "bland-altman.png")]
    by_name = {case.name: case for case in cases}
    for task in Task:
        ranked = rank(results, task)
        if ranked:
            path = folder / f"{task.value}-best-median-worst.png"
            drawn += [_draw_sheet(ranked, by_name, engine, task, path)]
    return drawn


def rank(results: Sequence[Result], task: Task) -> list[tuple[str, float]]:
    """Name and DSC, best first; of infection only images that have some."""
    having = [
        result
        for result in results
        if task in result.pixels and (task is Task.LUNG or result.is_covid)
    ]
    dsc = pixel_counts([result.pixels[task] for result in having]).dsc()
    pairs = [(result.name, float(value)) for result, value in zip(having, dsc, strict=True)]
    return sorted(pairs, key=lambda pair: -pair[1])


def _draw_roc(known: Sequence[Result], path: Path) -> Path:
    from matplotlib.figure import Figure

    roc = roc_of(known)
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot(1 - roc.specificity, roc.sensitivity)
    axes.plot(1 - roc.specificity[0], roc.sensitivity[0], "o", label="as the node decides")
    axes.plot([0, 1], [0, 1], ":", color="gray")
    axes.set(
        xlabel="1 - specificity", ylabel="sensitivity",
        title=f"Least number of infected pixels: area {roc.area:.4f}",
    )  # fmt: skip
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=120)
    return path


def _draw_reliability(reliability: Reliability, path: Path) -> Path:
    """How often infection was there against how often it was said to be."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], ":", color="gray", label="as said")
    axes.plot([b.said for b in reliability.bins], [b.seen for b in reliability.bins], "o-")
    for b in reliability.bins:
        axes.annotate(str(b.images), (b.said, b.seen), (5, -10), textcoords="offset points")
    axes.set(
        xlabel="certainty of infection that was said", ylabel="share that has infection",
        title=f"Off by {100 * reliability.error:.1f} points on average",
    )  # fmt: skip
    axes.legend(loc="upper left")
    figure.savefig(path, dpi=120)
    return path


def _draw_confusion(known: Sequence[Result], path: Path) -> Path:
    from matplotlib.figure import Figure

    said, is_covid = said_and_true(known)
    counts = [[int((said == s)[is_covid == t].sum()) for s in (True, False)] for t in (True, False)]
    figure = Figure(figsize=(4, 4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(np.array(counts), cmap="Blues")
    for row, of_truth in enumerate(counts):
        for column, count in enumerate(of_truth):
            axes.text(column, row, str(count), ha="center", va="center", fontsize=16,
                      bbox={"facecolor": "white", "edgecolor": "none"})  # fmt: skip
    axes.set_xticks([0, 1], ["said positive", "said negative"])
    axes.set_yticks([0, 1], ["COVID-19", "other"])
    figure.savefig(path, dpi=120)
    return path


def _draw_bland_altman(results: Sequence[Result], path: Path) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    for axes, place in zip(figure.subplots(1, len(PLACES)), PLACES, strict=True):
        said, true = percentages(results, place).T
        found = agreement(results, place)
        axes.scatter((said + true) / 2, said - true, s=6, alpha=0.5)
        axes.axhline(found.bias, color="black")
        for limit in found.limits:
            axes.axhline(limit, color="black", linestyle="--")
        axes.set(
            title=f"{place}: mean absolute error {found.mean_absolute:.1f}, "
            f"r = {found.correlation:.2f}",
            xlabel="mean of said and true, percent infected",
            ylabel="said - true, points",
        )
    figure.savefig(path, dpi=120)
    return path


def _draw_sheet(
    ranked: Sequence[tuple[str, float]],
    cases: dict[str, Case],
    engine: Engine,
    task: Task,
    path: Path,
) -> Path:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    middle = max(0, len(ranked) // 2 - SHOWN // 2)
    rows = {
        "best": ranked[:SHOWN],
        "median": ranked[middle : middle + SHOWN],
        "worst": ranked[-SHOWN:],
    }
    figure = Figure(figsize=(3 * SHOWN, 3.2 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), SHOWN, squeeze=False)
    for axes_of_row, (title, chosen) in zip(grid, rows.items(), strict=True):
        for axes in axes_of_row:
            axes.axis("off")
        for axes, (name, dsc) in zip(axes_of_row, chosen, strict=False):
            _draw_case(axes, cases[name], engine, task)
            axes.set_title(f"{title}: DSC {dsc:.3f}\n{name}", fontsize=8)
    lines = [Line2D([], [], color=color) for color in (_TRUE_COLOR, _SAID_COLOR)]
    figure.legend(lines, ["true", "said"], loc="lower right", ncols=2)
    figure.savefig(path, dpi=100)
    return path


def _draw_case(axes: "Axes", case: Case, engine: Engine, task: Task) -> None:
    """The radiograph with the outlines of truth and prediction."""
    analysis = analyze(case.source(), engine)
    axes.imshow(analysis.radiograph.pixels, cmap="gray", vmin=0, vmax=1)
    said, true = said_mask(analysis.findings, task), case.mask(task)
    for mask, color in ((true, _TRUE_COLOR), (said, _SAID_COLOR)):
        # matplotlib warns of a contour that is nowhere.
        if mask is not None and mask.any() and not mask.all():
            axes.contour(mask, levels=[0.5], colors=[color], linewidths=1)
