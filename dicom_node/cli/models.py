"""`cxr-node models`: the trained networks that come with the node, each verified."""

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dicom_node.cli.terminal.options import Commands

if TYPE_CHECKING:
    from inference.weights import ModelCard


def add(commands: Commands) -> None:
    models = commands.add_parser(
        "models",
        help="the trained networks that come with the node",
        description="List the trained networks that come with the node, with their figures and"
        " terms, and verify each file. Elsewhere --lung FILE and --infection FILE take your own.",
    )
    models.add_argument("--json", action="store_true", help="for machines")
    models.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """List every model; 1 where one is damaged."""
    from inference.weights import available

    rows = [_row(card) for card in available()]
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            print("\n".join(_lines(row)))
    return 0 if all(row["fault"] is None for row in rows) else 1


def _row(card: "ModelCard") -> dict[str, Any]:
    from inference.weights import DEFAULT_NETWORK

    return {
        "task": card.task.value,
        "network": card.network,
        "default": DEFAULT_NETWORK[card.task] == card.network,
        "version": card.version,
        "sha256": card.sha256,
        "fault": _fault(card),
        "weights": str(card.weights),
        "licence": card.licence,
        **{key: card.details.get(key) for key in ("data", "split", "figures", "known_failures")},
    }


def _fault(card: "ModelCard") -> str | None:
    """Why the file is not the one its card describes; None where it is."""
    from inference.weights import WeightsError, load_state

    try:
        load_state(card)
    except WeightsError as exc:
        return str(exc)
    return None


def _lines(row: dict[str, Any]) -> Iterator[str]:
    default = ", the default" if row["default"] else ""
    yield f"{row['task']} {row['network']} {row['version']}{default}"
    yield f"  {row['weights']}"
    yield f"  SHA-256 {row['sha256']}: {row['fault'] or 'verified'}"
    yield f"  trained on {row['data']}"
    for figure in row["figures"] or ():
        yield f"  {figure['measure']}: {figure['value']}"
    yield f"  {row['licence']}"
