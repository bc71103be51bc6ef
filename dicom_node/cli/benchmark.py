"""`cxr-node benchmark networks`: Table 4 on this machine, or the node's pair against plain fp32."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dicom_node.cli.node.networks import load_networks
from dicom_node.cli.terminal.options import Commands, add_models
from dicom_node.errors import UsageError
from inference.networks import NETWORKS, PAPER_NETWORKS


def add(commands: Commands) -> None:
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
    networks.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the table or the comparison, and write it as JSON where asked."""
    from inference.engines.device import DeviceUnavailable
    from inference.weights import WeightsError

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
    from inference.engines.device import choose_device
    from inference.evaluation import paper
    from inference.evaluation.benchmark import costs, machine

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
    from inference.engines.device import choose_device
    from inference.evaluation.benchmark import compare, machine
    from inference.findings import Task
    from inference.weights import find

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
