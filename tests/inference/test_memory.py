"""What says that memory ran out, as the libraries really say it."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from inference.decode import UndecodableImage
from inference.memory import is_out_of_memory

#: Bytes that no machine has.
ENDLESS = 1 << 60


def of_numpy() -> None:
    np.zeros(ENDLESS, np.uint8)


def of_torch() -> None:
    torch.zeros(ENDLESS, dtype=torch.uint8)


def taken_for_damage() -> None:
    try:
        of_numpy()
    except MemoryError as exc:
        raise UndecodableImage("the pixels are damaged") from exc


@pytest.mark.parametrize("ask", [of_numpy, of_torch, taken_for_damage])
def test_memory_that_cannot_be_had_is_known_whoever_asks(ask: Callable[[], None]) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - each its own
        ask()
    assert is_out_of_memory(raised.value)


def test_other_faults_are_no_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="size of tensor") as shapes:
        torch.zeros(2).add(torch.zeros(3))
    assert not is_out_of_memory(shapes.value)
    assert not is_out_of_memory(OSError(2, "No such file or directory"))
    assert not is_out_of_memory(UndecodableImage("the pixels are damaged"))
