"""The network training begins with: new, from ImageNet, or from weights there already are."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from inference.engines.pytorch import load_network
from inference.findings import Task
from inference.networks import LITE_ENCODERS, build
from inference.weights import ModelCard, WeightsError, find, find_any

logger = logging.getLogger(__name__)

IMAGENET = "imagenet"

#: What timm has behind the encoder: the layers of a classifier.
_CLASSIFIER = ("conv_head.", "bn2.", "classifier.", "fc.")


@dataclass(frozen=True, slots=True)
class Start:
    """A network ready to be trained, and where its weights come from."""

    network: nn.Module
    origin: str  #: one phrase for the model card
    digest: str  #: tells one origin from another: SHA-256 of the weights, "imagenet" or ""


def begin(task: Task, name: str, init: str, *, imagenet: bool) -> Start:
    """A network called `name`, started from `init`: "", a model's name or a .safetensors file.

    From a network of the same name and task everything is taken, from any other with the same
    encoder that encoder. The file may also be an encoder alone, in any precision, under timm's
    names. Raises WeightsError where `init` cannot serve.
    """
    if init.endswith(".safetensors"):
        content = _read(init)
        encoder = _encoder_alone(init, content)
        if encoder is not None:
            return _from_encoder(name, init, encoder, hashlib.sha256(content).hexdigest())
    if init:
        return _from_weights(task, name, init)
    if imagenet:
        try:
            return Start(build(name, IMAGENET), "encoder from ImageNet", IMAGENET)
        except OSError as exc:
            logger.warning("no ImageNet weights: %s", str(exc).splitlines()[0])
    return Start(build(name), "from scratch", "")


def _from_weights(task: Task, name: str, init: str) -> Start:
    card = _card_of(task, init)
    trained = load_network(card)
    # What it has learnt from is about to be another.
    trained.familiarity = None  # type: ignore[assignment]
    if (card.network, card.task) == (name, task):
        return Start(trained.train(), f"from {_title(card)}", card.sha256)
    network = build(name)
    if card.network.split("-")[1] != name.split("-")[1]:
        raise WeightsError(f"{init}: a {card.network} has another encoder than a {name}")
    # Every network of segmentation-models-pytorch calls its encoder so.
    network.encoder.load_state_dict(trained.encoder.state_dict())  # type: ignore[union-attr]
    return Start(network, f"encoder from {_title(card)}", card.sha256)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as exc:
        raise WeightsError(f"{path} cannot be read: {exc.strerror}") from exc


def _encoder_alone(path: str, content: bytes) -> dict[str, torch.Tensor] | None:
    """An encoder's parameters without its classifier; None where the file is a whole network."""
    try:
        state = load(content)
    except SafetensorError as exc:
        raise WeightsError(f"{path} is no safetensors file: {exc}") from exc
    if any(name.startswith("encoder.") for name in state):
        return None
    return {name: values for name, values in state.items() if not name.startswith(_CLASSIFIER)}


def _from_encoder(name: str, init: str, state: Mapping[str, torch.Tensor], digest: str) -> Start:
    network = build(name)
    # segmentation-models-pytorch wraps what it takes from timm.
    of_timm = name.split("-")[1] in LITE_ENCODERS
    encoder = network.encoder.model if of_timm else network.encoder  # type: ignore[union-attr]
    try:
        encoder.load_state_dict(  # type: ignore[union-attr]
            {key: v.float() if v.is_floating_point() else v for key, v in state.items()}
        )
    except RuntimeError as exc:
        raise WeightsError(f"{init} is not the encoder of a {name}: {exc}") from exc
    return Start(network, f"encoder from {Path(init).stem} ({digest[:12]})", digest)


def _card_of(task: Task, init: str) -> ModelCard:
    """`init` may be for the other task: "lung-unet-resnet18", or a file that says so itself."""
    says_task = init.endswith(".safetensors") or init.startswith(tuple(f"{one}-" for one in Task))
    return find_any(init) if says_task else find(task, init)


def _title(card: ModelCard) -> str:
    return f"{card.task.value}-{card.network} {card.version} ({card.sha256[:12]})"
