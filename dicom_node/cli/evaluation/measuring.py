"""A pair of networks measured on a split, as the paper does, and on radiographs from elsewhere."""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from dicom_node.cli.evaluation.drawn import drawn_cases
from dicom_node.cli.node.networks import load_networks
from dicom_node.cli.terminal.progress import images
from dicom_node.errors import NodeError, UsageError
from inference.datasets.cases import Case, DatasetError, read_cases, spread
from inference.decode import UndecodableImage
from inference.engines import Engine
from inference.evaluation.comparison import compared, comparison_table, title_of
from inference.evaluation.distortions import DISTORTIONS, distorted
from inference.evaluation.evaluate import Cascade, evaluate
from inference.evaluation.looks import looks_of
from inference.evaluation.pictures import draw_all
from inference.evaluation.reliability import operating_table, reliability_of, reliability_table
from inference.evaluation.strangers import read_strangers, rows_of, strangers_table
from inference.evaluation.summary import summarise
from inference.evaluation.tables import distortion_table, tables
from inference.findings import Task
from inference.weights import WeightsError, find_any


def evaluate_networks(arguments: argparse.Namespace) -> int:
    """Print the tables; write the JSON and the pictures asked for."""
    try:
        cases = spread(read_cases(arguments.data / arguments.split), arguments.limit)
        strangers = _strangers(arguments, cases)
    except DatasetError as exc:
        raise UsageError(str(exc)) from exc
    chosen = {Task.LUNG: arguments.lung, Task.INFECTION: arguments.infection}
    # Before anything is measured: a name that is wrong is to be told at once.
    others = [chosen | _by_task(names) for names in arguments.beside]
    engine = _engine(arguments, chosen)
    try:
        return (
            _distort(arguments, cases, engine)
            if arguments.distort
            else _measure(arguments, cases, strangers, engine, others)
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
    others: list[dict[Task, str]],
) -> int:
    """Once, in full; then what the others say of the same cases."""
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
    if others:
        sets = {title_of(engine.models): results}
        for chosen in others:
            beside = _engine(arguments, chosen)
            sets[title_of(beside.models)] = evaluate(cases, beside, images)
        summary["beside"] = compared(sets)
        table = comparison_table(summary["beside"])
        print(f"\n{table}")
        text = f"{text}\n\n{table}"
    _write(arguments, summary, text)
    if arguments.report is not None:
        for path in draw_all(results, cases, engine, arguments.report):
            print(path)
    return 0


def _engine(arguments: argparse.Namespace, chosen: Mapping[Task, str]) -> Engine:
    engine = load_networks(chosen[Task.LUNG], chosen[Task.INFECTION], arguments.device)
    return Cascade(engine) if arguments.cascaded else engine


def _by_task(names: Sequence[str]) -> dict[Task, str]:
    """Files, or names without their task, as `load_networks` takes them; raises UsageError."""
    try:
        cards = [find_any(name) for name in names]
    except WeightsError as exc:
        raise UsageError(f"--beside: {exc}") from exc
    if len({card.task for card in cards}) < len(cards):
        raise UsageError(f"--beside {' '.join(names)}: give one of each task")
    return {
        card.task: name if name.endswith(".safetensors") else card.network
        for card, name in zip(cards, names, strict=True)
    }


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
