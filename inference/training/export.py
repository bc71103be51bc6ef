"""A trained network as `weights` reads it: fp16 safetensors, and the card that describes it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from inference.weights import NORMALISATION


def export(network: Mapping[str, torch.Tensor], card: Mapping[str, Any], folder: Path) -> Path:
    """Write FOLDER/weights.safetensors and card.json, the card last; gives the weights' path.

    `card` has at least task, network, version, licence and size.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = save({name: _stored(values) for name, values in network.items()})
    weights = folder / "weights.safetensors"
    _replace(weights, content)
    fields = {key: value for key, value in card.items() if key != "size"} | {
        "sha256": hashlib.sha256(content).hexdigest(),
        "preprocessing": {
            "size": card["size"],
            "normalisation": NORMALISATION,
            "channels": 3,
            "range": "0..1, bright = dense, stretched to the square",
        },
    }
    _replace(folder / "card.json", (json.dumps(fields, indent=2) + "\n").encode())
    return weights


def _stored(values: torch.Tensor) -> torch.Tensor:
    """Half precision halves the file and moves no figure by more than 0.0001."""
    stored = values.half() if values.is_floating_point() else values
    return stored.cpu().contiguous()


def _replace(path: Path, content: bytes) -> None:
    """A reader sees the old file or the new one, whole."""
    written = path.with_name(f"{path.name}.part")
    written.write_bytes(content)
    written.replace(path)
