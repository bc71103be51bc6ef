"""Runs the two networks with PyTorch, on the CPU or on a CUDA device.

On the CPU each network has a thread of its own and half the cores. Measured on two AVX2 cores with
the shipped pair, both networks of one image: one after the other on both cores 317 ms; a thread
each 245 ms; with batch normalisation folded into the convolutions and channels last as well
198 ms. Tracing and freezing gains a further 10 %, costs 1.5 s of start-up and is deprecated.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from inference.engines import ProbabilityMaps
from inference.networks import build
from inference.results import ModelIdentity, Task
from inference.weights import ModelCard, WeightsError, find, load_state

#: Section 3.1: each pixel's softmax; channel 0 is the background.
FOREGROUND = 1


class DeviceUnavailable(RuntimeError):
    """The device asked for is not there."""


def load_engine(lung: str = "", infection: str = "", device: str = "auto") -> "PytorchEngine":
    """Both networks, verified, loaded and warmed up; `device` is "auto", "cpu" or "cuda".

    Names and paths are those of `weights.find`. Raises WeightsError or DeviceUnavailable.
    """
    cards = {Task.LUNG: find(Task.LUNG, lung), Task.INFECTION: find(Task.INFECTION, infection)}
    if cards[Task.LUNG].size != cards[Task.INFECTION].size:
        raise WeightsError("the lung and the infection network take images of different sizes")
    networks = {task: load_network(card) for task, card in cards.items()}
    identities = tuple(card.identity for card in cards.values())
    return PytorchEngine(networks, identities, cards[Task.LUNG].size, choose_device(device))


def load_network(card: ModelCard) -> nn.Module:
    """One trained network in single precision, in evaluation mode."""
    network = build(card.network)
    state = {name: torch.from_numpy(values).float() for name, values in load_state(card).items()}
    try:
        network.load_state_dict(state)
    except RuntimeError as exc:
        raise WeightsError(f"{card.weights} does not fit a {card.network}: {exc}") from exc
    return network.eval()


def choose_device(wanted: str) -> torch.device:
    """ "auto" is CUDA where there is one."""
    has_cuda = torch.cuda.is_available()
    if wanted == "auto":
        return torch.device("cuda" if has_cuda else "cpu")
    if wanted == "cuda" and not has_cuda:
        raise DeviceUnavailable(
            "no CUDA device: install a CUDA build of torch and its driver, or choose cpu"
        )
    return torch.device(wanted)


class PytorchEngine:
    """Implements `Engine`."""

    def __init__(
        self,
        networks: Mapping[Task, nn.Module],
        models: tuple[ModelIdentity, ...],
        size: int,
        device: torch.device,
    ) -> None:
        """`networks` are in evaluation mode and are changed: folded and moved to `device`."""
        self.size = size
        self.models = models
        self._device = device
        self._networks = {
            task: fold(network).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            for task, network in networks.items()
        }
        self._pool = ThreadPoolExecutor(len(networks), thread_name_prefix="network")
        if device.type == "cpu":
            torch.set_num_threads(max(1, _cores() // len(networks)))
        else:
            self._streams = {
                task: torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
                for task in networks
            }
        # The first run allocates and chooses algorithms: not on the first patient's time.
        self.segment(np.zeros((size, size), np.float32))

    def segment(self, image: NDArray[np.float32]) -> ProbabilityMaps:
        """Maps of one (size, size) image, 0..1, bright = dense."""
        batch = torch.from_numpy(normalise(image)).to(self._device)
        batch = batch.expand(1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        run = self._on_cpu if self._device.type == "cpu" else self._on_cuda
        maps = run(batch)
        return ProbabilityMaps(maps[Task.LUNG], maps[Task.INFECTION])

    def _on_cpu(self, batch: torch.Tensor) -> dict[Task, NDArray[np.float32]]:
        running = {
            task: self._pool.submit(_probability, network, batch)
            for task, network in self._networks.items()
        }
        return {task: future.result().numpy() for task, future in running.items()}

    def _on_cuda(self, batch: torch.Tensor) -> dict[Task, NDArray[np.float32]]:
        """One thread suffices: a launch returns at once, and each stream has its own network."""
        before = torch.cuda.current_stream(self._device)
        maps = {}
        for task, network in self._networks.items():
            stream = self._streams[task]
            stream.wait_stream(before)
            with torch.cuda.stream(stream), torch.autocast("cuda", torch.float16):
                maps[task] = _probability(network, batch)
        for stream in self._streams.values():
            stream.synchronize()
        return {task: probability.cpu().numpy() for task, probability in maps.items()}


def normalise(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Minus its own mean, divided by its own standard deviation, as the networks were trained."""
    deviation = float(image.std())
    # A blank image stays blank instead of becoming not-a-number.
    return np.asarray((image - image.mean()) / max(deviation, 1e-6), np.float32)


def fold(network: nn.Module) -> nn.Module:
    """Batch normalisation folded into the convolution before it, everywhere in `network`.

    In all of the paper's networks a block's children stand in the order they run, so a
    normalisation right behind a convolution is the one that follows it.
    """
    for block in list(network.modules()):
        for (name, convolution), (following, normalisation) in pairwise(block.named_children()):
            # The exact class: timm's subclass of it has its activation inside.
            if isinstance(convolution, nn.Conv2d) and type(normalisation) is nn.BatchNorm2d:
                setattr(block, name, fuse_conv_bn_eval(convolution, normalisation))
                setattr(block, following, nn.Identity())
    return network


@torch.inference_mode()
def _probability(network: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """(size, size), 0..1, in single precision."""
    return torch.softmax(network(batch).float(), dim=1)[0, FOREGROUND]


def _cores() -> int:
    """The cores this process may use: a container is often given fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
