"""Trained weights by name: found, described by their card, and verified by SHA-256.

The project's own lie in `models/<task>-<network>/` as weights.safetensors and card.json. A
hospital's own are given as a path to a .safetensors file, with a card.json beside it or with
`task` and `network` in the file's own metadata. Nothing here imports torch: the listener asks
`identify` for the models' digests and must start in no time.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load

from inference.findings import ModelIdentity, Task
from inference.networks import NETWORKS
from inference.pipeline import Calibration

MODELS = Path(__file__).parent / "models"

#: Which of the shipped networks speaks where none is named.
DEFAULT_NETWORK = {Task.LUNG: "unet-resnet18", Task.INFECTION: "fpn-efficientnetlite2"}

#: The one way an image is prepared for a network: its own mean and standard deviation.
NORMALISATION = "own_mean_std"

DEFAULT_SIZE = 256


class WeightsError(ValueError):
    """The weights cannot be used: which file, what is wrong, what to do."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known of one set of weights."""

    task: Task
    network: str  #: one of `networks.NETWORKS`
    version: str
    sha256: str  #: 64 lower-case hex digits that the file must have
    size: int  #: side of the square the network takes, in pixels
    licence: str
    weights: Path  #: the .safetensors file
    #: `ModelIdentity.percent_error_points`; None where the card does not say
    percent_error_points: float | None
    calibration: Calibration | None  #: `ModelIdentity.calibration`; None where the card has none
    details: Mapping[str, Any]  #: the whole card: data, recipe, figures, known failures

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity(
            self.task,
            self.network,
            self.version,
            self.sha256,
            self.percent_error_points,
            self.calibration,
        )


def available() -> tuple[ModelCard, ...]:
    """Every model that comes with the project, lung before infection, then by network."""
    cards = [_read_card(path) for path in sorted(MODELS.glob("*/card.json"))]
    return tuple(sorted(cards, key=lambda card: (card.task is not Task.LUNG, card.network)))


def default(task: Task) -> ModelCard:
    return _by_name(task, DEFAULT_NETWORK[task])


def find(task: Task, name_or_path: str) -> ModelCard:
    """The model of that name, or the one in that .safetensors file; "" is the default.

    Raises WeightsError where there is none, or where it was trained for the other task.
    """
    if not name_or_path:
        return default(task)
    if not name_or_path.endswith(".safetensors"):
        return _by_name(task, name_or_path)
    card = _of_file(Path(name_or_path))
    if card.task is not task:
        raise WeightsError(
            f"{card.weights} is a network for {card.task.value}, not for {task.value}: "
            "the two may have been swapped"
        )
    return card


def find_any(name_or_path: str) -> ModelCard:
    """The model of a name with its task, as "lung-unet-resnet18", or in that .safetensors file.

    Raises WeightsError where there is none.
    """
    if name_or_path.endswith(".safetensors"):
        return _of_file(Path(name_or_path))
    for task in Task:
        if name_or_path.startswith(prefix := f"{task.value}-"):
            return _by_name(task, name_or_path.removeprefix(prefix))
    raise WeightsError(
        f"{name_or_path!r} is neither a .safetensors file nor a name such as lung-unet-resnet18"
    )


def find_pair(lung: str = "", infection: str = "") -> dict[Task, ModelCard]:
    """The two networks' models, of lungs first.

    Raises WeightsError as `find` does, and where they do not take images of one size.
    """
    cards = {Task.LUNG: find(Task.LUNG, lung), Task.INFECTION: find(Task.INFECTION, infection)}
    if cards[Task.LUNG].size != cards[Task.INFECTION].size:
        raise WeightsError("the lung and the infection network take images of different sizes")
    return cards


def identify(task: Task, name_or_path: str = "") -> ModelIdentity:
    """Which model would speak; the file itself is verified when it is loaded."""
    return find(task, name_or_path).identity


