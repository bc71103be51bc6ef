"""A pair of networks measured on a split, as the paper does, and on radiographs from elsewhere."""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dicom_node.cli.evaluation.drawn import drawn_cases
from dicom_node.cli.node.networks import load_networks
from dicom_node.cli.terminal.progress import images
from dicom_node.errors import NodeError, UsageError
from inference.datasets.cases import Case, DatasetError, read_cases, spread
from inference.decode import UndecodableImage
from inference.engines import Engine
from inference.evaluation.distortions import DISTORTIONS, distorted
from inference.evaluation.evaluate import Cascade, evaluate
from inference.evaluation.looks import looks_of
from inference.evaluation.pictures import draw_all
from inference.evaluation.reliability import operating_table, reliability_of, reliability_table
from inference.evaluation.strangers import read_strangers, rows_of, strangers_table
from inference.evaluation.summary import summarise
from inference.evaluation.tables import distortion_table, tables


def evaluate_networks(arguments: argparse.Namespace) -> int:
    """Print the tables; write the JSON and the pictures asked for."""
    try:
        cases = spread(read_cases(arguments.data / arguments.split), arguments.limit)
        strangers = _strangers(arguments, cases)
    except DatasetError as exc:
        raise UsageError(str(exc)) from exc
    engine: Engine = load_networks(arguments.lung, arguments.infection, arguments.device)
    engine = Cascade(engine) if arguments.cascaded else engine
    try:
        return (
            _distort(arguments, cases, engine)
            if arguments.distort
            else _measure(arguments, cases, strangers, engine)
        )
    except UndecodableImage as exc:
        raise NodeError(str(exc)) from exc
    except ImportError as exc:
        raise NodeError(f"pictures need the extra `train`: {exc}") from exc


def _measure(
    arguments: argparse.Namespace,
    cases: list[Case],
    strangers: Mapping[str, list[Case]],
    engine: Engine,
) -> int:
    """Once, in full."""
    started = time.perf_counter()
    results = evaluate(cases, engine, images)
    summary = {
        **_head(arguments),
        "seconds": round(time.perf_counter() - started, 1),
        **summarise(results, engine.models),
    }
    text = tables(summary)
    reliability = reliability_of(results)
    if reliability is not None:
        text += reliability_table(reliability)
    print(text)
    if strangers:
        sets = {arguments.split: results} | {
            name: evaluate(those, engine, images) for name, those in strangers.items()
        }
        summary["strangers"] = [row for name, those in sets.items() for row in rows_of(name, those)]
        table = f"{strangers_table(summary['strangers'])}\n\n{operating_table(sets)}"
        print(table)
        text = f"{text}\n{table}"
    _write(arguments, summary, text)
    if arguments.report is not None:
        for path in draw_all(results, cases, engine, arguments.report):
            print(path)
    return 0


def _strangers(arguments: argparse.Namespace, cases: list[Case]) -> dict[str, list[Case]]:
    """Radiographs from elsewhere, and drawn ones, by what their set is called."""
    sets = {
        folder.resolve().name: spread(read_strangers(folder), arguments.limit)
        for folder in arguments.strangers
    }
    if arguments.looks:
        infected = [case for case in cases if case.is_covid]
        for name, of_set in list(sets.items()):
            changed = looks_of(of_set, infected)
            sets |= {f"{name}, {look}": those for look, those in changed.items() if those}
    if arguments.drawn:
        sets["drawn"] = [*drawn_cases(arguments.drawn)]
    return sets


def _distort(arguments: argparse.Namespace, cases: list[Case], engine: Engine) -> int:
    """Once for each distortion, in brief."""
    names = list(DISTORTIONS) if "all" in arguments.distort else arguments.distort
    unknown = [name for name in names if name not in DISTORTIONS]
    if unknown:
        raise UsageError(f"--distort {unknown[0]}: there are all, {', '.join(DISTORTIONS)}")
    summaries = {
        name: summarise(
            evaluate(distorted(cases, DISTORTIONS[name]), engine, images), engine.models
        )
        for name in names
    }
    text = distortion_table(summaries)
    print(text)
    _write(arguments, {**_head(arguments), "distortions": summaries}, text)
    return 0


def _head(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "data": arguments.data.resolve().name,
        "split": arguments.split,
        "date": datetime.now(UTC).date().isoformat(),
        "command": shlex.join(["cxr-node", *sys.argv[1:]]),
        "scheme": "cascaded" if arguments.cascaded else "parallel",
    }


def _write(arguments: argparse.Namespace, document: dict[str, Any], text: str) -> None:
    written = json.dumps(document, indent=2) + "\n"
    if arguments.json is not None:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(written, "utf-8")
    if arguments.report is not None:
        arguments.report.mkdir(parents=True, exist_ok=True)
        (arguments.report / "summary.json").write_text(written, "utf-8")
        (arguments.report / "tables.md").write_text(text + "\n", "utf-8")
