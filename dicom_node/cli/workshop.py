"""The command line of those who make networks: train, pack, evaluate, benchmark, models.

Apart from the commands for those who run a node. Imports stay inside the commands here too.
"""

import argparse
from pathlib import Path

from dicom_node.cli.options import Commands, add_device, add_models
from inference.networks import NETWORKS


def add(commands: Commands) -> None:
    """The workshop's commands, for `--help` behind the node's own."""
    _add_train(commands)
    _add_pack(commands)
    _add_evaluate(commands)
    _add_benchmark(commands)
    _add_models_command(commands)


def _add_train(commands: Commands) -> None:
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
        " COVID-19 are learnt as free of infection (recipe's further_share of each step); may be"
        " repeated",
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
    train.set_defaults(command=_run_train)


def _add_pack(commands: Commands) -> None:
    pack = commands.add_parser(
        "pack",
        help="make a set small enough to carry to a borrowed machine",
        description="Write the images that `train` learns from, and with --more further ones, as"
        " WebP on the networks' square with 1-bit masks: OUT/Train and OUT/more, in the same class"
        " folders, for `cxr-node train --data OUT --more OUT/more`. The quality is the best that"
        " fits.",
    )
    pack.add_argument("--data", type=Path, required=True, metavar="DIR")
    pack.add_argument("--split", metavar="NAME", help="folder inside DIR (default: Train)")
    pack.add_argument("--more", action="append", type=Path, default=[], metavar="DIR",
                      help="further radiographs; those of COVID-19 are left out")  # fmt: skip
    pack.add_argument("--out", type=Path, required=True, metavar="OUT")
    pack.add_argument("--mib", type=float, default=60, metavar="N", help="limit (default 60)")
    pack.add_argument("--size", type=int, default=256, metavar="PIXELS", help="default 256")
    pack.add_argument("--limit", type=int, metavar="N", help="only N images of each, evenly spread")
    pack.set_defaults(command=_run_pack)


def _add_evaluate(commands: Commands) -> None:
    evaluate = commands.add_parser(
        "evaluate",
        help="measure a pair of networks as the paper does",
        description="Analyse every image of DIR/NAME as the node would and compare with the truth:"
        " the paper's Tables 2 and 3 with their 95 % intervals, the error of the infected"
        " percentage of each lung, ROC and confusion. A split without masks gets the detection"
        " table alone.",
    )
    evaluate.add_argument("--data", type=Path, required=True, metavar="DIR")
    evaluate.add_argument("--split", required=True, metavar="NAME", help="folder inside DIR: Val")
    evaluate.add_argument("--json", type=Path, metavar="FILE", help="all figures, as fractions")
    evaluate.add_argument(
        "--report", type=Path, metavar="DIR",
        help="tables and pictures: ROC, Bland-Altman, confusion, best, median and worst overlays",
    )  # fmt: skip
    evaluate.add_argument(
        "--cascaded", action="store_true",
        help="show the infection network the lungs alone (paper, section 4.2)",
    )  # fmt: skip
    evaluate.add_argument(
        "--distort", action="append", default=[], metavar="NAME",
        help="instead: how the figures fall on distorted copies: flipped, inverted, cropped,"
        " \"border covered\", ... or all; may be repeated",
    )  # fmt: skip
    evaluate.add_argument(
        "--strangers", action="append", type=Path, default=[], metavar="DIR",
        help="then, in one table with the split: what is said of radiographs from elsewhere, in"
        " class folders or as DICOM files; may be repeated",
    )  # fmt: skip
    evaluate.add_argument(
        "--drawn", type=int, default=0, metavar="N",
        help="likewise of drawn chests, N healthy and N with opacities",
    )  # fmt: skip
    evaluate.add_argument("--limit", type=int, metavar="N",
                          help="only N images of each set, evenly spread")  # fmt: skip
    add_models(evaluate)
    evaluate.set_defaults(command=_run_evaluate)


def _add_benchmark(commands: Commands) -> None:
    benchmark = commands.add_parser("benchmark", help="what the networks cost on this machine")
    what = benchmark.add_subparsers(title="what", required=True, metavar="WHAT")
    networks = what.add_parser(
        "networks",
        help="the paper's Table 4, or the node's pair against plain fp32",
        description="The paper's Table 4 for all fifteen networks: trainable parameters and"
        " milliseconds an image, for one network and for two in parallel. With --pair --against"
        " eager: the two networks as the node runs them, against the same two in eager fp32 one"
        " after the other, in turn in one process.",
    )
    networks.add_argument("--network", action="append", choices=NETWORKS, metavar="NAME",
                          help="only this one; may be repeated")  # fmt: skip
    networks.add_argument("--pair", action="store_true", help="measure the configured pair")
    networks.add_argument("--against", choices=["eager"], help="what the pair is compared with")
    networks.add_argument("--repeats", type=int, default=20, metavar="N", help="default 20")
    networks.add_argument("--json", type=Path, metavar="FILE", help="the same for machines")
    add_models(networks)
    networks.set_defaults(command=_run_benchmark)


def _add_models_command(commands: Commands) -> None:
    models = commands.add_parser(
        "models",
        help="the trained networks that come with the node",
        description="List the trained networks that come with the node, with their figures and"
        " terms, and verify each file. Elsewhere --lung FILE and --infection FILE take your own.",
    )
    models.add_argument("--json", action="store_true", help="for machines")
    models.set_defaults(command=_run_models)


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


def _run_train(arguments: argparse.Namespace) -> int:
    from dicom_node.cli.train import train_networks

    return train_networks(arguments)


def _run_pack(arguments: argparse.Namespace) -> int:
    from dicom_node.cli.pack import pack_set

    return pack_set(arguments)


def _run_evaluate(arguments: argparse.Namespace) -> int:
    from dicom_node.cli.evaluate import evaluate_networks

    return evaluate_networks(arguments)


def _run_benchmark(arguments: argparse.Namespace) -> int:
    from dicom_node.cli.benchmark import benchmark_networks

    return benchmark_networks(arguments)


def _run_models(arguments: argparse.Namespace) -> int:
    from dicom_node.cli.models import show_models

    return show_models(as_json=arguments.json)
