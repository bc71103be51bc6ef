"""A run's whole state in one file, so that a killed run goes on as if nothing had happened."""

from pathlib import Path
from typing import Any

import torch

State = dict[str, Any]


class CheckpointError(ValueError):
    """The checkpoint cannot be gone on from: which file, why, what to do."""


def save(state: State, path: Path) -> None:
    """Replace the checkpoint; a kill at any moment leaves the old one or the new one, whole."""
    written = path.with_suffix(".part")
    torch.save(state, written)
    written.replace(path)


def plan_of(path: Path) -> dict[str, Any] | None:
    """The plan of the run saved there; None where there is none. Raises CheckpointError."""
    if not path.is_file():
        return None
    # Mapped, not read: the plan is all that is wanted of some hundred MB.
    plan: dict[str, Any] = _read(path, torch.device("cpu"), mapped=True)["plan"]
    return plan


def load(path: Path, plan: dict[str, Any], device: torch.device) -> State | None:
    """The state saved by a run of the same `plan`; None where there is none yet.

    Raises CheckpointError where the file is another run's, or unreadable.
    """
    if not path.is_file():
        return None
    state = _read(path, device)
    before = state["plan"]
    other = {key for key in plan.keys() | before.keys() if plan.get(key) != before.get(key)}
    if other:
        raise CheckpointError(
            f"{path} is of a run with another {', '.join(sorted(other))}: remove it to start "
            "anew, or train into another folder"
        )
    return state


def _read(path: Path, device: torch.device, *, mapped: bool = False) -> State:
    try:
        state: State = torch.load(path, map_location=device, weights_only=True, mmap=mapped)
    except Exception as exc:
        # torch raises whatever zipfile, pickle and its own reader happen to.
        raise CheckpointError(f"{path} cannot be read ({exc}): remove it to start anew") from exc
    return state
