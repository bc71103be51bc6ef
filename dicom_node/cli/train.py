"""`cxr-node train`: a network from images with true masks; repeated, it goes on after a kill."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from dicom_node.errors import NodeError, UsageError
from inference.datasets.cases import DatasetError, free_of_infection, read_cases
from inference.decode import UndecodableImage
from inference.engines.device import DeviceUnavailable
from inference.findings import Task
from inference.training.checkpoint import CheckpointError
from inference.training.history import Epoch
from inference.training.loop import TrainingError
from inference.training.precision import Precision
from inference.training.recipes import RECIPES, RecipeError, adjusted
from inference.training.train import Request, Trained, across_folds, train
from inference.weights import WeightsError

#: The folder of COVID-QU-Ex that is learnt from.
_TRAIN = "Train"


class Bar:
    """A run's progress at a terminal; on a pipe only a line an epoch."""

    def __init__(self, title: str) -> None:
        self._bar = tqdm(
            total=1.0, desc=title, disable=None,
            bar_format="{desc} {percentage:3.0f}% |{bar}| {elapsed} gone, {remaining} to go",
        )  # fmt: skip

    def advance(self, progress: float) -> None:
        # A budget of time may be overdrawn by a step.
        self._bar.update(min(progress, 1.0) - self._bar.n)

    def report(self, epoch: Epoch) -> None:
        tqdm.write(str(epoch), file=sys.stderr)


def train_networks(arguments: argparse.Namespace) -> int:
    """Train and write the weights; 0 when done. Raises UsageError or NodeError."""
    try:
        request = _request(arguments)
        more = free_of_infection(arguments.more)
        if more and request.task is not Task.INFECTION:
            raise UsageError("--more is for infection: nobody drew the lungs of such images")
        trained = train(request, read_cases(folder_of(arguments)), Bar, more)
    except (
        DatasetError, WeightsError, CheckpointError, RecipeError, DeviceUnavailable,
    ) as exc:  # fmt: skip
        raise UsageError(str(exc)) from exc
    except (TrainingError, UndecodableImage) as exc:
        raise NodeError(str(exc)) from exc
    _show(trained)
    return 0


def folder_of(arguments: argparse.Namespace) -> Path:
    """The split asked for, else Train where there is one, else the folder itself."""
    data: Path = arguments.data
    split: str = arguments.split if arguments.split is not None else _TRAIN
    return data if arguments.split is None and not (data / split).is_dir() else data / split


def _request(arguments: argparse.Namespace) -> Request:
    chosen = arguments.precision
    request = Request(
        task=Task(arguments.task),
        network=arguments.network,
        recipe=adjusted(RECIPES[arguments.recipe], arguments.set),
        out=arguments.out,
        data=arguments.data_name or "/".join(folder_of(arguments).resolve().parts[-2:]),
        init=arguments.init,
        size=arguments.size,
        seed=arguments.seed,
        folds=arguments.folds,
        minutes=arguments.minutes,
        device=arguments.device,
        precision=None if chosen == "auto" else Precision(chosen),
        compiled=arguments.compile,
        cascaded=arguments.cascaded,
        command=shlex.join(["cxr-node", *sys.argv[1:]]),
    )
    return replace(request, licence=arguments.licence) if arguments.licence else request


def _show(trained: Sequence[Trained]) -> None:
    for one in trained:
        print(f"{one.weights}\n  kept {one.best}")
    if len(trained) > 1:
        print(f"over {len(trained)} folds, mean ± standard deviation:")
        for name, (mean, deviation) in across_folds(trained).items():
            print(f"  {name} {mean:.4f} ± {deviation:.4f}")
