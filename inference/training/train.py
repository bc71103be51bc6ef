"""Algorithm 1: cases ► examples ► what selects ► the loop ► weights with their card.

OUT/<task>-<network>/ receives checkpoint.pt, history.csv, curves.png, weights.safetensors and
card.json; with folds, OUT/fold-1/<task>-<network>/ and so on.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from inference.datasets.cases import Case, DatasetError
from inference.datasets.duplicates import clusters, folds, near
from inference.datasets.examples import Examples, load_examples
from inference.engines.device import choose_device
from inference.engines.familiarity import PREFIX, familiarity_of
from inference.evaluation.metrics import Figure
from inference.findings import Task
from inference.training import checkpoint
from inference.training.calibrate import calibration_of, features_of, foreground_bias, shifted
from inference.training.export import export
from inference.training.history import Epoch, draw_curves, write_csv
from inference.training.loop import Plan, Run
from inference.training.precision import Precision, fastest
from inference.training.recipes import Recipe
from inference.training.start import Start, begin
from inference.weights import DEFAULT_SIZE

logger = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"


class Progress(Protocol):
    """Where a person sees how far a run is."""

    def advance(self, progress: float) -> None:
        """`progress` is 0..1 of the run."""

    def report(self, epoch: Epoch) -> None:
        """An epoch ended."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be trained, and what is to be said of it."""

    task: Task
    network: str
    recipe: Recipe
    out: Path
    data: str  #: what the card says the images are
    init: str = ""  #: weights to start from, see `start.begin`
    size: int = DEFAULT_SIZE
    seed: int = 0
    folds: int = 0  #: cross-validation; 0: one network
    minutes: float | None = None  #: budget of each network
    device: str = "auto"
    precision: Precision | None = None  #: None: the fastest here
    compiled: bool = False
    cascaded: bool = False
    command: str = ""
    licence: str = "Not stated: weights inherit the terms of the data they were trained on."


@dataclass(frozen=True, slots=True)
class Trained:
    """One network, trained and written."""

    weights: Path
    best: Epoch  #: the epoch that was kept


def train(
    request: Request,
    cases: Sequence[Case],
    progress: Callable[[str], Progress],
    more: Sequence[Case] = (),
) -> list[Trained]:
    """Train one network, or one a fold, each selected on images the others are not near to.

    `progress` is asked for one bar a network, by a title. Going on after a kill is the same call.
    `more` cases are learnt from beside the others, and never select.
    Raises DatasetError, WeightsError, CheckpointError or TrainingError.
    """
    logger.info("loading %d cases", len(cases))
    examples = load_examples(
        cases,
        request.task,
        request.size,
        only_lungs=request.cascaded,
        with_lungs=request.recipe.styled > 0 or _tells_certainty(request),
    )
    if not request.recipe.undrawn_share:
        more = [case for case in more if not case.is_covid]
    further = load_examples(more, request.task, request.size) if more else None
    name = f"{request.task.value}-{request.network}"
    fold = _folds(examples, request)
    if not request.folds:
        folder = request.out / name
        return [_train_one(request, examples, further, fold == 0, folder, progress(name))]
    return [
        _train_one(
            request,
            examples,
            further,
            fold == number,
            request.out / f"fold-{number + 1}" / name,
            progress(f"fold {number + 1} {name}"),
        )
        for number in range(request.folds)
    ]


