"""The network training begins with: new, from ImageNet, or from weights there already are."""

import logging
from dataclasses import dataclass

from torch import nn

from inference.engines.pytorch import load_network
from inference.networks import build
from inference.results import Task
from inference.weights import ModelCard, WeightsError, find

logger = logging.getLogger(__name__)

IMAGENET = "imagenet"


@dataclass(frozen=True, slots=True)
class Start:
    """A network ready to be trained, and where its weights come from."""

    network: nn.Module
    origin: str  #: one phrase for the model card
    digest: str  #: tells one origin from another: SHA-256 of the weights, "imagenet" or ""


def begin(task: Task, name: str, init: str, *, imagenet: bool) -> Start:
    """A network called `name`, started from `init`: "", a model's name or a .safetensors file.

    From a network of the same name and task everything is taken, from any other with the same
    encoder that encoder. Raises WeightsError where `init` cannot serve.
    """
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
    if (card.network, card.task) == (name, task):
        return Start(trained.train(), f"from {_title(card)}", card.sha256)
    network = build(name)
    if card.network.split("-")[1] != name.split("-")[1]:
        raise WeightsError(f"{init}: a {card.network} has another encoder than a {name}")
    # Every network of segmentation-models-pytorch calls its encoder so.
    network.encoder.load_state_dict(trained.encoder.state_dict())  # type: ignore[union-attr]
    return Start(network, f"encoder from {_title(card)}", card.sha256)


def _card_of(task: Task, init: str) -> ModelCard:
    """`init` may be for the other task: "lung-unet-resnet18", or a file that says so itself."""
    for named in Task:
        prefix = f"{named.value}-"
        if init.startswith(prefix) and not init.endswith(".safetensors"):
            return find(named, init.removeprefix(prefix))
    other = next(candidate for candidate in Task if candidate is not task)
    try:
        return find(task, init)
    except WeightsError:
        if not init.endswith(".safetensors"):
            raise
        return find(other, init)


def _title(card: ModelCard) -> str:
    return f"{card.task.value}-{card.network} {card.version} ({card.sha256[:12]})"
