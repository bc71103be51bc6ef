"""`cxr-node evaluate`: what a pair of networks is worth on a split, as the paper measures it."""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from tqdm import tqdm

from dicom_node.commands.networks import load_networks
from dicom_node.errors import NodeError, UsageError
from inference.decode import UndecodableImage
from inference.training.dataset import Case, DatasetError, read_cases
from inference.training.evaluate import Cascade, evaluate
from inference.training.pictures import draw_all
from inference.training.summary import summarise
from inference.training.tables import tables


def evaluate_networks(arguments: argparse.Namespace) -> int:
    """Print the tables; write the JSON and the pictures asked for."""
    try:
        cases = _spread(read_cases(arguments.data / arguments.split), arguments.limit)
    except DatasetError as exc:
        raise UsageError(str(exc)) from exc
    engine = load_networks(arguments.lung, arguments.infection, arguments.device)
    used = Cascade(engine) if arguments.cascaded else engine
    started = time.perf_counter()
    try:
        results = evaluate(cases, used, _bar)
    except UndecodableImage as exc:
        raise NodeError(str(exc)) from exc
    summary = {
        "data": arguments.data.resolve().name,
        "split": arguments.split,
        "date": datetime.now(UTC).date().isoformat(),
        "command": shlex.join(["cxr-node", *sys.argv[1:]]),
        "scheme": "cascaded" if arguments.cascaded else "parallel",
        "seconds": round(time.perf_counter() - started, 1),
        **summarise(results, engine.models),
    }
    print(tables(summary))
    _write(arguments, summary)
    if arguments.report is not None:
        try:
            for path in draw_all(results, cases, used, arguments.report):
                print(path)
        except ImportError as exc:
            raise NodeError(
                f"the pictures need matplotlib: pip install 'cxr-node[train]' ({exc})"
            ) from exc
    return 0


def _spread(cases: list[Case], limit: int | None) -> list[Case]:
    """At most `limit`, evenly from the first to the last, so that every class is among them."""
    if limit is None or limit >= len(cases):
        return cases
    return [cases[index * len(cases) // limit] for index in range(limit)]


def _bar(cases: Iterable[Case]) -> Iterable[Case]:
    bar: Iterable[Case] = tqdm(cases, unit="image", disable=None)
    return bar


def _write(arguments: argparse.Namespace, summary: dict[str, Any]) -> None:
    document = json.dumps(summary, indent=2) + "\n"
    if arguments.json is not None:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(document, "utf-8")
    if arguments.report is not None:
        arguments.report.mkdir(parents=True, exist_ok=True)
        (arguments.report / "summary.json").write_text(document, "utf-8")
        (arguments.report / "tables.md").write_text(tables(summary) + "\n", "utf-8")
