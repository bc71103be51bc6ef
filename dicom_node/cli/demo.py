"""`cxr-node demo`: see it work; its work is in `dicom_node/demo`."""

import argparse
from functools import partial
from pathlib import Path

from dicom_node.cli.terminal.options import Commands


def add(commands: Commands) -> None:
    demo = commands.add_parser(
        "demo",
        help="see it work: a node, a small PACS, radiographs, results",
        description="Start a node and a small PACS on this host, send radiographs drawn by the"
        " project (or the DICOM files of FOLDER), wait for the results and show them. Exit code 0"
        " only if every result came back and SEG and SR, read again, agree with each other.",
    )
    demo.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="send these instead")
    demo.add_argument(
        "--out", type=Path, default=Path("demo-out"), metavar="DIR",
        help="where pictures and results are put (default demo-out)",
    )  # fmt: skip
    demo.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    from dicom_node.demo.page import Words
    from dicom_node.demo.round_trip import demo
    from inference.findings import Decision
    from sr_writer.language import ENGLISH
    from sr_writer.languages import words_of
    from sr_writer.wording import percent

    english = words_of(ENGLISH)
    headlines = {verdict.value: english(f"headline.{verdict}") for verdict in Decision}
    said = Words(headlines, partial(percent, words=english))
    return demo(arguments.out, arguments.folder, said)
