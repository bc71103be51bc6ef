"""What each epoch gave: a line for people, a CSV, and a picture of the curves."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from inference.evaluation.metrics import Averaging, PixelCounts, detection, overlap


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch; every figure but `train_loss` is of the held-out part."""

    epoch: int  #: from 1
    learning_rate: float  #: of its last step
    train_loss: float
    held_loss: float
    dsc: float  #: mean over images, empty on empty = 1
    iou: float  #: likewise
    dsc_foreground: float  #: mean over images that have foreground
    dsc_pooled: float
    sensitivity: float  #: of one predicted pixel for there being foreground
    specificity: float
    elapsed_s: float  #: since the run began, pauses left out

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch}: loss {self.train_loss:.4f}, held out {self.held_loss:.4f}, "
            f"DSC {self.dsc:.4f} (with foreground {self.dsc_foreground:.4f}, pooled "
            f"{self.dsc_pooled:.4f}), sensitivity {self.sensitivity:.3f}, specificity "
            f"{self.specificity:.3f}, {self.elapsed_s / 60:.1f} min"
        )


def epoch_of(
    number: int, learning_rate: float, train_loss: float, held_loss: float,
    counts: PixelCounts, elapsed_s: float,
) -> Epoch:  # fmt: skip
    """An epoch's figures, from how the held-out predictions and truths meet."""
    there = counts.true_positive + counts.false_negative > 0
    figures = overlap(counts, there)
    decided = detection(counts.true_positive + counts.false_positive > 0, there)
    return Epoch(
        epoch=number,
        learning_rate=learning_rate,
        train_loss=train_loss,
        held_loss=held_loss,
        dsc=figures["dsc"][Averaging.IMAGES].value,
        iou=figures["iou"][Averaging.IMAGES].value,
        dsc_foreground=figures["dsc"][Averaging.COVID_IMAGES].value,
        dsc_pooled=figures["dsc"][Averaging.PIXELS].value,
        sensitivity=decided["sensitivity"].value,
        specificity=decided["specificity"].value,
        elapsed_s=elapsed_s,
    )


def write_csv(history: Sequence[Epoch], path: Path) -> None:
    """The whole history; an older file is replaced."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Epoch)])
        writer.writeheader()
        writer.writerows(asdict(epoch) for epoch in history)


def draw_curves(history: Sequence[Epoch], path: Path) -> None:
    """Losses and overlaps by epoch, as PNG; raises ImportError without matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, overlaps = figure.subplots(1, 2)
    numbers = [epoch.epoch for epoch in history]
    for name, label in (("train_loss", "training"), ("held_loss", "held out")):
        losses.plot(numbers, [getattr(epoch, name) for epoch in history], label=label)
    for name, label in (
        ("dsc", "DSC, mean over images"), ("dsc_foreground", "DSC, with foreground"),
        ("dsc_pooled", "DSC, pooled"), ("sensitivity", "sensitivity"),
        ("specificity", "specificity"),
    ):  # fmt: skip
        values = np.array([getattr(epoch, name) for epoch in history], float)
        if np.isfinite(values).any():
            overlaps.plot(numbers, values, label=label)
    losses.set(xlabel="epoch", ylabel="loss", yscale="log")
    overlaps.set(xlabel="epoch", title="held out")
    for axes in (losses, overlaps):
        axes.legend()
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
