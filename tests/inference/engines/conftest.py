"""Both ways of running the networks on a CPU."""

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.engines import Engine, openvino, pytorch


@pytest.fixture(scope="session", params=["pytorch", "openvino"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "openvino":
        return openvino.load_engine()
    return pytorch.load_engine(device="cpu")


def random_image(seed: int = 0, size: int = 256) -> NDArray[np.float32]:
    """(1, size, size)"""
    return np.random.default_rng(seed).random((1, size, size), np.float32)
