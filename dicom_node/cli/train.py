"""`cxr-node train`: a network from images with true masks; repeated, it goes on after a kill."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dicom_node.cli.terminal.options import Commands, add_device, images_folder
from dicom_node.errors import NodeError, UsageError
from inference.networks import NETWORKS

if TYPE_CHECKING:
    from inference.training.train import Request, Trained


def add(commands: Commands) -> None:
    train = commands.add_parser(
        "train",
        help="train one of the paper's fifteen networks, or a lighter one",
        description="Train a network on images with true masks: COVID-QU-Ex as published, a folder"
        " of the same shape ({COVID-19,Non-COVID,Normal}/{images,lung masks,infection masks}), or"
        " a folder of DICOM radiographs with the SEGs drawn on them. Writes DIR/TASK-NETWORK/ with"
        " weights.safetensors, card.json, history.csv, curves.png and checkpoint.pt. After a kill"
        " the same command goes on where it was. The epoch is chosen on images held out together"
        " with all their near-duplicates.",
    )
    train.add_argument("task", choices=["lung", "infection"], help="what to segment")
    train.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="where the images are"
    )
    train.add_argument(
        "--more", action="append", type=Path, default=[], metavar="DIR",
        help="further radiographs without masks, in the same class folders: those that are not of"
        " COVID-19 are learnt as free of infection (the recipe's further_share of each step), the"
        " others as infected, wherever (its undrawn_share, 0 unless set); may be repeated",
    )  # fmt: skip
    train.add_argument(
        "--split", metavar="NAME", help="folder inside DIR (default: Train, if there is one)"
    )
    train.add_argument("--network", choices=NETWORKS, default="fpn-resnet18", metavar="NAME",
                       help=f"one of {', '.join(NETWORKS)} (default fpn-resnet18)")  # fmt: skip
    train.add_argument("--out", type=Path, required=True, metavar="DIR", help="where it is written")
    _add_recipe(train)
    add_device(train)
    train.add_argument(
        "--precision", choices=["auto", "fp32", "bf16", "fp16"], default="auto",
        help="of the forward pass (default: the fastest here, measured)",
    )  # fmt: skip
    train.add_argument("--compile", action="store_true", help="torch.compile: for long runs")
    train.add_argument(
        "--data-name", default="", metavar="TEXT", help="what the model card calls the data"
    )
    train.add_argument(
        "--licence", default="", metavar="TEXT", help="what the model card says of the terms"
    )
    train.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Train and write the weights; 0 when done. Raises UsageError or NodeError."""
    from dicom_node.cli.terminal.progress import Run
    from inference.datasets.cases import DatasetError, read_cases, undrawn
    from inference.decode import UndecodableImage
    from inference.engines.device import DeviceUnavailable
    from inference.findings import Task
    from inference.training.checkpoint import CheckpointError
    from inference.training.loop import TrainingError
    from inference.training.recipes import RecipeError
    from inference.training.train import train
    from inference.weights import WeightsError

    try:
        request = _request(arguments)
        more = undrawn(arguments.more)
        if more and request.task is not Task.INFECTION:
            raise UsageError("--more is for infection: nobody drew the lungs of such images")
        trained = train(request, read_cases(images_folder(arguments)), Run, more)
    except (
        DatasetError, WeightsError, CheckpointError, RecipeError, DeviceUnavailable,
    ) as exc:  # fmt: skip
        raise UsageError(str(exc)) from exc
    except (TrainingError, UndecodableImage) as exc:
        raise NodeError(str(exc)) from exc
    _show(trained)
    return 0


def _request(arguments: argparse.Namespace) -> "Request":
    from inference.findings import Task
    from inference.training.precision import Precision
    from inference.training.recipes import RECIPES, adjusted
    from inference.training.train import Request

    chosen = arguments.precision
    request = Request(
        task=Task(arguments.task),
        network=arguments.network,
        recipe=adjusted(RECIPES[arguments.recipe], arguments.set),
        out=arguments.out,
        data=arguments.data_name or "/".join(images_folder(arguments).resolve().parts[-2:]),
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


def _show(trained: "Sequence[Trained]") -> None:
    from inference.training.train import across_folds

    for one in trained:
        print(f"{one.weights}\n  kept {one.best}")
    if len(trained) > 1:
        print(f"over {len(trained)} folds, mean ± standard deviation:")
        for name, (mean, deviation) in across_folds(trained).items():
            print(f"  {name} {mean:.4f} ± {deviation:.4f}")


def _add_recipe(train: argparse.ArgumentParser) -> None:
    train.add_argument(
        "--recipe", choices=["scratch", "imagenet", "strangers", "paper"], default="scratch",
        help="scratch: ours, needs no ImageNet weights (default); imagenet: the same from a trained"
        " encoder; strangers: classes exchange their looks and their lungs, for other hospitals'"
        " radiographs; paper: section 3.4 to the letter",
    )  # fmt: skip
    train.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE",
        help="change a field of the recipe, such as epochs=100 or batch=32; may be repeated",
    )  # fmt: skip
    train.add_argument(
        "--init", default="", metavar="MODEL",
        help="start from these weights: a name (lung-unet-resnet18) or a .safetensors file; of"
        " another task or decoder only the encoder is taken; a file may be an encoder alone, with"
        " timm's names",
    )  # fmt: skip
    train.add_argument(
        "--minutes",
        type=float,
        metavar="N",
        help="end after N minutes, with the learning rate fitted to them; pauses do not count",
    )
    train.add_argument("--folds", type=int, default=0, metavar="N", help="cross-validate: 5")
    train.add_argument("--size", type=int, default=256, metavar="PIXELS", help="default 256")
    train.add_argument("--seed", type=int, default=0, metavar="N")
    train.add_argument(
        "--cascaded", action="store_true", help="learn from lungs alone (paper, section 4.2)"
    )
