"""`cxr-node benchmark networks`: Table 4 on this machine, or the node's pair against plain fp32."""

import argparse
import json
from dataclasses import asdict
from typing import Any

from dicom_node.cli.networks import load_networks
from dicom_node.errors import UsageError
from inference.engines.device import DeviceUnavailable, choose_device
from inference.evaluation import paper
from inference.evaluation.benchmark import compare, costs, machine
from inference.findings import Task
from inference.networks import PAPER_NETWORKS
from inference.weights import WeightsError, find


def benchmark_networks(arguments: argparse.Namespace) -> int:
    """Print the table or the comparison, and write it as JSON where asked."""
    if bool(arguments.pair) != bool(arguments.against):
        raise UsageError("--pair and --against eager go together")
    try:
        document = _pair(arguments) if arguments.pair else _table(arguments)
    except (DeviceUnavailable, WeightsError) as exc:
        raise UsageError(str(exc)) from exc
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    return 0


def _table(arguments: argparse.Namespace) -> dict[str, Any]:
    device = choose_device(arguments.device)
    ran_on, rows = machine(device), []
    print(f"{ran_on}; medians of {arguments.repeats}; the paper's on a GeForce GTX 1080\n")
    print("| network | parameters | the paper | ms, one | ms, two in parallel | the paper, one |")
    print("|---|---|---|---|---|---|")
    for cost in costs(arguments.network or PAPER_NETWORKS, device, arguments.repeats):
        theirs = paper.COMPLEXITY.get(cost.network)
        millions, milliseconds = (f"{theirs[0]:.2f} M", f"{theirs[1]:.2f}") if theirs else "--"
        print(
            f"| {cost.network} | {cost.parameters / 1e6:.2f} M | {millions} "
            f"| {cost.alone_ms:.1f} | {cost.pair_ms:.1f} | {milliseconds} |",
            flush=True,
        )
        papers = theirs and {"parameters": theirs[0] * 1e6, "alone_ms": theirs[1]}
        rows.append(asdict(cost) | {"paper": papers})
    return {"machine": ran_on, "repeats": arguments.repeats, "networks": rows}


def _pair(arguments: argparse.Namespace) -> dict[str, Any]:
    device = choose_device(arguments.device)
    ran_on = machine(device)
    chosen = {Task.LUNG: arguments.lung, Task.INFECTION: arguments.infection}
    cards = {task: find(task, name) for task, name in chosen.items()}
    compared = compare(
        lambda: load_networks(arguments.lung, arguments.infection, arguments.device),
        cards, device, arguments.repeats,
    )  # fmt: skip
    print(
        f"{ran_on}; medians of {arguments.repeats}, in turn\n"
        f"the pair as the node runs it {compared.pair_ms:.1f} ms, eager fp32 one after the other "
        f"{compared.eager_ms:.1f} ms: {compared.speedup:.2f} times as fast; probabilities differ "
        f"by {compared.largest_difference:.1e} at most"
    )
    models = [
        {"task": task.value, "name": card.network, "version": card.version, "sha256": card.sha256}
        for task, card in cards.items()
    ]
    return {
        "machine": ran_on,
        "repeats": arguments.repeats,
        "models": models,
        **asdict(compared),
        "speedup": compared.speedup,
    }
