"""The networks as an `Engine`, run with OpenVINO on the CPU.

It is a little quicker there than PyTorch, and a process that finds its graphs kept begins without
PyTorch, in a quarter of the time. In single precision: bfloat16 takes half as long, and draws a
small infection otherwise (deploy/FIGURES.md).
"""

from collections.abc import Sequence
from threading import Lock

import numpy as np
import openvino
from numpy.typing import NDArray

from inference.engines import ProbabilityMaps
from inference.engines.cores import threads_each
from inference.engines.graphs import graph_of
from inference.engines.normalise import normalise
from inference.findings import ModelIdentity, Task
from inference.weights import find_pair

#: Several processes share a machine's cores: pinned, all would be on the same.
_SETTINGS = {
    "PERFORMANCE_HINT": "LATENCY",
    "NUM_STREAMS": 1,
    "ENABLE_CPU_PINNING": False,
}


def load_engine(
    lung: str = "", infection: str = "", precision: str = "f32", *, processes: int = 1
) -> "OpenvinoEngine":
    """Both networks, verified, loaded and warmed up.

    Names and paths are those of `weights.find`; `precision` is one that OpenVINO knows: anything
    but "f32" is another analysis; `processes`, this one among them, share the cores. Raises
    WeightsError.
    """
    cards = find_pair(lung, infection)
    core = openvino.Core()
    settings = _SETTINGS | {
        "INFERENCE_NUM_THREADS": threads_each(len(cards), processes),
        "INFERENCE_PRECISION_HINT": precision,
    }
    networks = [
        core.compile_model(graph_of(core, card), "CPU", settings) for card in cards.values()
    ]
    identities = tuple(card.identity for card in cards.values())
    return OpenvinoEngine(networks, identities, cards[Task.LUNG].size)


class OpenvinoEngine:
    """Implements `Engine`."""

    def __init__(
        self,
        networks: Sequence[openvino.CompiledModel],
        models: tuple[ModelIdentity, ...],
        size: int,
    ) -> None:
        """`networks`: of lungs and of infection, each from a (1, size, size) image to its
        probability map and its strangeness.
        """
        self.size = size
        self.models = models
        self._requests = [network.create_infer_request() for network in networks]
        self._in_use = Lock()  # a request reads and writes the same memory at every run
        self.segment(np.zeros((1, size, size), np.float32))

    def segment(self, images: NDArray[np.float32]) -> ProbabilityMaps:
        """Maps of (n, size, size) images, 0..1, bright = dense.

        Raises what OpenVINO does where memory does not suffice (`is_out_of_memory`).
        """
        with self._in_use:
            # One after the other: three in one batch are hardly quicker.
            read = [self._read(image[None]) for image in normalise(images)]
        lung, infection, strangeness = (
            np.concatenate(of_all) for of_all in zip(*read, strict=True)
        )
        return ProbabilityMaps(lung, infection, strangeness)

    def _read(self, image: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Both networks at once: what they say of lung and infection, and how strange it is."""
        for request in self._requests:
            request.start_async({0: image})
        # Both, whatever becomes of one: nothing goes on behind the back of who tries again.
        failures = [failure for failure in map(_wait, self._requests) if failure is not None]
        if failures:
            raise failures[0]
        lung, infection = self._requests
        return tuple(
            # A copy: the next run writes into the same memory.
            said.data.copy()
            for said in (lung.output_tensors[0], *infection.output_tensors)
        )


def _wait(request: openvino.InferRequest) -> Exception | None:
    try:
        request.wait()
    except Exception as exc:
        return exc
    return None
