"""The networks as an `Engine`, run with PyTorch on the CPU or on a CUDA device."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from inference.engines import ProbabilityMaps
from inference.engines.device import choose_device, free_cached
from inference.engines.familiarity import shaped_as
from inference.engines.normalise import normalise
from inference.engines.runners import Reading, runner
from inference.findings import ModelIdentity, Task
from inference.memory import is_out_of_memory
from inference.networks import build
from inference.weights import ModelCard, WeightsError, find_pair, load_state


def load_engine(
    lung: str = "", infection: str = "", device: str = "auto", *, processes: int = 1
) -> "PytorchEngine":
    """Both networks, verified, loaded and warmed up; `device` is "auto", "cpu" or "cuda".

    Names and paths are those of `weights.find`. `processes`, this one among them, share the
    cores. Raises WeightsError or DeviceUnavailable.
    """
    cards = find_pair(lung, infection)
    networks = {task: load_network(card) for task, card in cards.items()}
    identities = tuple(card.identity for card in cards.values())
    size = cards[Task.LUNG].size
    return PytorchEngine(networks, identities, size, choose_device(device), processes)


def load_network(card: ModelCard) -> nn.Module:
    """One trained network in single precision, in evaluation mode."""
    network = build(card.network)
    state = {name: torch.from_numpy(values).float() for name, values in load_state(card).items()}
    network.familiarity = shaped_as(state)  # type: ignore[assignment]
    try:
        network.load_state_dict(state)
    except RuntimeError as exc:
        raise WeightsError(f"{card.weights} does not fit a {card.network}: {exc}") from exc
    return network.eval()


class PytorchEngine:
    """Implements `Engine`."""

    def __init__(
        self,
        networks: Mapping[Task, nn.Module],
        models: tuple[ModelIdentity, ...],
        size: int,
        device: torch.device,
        processes: int = 1,
    ) -> None:
        """`networks` are in evaluation mode and are changed: folded and moved to `device`."""
        self.size = size
        self.models = models
        self._tasks = tuple(networks)
        self._run = runner([networks[task] for task in self._tasks], size, device, processes)

    def segment(self, images: NDArray[np.float32]) -> ProbabilityMaps:
        """Maps of (n, size, size) images, 0..1, bright = dense.

        Where memory does not suffice, one image after the other; raises what torch does where it
        does not suffice for one either (`is_out_of_memory`).
        """
        read = dict(zip(self._tasks, self._read(normalise(images)), strict=True))
        lung, infection = read[Task.LUNG], read[Task.INFECTION]
        return ProbabilityMaps(lung.probability, infection.probability, infection.strangeness)

    def _read(self, images: NDArray[np.float32]) -> list[Reading]:
        try:
            return self._run(images)
        except Exception as exc:
            if not is_out_of_memory(exc):
                raise
        # Only here: the exception held on to all that had been computed.
        free_cached()
        one_by_one = [self._run(image[None]) for image in images]
        return [
            Reading(*(np.concatenate(parts) for parts in zip(*of_network, strict=True)))
            for of_network in zip(*one_by_one, strict=True)
        ]
