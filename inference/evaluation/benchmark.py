"""Table 4: what the networks cost on this machine, and what the node's way of running them saves.

Times are medians of one image at a time, from its array to the maps' arrays. On a GPU they are
taken with CUDA events.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from inference.engines import Engine
from inference.engines.normalise import normalise
from inference.engines.pytorch import load_network
from inference.engines.runners import as_batch, read, runner
from inference.findings import Task
from inference.networks import build
from inference.weights import DEFAULT_SIZE, ModelCard

Image = NDArray[np.float32]

WARM_UP = 2


@dataclass(frozen=True, slots=True)
class Cost:
    """One row of Table 4."""

    network: str
    parameters: int  #: trainable
    alone_ms: float  #: one such network, on all cores
    pair_ms: float  #: two of them in parallel, as the node runs them


@dataclass(frozen=True, slots=True)
class Comparison:
    """The node's pair of networks against the same two run plainly."""

    pair_ms: float
    eager_ms: float  #: fp32, unfolded, one after the other
    largest_difference: float  #: between their probabilities, 0..1

    @property
    def speedup(self) -> float:
        return self.eager_ms / self.pair_ms


def costs(networks: Sequence[str], device: torch.device, repeats: int) -> Iterator[Cost]:
    """A row for each name; weights are random, which costs the same."""
    # A runner on the CPU shares the cores out among its networks.
    threads = torch.get_num_threads()
    image = normalise(_image())
    for name in networks:
        torch.manual_seed(0)
        one, other = build(name).eval(), build(name).eval()
        parameters = sum(p.numel() for p in one.parameters() if p.requires_grad)
        medians = []
        for together in ([one], [one, other]):
            run = runner(together, DEFAULT_SIZE, device)
            medians += _medians([lambda r=run: r(image)], device, repeats)  # type: ignore[misc]
        yield Cost(name, parameters, *medians)
    torch.set_num_threads(threads)


def compare(
    load: Callable[[], Engine],
    cards: Mapping[Task, ModelCard],
    device: torch.device,
    repeats: int,
) -> Comparison:
    """`load` gives the node's engine of the same `cards`; both run in turn, image by image."""
    threads = torch.get_num_threads()
    networks = {task: load_network(card).to(device) for task, card in cards.items()}
    engine = load()

    def eager() -> list[Image]:
        torch.set_num_threads(threads)
        return _eager(networks, device)

    ours, plain = engine.segment(_image(engine.size)), eager()
    difference = max(np.abs(ours.lung - plain[0]).max(), np.abs(ours.infection - plain[1]).max())
    pair_ms, eager_ms = _medians(
        [lambda: engine.segment(_image(engine.size)), eager], device, repeats
    )
    return Comparison(pair_ms, eager_ms, float(difference))


def machine(device: torch.device) -> str:
    """What ran, for the head of a table."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    capability = torch.backends.cpu.get_cpu_capability()
    return f"CPU ({capability}), {torch.get_num_threads()} threads, torch {torch.__version__}"


def _medians(
    runs: Sequence[Callable[[], object]], device: torch.device, repeats: int
) -> list[float]:
    """The median time of each, in ms; all in turn, so that what disturbs one disturbs all."""
    times: list[list[float]] = [[] for _ in runs]
    for number in range(WARM_UP + repeats):
        for run, taken in zip(runs, times, strict=True):
            milliseconds = _time_ms(run, device)
            if number >= WARM_UP:
                taken.append(milliseconds)
    return [float(np.median(taken)) for taken in times]


def _time_ms(run: Callable[[], object], device: torch.device) -> float:
    if device.type == "cpu":
        started = time.perf_counter()
        run()
        return 1000 * (time.perf_counter() - started)
    first = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    last = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    first.record()
    run()
    last.record()
    last.synchronize()
    return float(first.elapsed_time(last))


def _eager(networks: Mapping[Task, nn.Module], device: torch.device) -> list[Image]:
    batch = as_batch(torch.from_numpy(normalise(_image())).to(device))
    return [read(network, batch)[0].cpu().numpy() for network in networks.values()]


def _image(size: int = DEFAULT_SIZE) -> Image:
    """One of (1, size, size), rising from corner to corner: what is in an image costs nothing."""
    line = np.linspace(0, 0.5, size, dtype=np.float32)
    return (line[:, None] + line[None, :])[None]