def load_state(card: ModelCard) -> dict[str, NDArray[Any]]:
    """The network's parameters by name, in the precision they are stored in.

    Raises WeightsError where the file is not, to the bit, the one its card describes.
    """
    content = _read(card.weights)
    digest = hashlib.sha256(content).hexdigest()
    if digest != card.sha256:
        raise WeightsError(
            f"{card.weights} is damaged or is not the file its card describes "
            f"(SHA-256 is {digest}, expected {card.sha256}): restore it"
        )
    try:
        state: dict[str, NDArray[Any]] = load(content)
    except SafetensorError as exc:
        raise WeightsError(f"{card.weights} is no safetensors file: {exc}") from exc
    broken = [name for name, values in state.items() if not np.isfinite(values).all()]
    if broken:
        raise WeightsError(f"{card.weights} holds values that are not numbers, in {broken[0]}")
    return state


def _by_name(task: Task, network: str) -> ModelCard:
    path = MODELS / f"{task.value}-{network}" / "card.json"
    if network not in NETWORKS or not path.is_file():
        names = ", ".join(card.network for card in available() if card.task is task) or "none"
        raise WeightsError(
            f"no {task.value} network called {network!r}; there are: {names}. "
            "A file of your own is given by its path, which ends in .safetensors"
        )
    return _read_card(path)


def _of_file(path: Path) -> ModelCard:
    card = path.with_name("card.json")
    if card.is_file():
        return _read_card(card, path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as exc:
        raise WeightsError(f"{path} cannot be read as safetensors: {exc}") from exc
    if not {"task", "network"} <= metadata.keys():
        raise WeightsError(
            f"{path} does not say what it is: put a card.json beside it, or `task` and "
            "`network` into its safetensors metadata"
        )
    digest = hashlib.sha256(_read(path)).hexdigest()
    size = metadata.get("size", str(DEFAULT_SIZE))
    fields = {"version": digest[:12], "licence": "not stated"} | metadata
    fields |= {"sha256": digest, "preprocessing": {"size": size}}
    return _card(fields, path, path)


def _read_card(path: Path, weights: Path | None = None) -> ModelCard:
    try:
        fields = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise WeightsError(f"{path} cannot be read: {exc}") from exc
    return _card(fields, path, weights or path.with_name("weights.safetensors"))


def _card(fields: Mapping[str, Any], source: Path, weights: Path) -> ModelCard:
    try:
        preprocessing = fields.get("preprocessing", {})
        card = ModelCard(
            task=Task(fields["task"]),
            network=fields["network"],
            version=str(fields["version"]),
            sha256=str(fields["sha256"]).lower(),
            size=int(preprocessing.get("size", DEFAULT_SIZE)),
            licence=str(fields["licence"]),
            weights=weights,
            percent_error_points=_percent_error(fields.get("percent_error_points")),
            calibration=_calibration(fields.get("calibration")),
            details=fields,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise WeightsError(f"{source} is not a model card: {exc!r}") from exc
    if card.network not in NETWORKS:
        raise WeightsError(f"{source}: no network is called {card.network!r}")
    if preprocessing.get("normalisation", NORMALISATION) != NORMALISATION:
        raise WeightsError(f"{source}: only the normalisation {NORMALISATION!r} is known")
    return card


def _percent_error(value: object) -> float | None:
    """A measured error in percentage points; raises ValueError on what cannot be one."""
    if value is None:
        return None
    error = float(str(value))
    if not 0 <= error <= 100:
        raise ValueError(f"percent_error_points is {value}")
    return error


def _calibration(fields: Mapping[str, Any] | None) -> Calibration | None:
    """Raises KeyError, TypeError or ValueError on what is no calibration."""
    if fields is None:
        return None
    slope, offset = float(fields["slope"]), float(fields["offset"])
    if not (0 < slope < math.inf and math.isfinite(offset)):
        raise ValueError(f"calibration is {fields}")
    return Calibration(slope, offset)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise WeightsError(f"{path} cannot be read: {exc.strerror}") from exc