def across_folds(trained: Sequence[Trained]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of each held-out figure over the folds."""
    names = ("dsc", "iou", "dsc_foreground", "dsc_pooled", "sensitivity", "specificity")
    values = {name: [getattr(one.best, name) for one in trained] for name in names}
    return {name: (float(np.mean(v)), float(np.std(v))) for name, v in values.items()}


def _folds(examples: Examples, request: Request) -> NDArray[np.intp]:
    count = request.folds or max(2, round(1 / request.recipe.held_out))
    fold = folds(clusters(examples.images), count, request.seed)
    if np.unique(fold).size < count:
        raise DatasetError(f"{len(examples)} images are too few to be parted into {count}")
    return fold


def _train_one(
    request: Request,
    examples: Examples,
    further: Examples | None,
    held_out: NDArray[np.bool_],
    folder: Path,
    bar: Progress,
) -> Trained:
    device = choose_device(request.device)
    if further is not None:
        further = further.pick(~near(further.images, examples.images[torch.from_numpy(held_out)]))
    # Before the network is built: its first weights are random.
    torch.manual_seed(request.seed)
    start = begin(request.task, request.network, request.init, imagenet=request.recipe.imagenet)
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(
        _plan(request, examples, further, start, device, folder),
        start.network,
        examples.pick(~held_out),
        examples.pick(held_out),
        device,
        further=further,
        compiled=request.compiled,
    )

    def report(epoch: Epoch) -> None:
        write_csv(run.history, folder / "history.csv")
        bar.report(epoch)

    run.go(folder / CHECKPOINT, request.minutes, bar.advance, report)
    try:
        draw_curves(run.history, folder / "curves.png")
    except ImportError:
        logger.warning("no picture of the curves: install matplotlib (the extra `train`)")
    bias = _threshold(run) if request.recipe.calibrated else 0.0
    card = _card(request, run, start, bias)
    state = shifted(run.best, bias)
    if _tells_certainty(request):
        calibration = calibration_of(run.average, run.held_out, bias, run.plan.precision)
        card["calibration"] = calibration and asdict(calibration)
        state |= _familiarity(run)
    weights = export(state, card, folder)
    return Trained(weights, run.history[run.best_epoch - 1])


def _tells_certainty(request: Request) -> bool:
    return request.recipe.calibrated and request.task is Task.INFECTION


def _threshold(run: Run) -> float:
    run.average.load_state_dict(run.best)
    return foreground_bias(run.average, run.held_out, run.plan.task, run.plan.precision)


def _familiarity(run: Run) -> checkpoint.State:
    """The parameters by which the network knows what it learnt from, further images included."""
    sets = [run.examples, run.held_out, *([run.further] if run.further else [])]
    learnt, held_out, *further = (
        features_of(run.average, those, run.plan.precision) for those in sets
    )
    state = familiarity_of(torch.cat([learnt, *further]), held_out).state_dict()
    return {f"{PREFIX}{name}": values for name, values in state.items()}


def _plan(
    request: Request,
    examples: Examples,
    further: Examples | None,
    start: Start,
    device: torch.device,
    folder: Path,
) -> Plan:
    names = [*examples.names, *(further.names if further else ())]
    return Plan(
        task=request.task,
        network=request.network,
        recipe=request.recipe,
        size=request.size,
        seed=request.seed,
        precision=request.precision or _precision_of(folder, device),
        cascaded=request.cascaded,
        start=start.digest,
        data=hashlib.sha256("\n".join(names).encode()).hexdigest(),
    )


def _precision_of(folder: Path, device: torch.device) -> Precision:
    """As the run to go on from began: measured anew, it could come out otherwise."""
    before = checkpoint.plan_of(folder / CHECKPOINT)
    return Precision(before["precision"]) if before else fastest(device)


def _card(request: Request, run: Run, start: Start, bias: float) -> dict[str, Any]:
    now, best = datetime.now(UTC), run.history[run.best_epoch - 1]
    return {
        "task": request.task.value,
        "network": request.network,
        "version": now.strftime("%Y.%m.%d"),
        "size": request.size,
        "licence": request.licence,
        "date": now.date().isoformat(),
        "data": request.data,
        "split": f"{len(run.examples)} images to learn from{_further(run)}, {len(run.held_out)} "
        "held out, whole clusters of near-duplicates, to choose the epoch by",
        "recipe": run.plan.as_dict()["recipe"]
        | {
            "epochs_trained": len(run.history),
            "epoch_kept": best.epoch,
            "minutes": round(run.history[-1].elapsed_s / 60, 1),
            "start": start.origin,
            "precision": run.plan.precision.value,
            "seed": request.seed,
            "cascaded": request.cascaded,
            "foreground_bias": bias,
        },
        "command": request.command,
        "figures": _figures(best, len(run.held_out)),
        "known_failures": ["Not evaluated beyond the held-out images: run cxr-node evaluate."],
    }


def _further(run: Run) -> str:
    if not run.further:
        return ""
    infected = int(run.further.masks.flatten(1).any(dim=1).sum())
    undrawn = f" and {infected} infected ones on which nobody drew where" if infected else ""
    return f" and {len(run.further) - infected} further ones free of infection{undrawn}"


def _figures(best: Epoch, images: int) -> list[dict[str, Any]]:
    measures = {
        "dsc, mean over images, empty on empty = 1": best.dsc,
        "iou, mean over images, empty on empty = 1": best.iou,
        "dsc, mean over images with foreground": best.dsc_foreground,
        "dsc, pooled over pixels": best.dsc_pooled,
    }
    return [
        {
            "measure": measure,
            "value": round(value, 4),
            "interval": round(Figure(value, images).interval, 4),
            "measured_on": f"{images} held-out images, before calibration and post-processing; "
            "they chose the epoch, so they flatter",
        }
        for measure, value in measures.items()
    ]
