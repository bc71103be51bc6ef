"""How several networks are run on the same images at once: on the CPU, and on a CUDA device.

On the CPU each network has a thread of its own and half the cores. Measured on two AVX2 cores with
a pair of FPN-ResNet-18, both networks of one image: one after the other on both cores 317 ms; a
thread each 245 ms; with batch normalisation folded into the convolutions and channels last as well
198 ms. Tracing and freezing gains a further 10 %, costs 1.5 s of start-up and is deprecated.
Three images in one batch take 7 % less than one after the other.

On a GPU an image is too small to keep it busy: launching a DenseNet's 400 kernels one by one takes
longer than they run. So all networks are recorded once, as branches of one CUDA graph, and the
graph is launched as a whole.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import pairwise
from threading import Lock
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from inference.engines.cores import threads_each
from inference.networks import CHANNELS, FOREGROUND

#: Runs before the recording: libraries load, algorithms are chosen, memory is taken.
_WARM_UP = 3


class Reading(NamedTuple):
    """What one network makes of n images."""

    probability: NDArray[np.float32]  #: (n, size, size), 0..1
    strangeness: NDArray[np.float32]  #: (n,), `ProbabilityMaps.strangeness`


class Runner(Protocol):
    """Networks ready to be run."""

    def __call__(self, images: NDArray[np.float32]) -> list[Reading]:
        """Each network's reading of normalised (n, size, size) images."""


def runner(
    networks: Sequence[nn.Module], size: int, device: torch.device, processes: int = 1
) -> Runner:
    """`networks` are in evaluation mode and are changed: folded and moved to `device`.

    Images are `size` x `size`; `processes` share the cores. The first, slow run has been done on
    return.
    """
    ready = [
        fold(network).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for network in networks
    ]
    if device.type == "cuda":
        return OnCuda(ready, size, device)
    return OnCpu(ready, size, threads_each(len(ready), processes))


class OnCpu:
    """A thread for each network, the cores shared out among them."""

    def __init__(self, networks: Sequence[nn.Module], size: int, threads: int) -> None:
        self._networks = networks
        self._pool = ThreadPoolExecutor(len(networks), thread_name_prefix="network")
        torch.set_num_threads(threads)
        self(np.zeros((1, size, size), np.float32))

    def __call__(self, images: NDArray[np.float32]) -> list[Reading]:
        batch = as_batch(torch.from_numpy(images))
        running = [self._pool.submit(read, network, batch) for network in self._networks]
        # Both, whatever becomes of one: nothing goes on behind the back of who tries again.
        wait(running)
        return [Reading(*(said.numpy() for said in future.result())) for future in running]


class OnCuda:
    """One CUDA graph with a branch for each network, in half precision."""

    def __init__(self, networks: Sequence[nn.Module], size: int, device: torch.device) -> None:
        # Autocast would convert the weights anew for every image.
        self._networks = [_with_half_convolutions(network) for network in networks]
        self._branches = [torch.cuda.Stream(device) for _ in networks]  # type: ignore[no-untyped-call]
        self._device = device
        self._image = torch.zeros(1, size, size, device=device)
        self._in_use = Lock()  # the graph reads and writes the same memory at every run
        with torch.cuda.device(device):
            before = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            before.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(before):
                for _ in range(_WARM_UP):
                    self._run()
            torch.cuda.synchronize(device)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._said = self._run()

    def __call__(self, images: NDArray[np.float32]) -> list[Reading]:
        # The graph is of one image: more are too rare to record another.
        with self._in_use:
            said = [self._replay(image[None]) for image in images]
        probability, strangeness = (
            np.concatenate(of_each, axis=1) for of_each in zip(*said, strict=True)
        )
        return [Reading(*of_network) for of_network in zip(probability, strangeness, strict=True)]

    def _replay(self, image: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """(networks, 1, size, size) and (networks, 1)"""
        self._image.copy_(torch.from_numpy(image))
        self._graph.replay()
        return tuple(said.cpu().numpy() for said in self._said)

    def _run(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(networks, 1, size, size) and (networks, 1) on the device."""
        before = torch.cuda.current_stream(self._device)
        batch = as_batch(self._image)
        said = []
        for network, branch in zip(self._networks, self._branches, strict=True):
            branch.wait_stream(before)
            with torch.cuda.stream(branch), torch.autocast("cuda", torch.float16):
                said.append(read(network, batch))
        for branch in self._branches:
            before.wait_stream(branch)
        probability, strangeness = zip(*said, strict=True)
        return torch.stack(probability), torch.stack(strangeness)


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


def _with_half_convolutions(network: nn.Module) -> nn.Module:
    """The rest stays in single precision: autocast says where normalisation needs it."""
    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            part.half()
    return network


def as_batch(images: torch.Tensor) -> torch.Tensor:
    """(n, 3, size, size), channels last, of (n, size, size)."""
    batch = images[:, None].expand(-1, CHANNELS, -1, -1)
    return batch.contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def read(network: nn.Module, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A `Reading`'s tensors, in single precision; the probability is each pixel's softmax
    (section 3.1).

    Every network of segmentation-models-pytorch has these three parts, and `familiarity` where its
    weights hold one.
    """
    features = network.encoder(batch)  # type: ignore[operator]
    logits = network.segmentation_head(network.decoder(features))  # type: ignore[operator]
    probability = torch.softmax(logits.float(), dim=1)[:, FOREGROUND]
    familiarity = getattr(network, "familiarity", None)
    if familiarity is None:
        return probability, probability.new_zeros(len(probability))
    return probability, familiarity(features)


class Reads(nn.Module):
    """A network from a normalised (1, size, size) image to what `read` gives of it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return read(self.network, as_batch(images))
