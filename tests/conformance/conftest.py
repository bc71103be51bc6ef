"""The engine that the conformance tests share."""

import pytest

from inference.engines.pytorch import PytorchEngine, load_engine


@pytest.fixture(scope="session")
def engine() -> PytorchEngine:
    return load_engine(device="cpu")
