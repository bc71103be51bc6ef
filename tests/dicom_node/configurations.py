"""Configurations as tests write them."""

from pathlib import Path
from typing import Any

from dicom_node.config import Config, Destination, parse


def write(folder: Path, text: str) -> Path:
    path = folder / "node.toml"
    path.write_text(text, "utf-8")
    return path


def of_node(state: Path, **keys: Any) -> Config:
    """A configuration of nothing but `[node]`."""
    return parse({"node": {"state": state, **keys}})


def to(name: str = "pacs", aet: str = "PACS", **keys: Any) -> Destination:
    return Destination(name=name, aet=aet, host="h", port=104, **keys)
