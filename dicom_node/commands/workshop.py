"""The command line of those who make networks: train, evaluate, benchmark, models.

Apart from `__main__`, which is for those who run a node. Imports stay inside the commands here too.
"""

import argparse
from pathlib import Path
from typing import TypeAlias

from inference.networks import NETWORKS

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add(commands: Commands) -> None:
    """The workshop's commands, for `--help` behind the node's own."""
    _add_train(commands)


def add_models(parser: argparse.ArgumentParser) -> None:
    """The options that choose the two networks and what they run on."""
    parser.add_argument("--lung", default="", metavar="MODEL", help="lung network: name or file")
    parser.add_argument("--infection", default="", metavar="MODEL", help="infection network")
    _add_device(parser)


def _add_train(commands: Commands) -> None:
    train = commands.add_parser(
        "train",
        help="train one of the paper's fifteen networks",
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
        "--split", metavar="NAME", help="folder inside DIR (default: Train, if there is one)"
    )
    train.add_argument("--network", choices=NETWORKS, default="fpn-resnet18", metavar="NAME",
                       help=f"one of {', '.join(NETWORKS)} (default fpn-resnet18)")  # fmt: skip
    train.add_argument("--out", type=Path, required=True, metavar="DIR", help="where it is written")
    _add_recipe(train)
    _add_device(train)
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
    train.set_defaults(command=_run_train)


def _add_recipe(train: argparse.ArgumentParser) -> None:
    train.add_argument(
        "--recipe", choices=["scratch", "paper"], default="scratch",
        help="scratch: ours, needs no ImageNet weights (default); paper: section 3.4 to the letter",
    )  # fmt: skip
    train.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE",
        help="change a field of the recipe, such as epochs=100 or batch=32; may be repeated",
    )  # fmt: skip
    train.add_argument(
        "--init", default="", metavar="MODEL",
        help="start from these weights: a name (lung-fpn-resnet18) or a .safetensors file; of"
        " another task or decoder only the encoder is taken",
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


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])


def _run_train(arguments: argparse.Namespace) -> int:
    from dicom_node.commands.train import train_networks

    return train_networks(arguments)
