"""`cxr-node evaluate`: what a pair of networks is worth on a split; its work is in `evaluation`."""

import argparse
from pathlib import Path

from dicom_node.cli.terminal.options import Commands, add_models


def add(commands: Commands) -> None:
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
        "--beside", action="append", nargs="+", default=[], metavar="MODEL",
        help="then, in one table: what these networks (one, or one of each task: files, or names"
        " such as lung-unet-resnet18) say of the same images in the place of those of their task,"
        " and what is gained, image by image; may be repeated",
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
        "--looks", action="store_true",
        help="also of the strangers' chests without infection in the look that infected ones come"
        " in: cropped to the lungs, soft and bright, with an infected one's spectrum",
    )  # fmt: skip
    evaluate.add_argument(
        "--drawn", type=int, default=0, metavar="N",
        help="likewise of drawn chests, N healthy and N with opacities",
    )  # fmt: skip
    evaluate.add_argument("--limit", type=int, metavar="N",
                          help="only N images of each set, evenly spread")  # fmt: skip
    add_models(evaluate)
    evaluate.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    from dicom_node.cli.evaluation.measuring import evaluate_networks

    return evaluate_networks(arguments)
