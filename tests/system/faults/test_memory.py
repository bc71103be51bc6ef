"""Memory that runs out, really: a process of its own with an address space that is too small."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from dicom_node.cli.node.networks import load_networks
from dicom_node.errors import MemoryUnavailable
from tests.conftest import ROOT
from tests.system.faults.short_of_memory import ENVIRONMENT

pytestmark = pytest.mark.long


def test_lack_of_memory_is_waited_for_and_never_taken_for_a_fault_of_the_image(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "tests.system.faults.short_of_memory", str(tmp_path)]
    ended = subprocess.run(
        command, cwd=ROOT, env=os.environ | ENVIRONMENT, capture_output=True, text=True, timeout=900
    )
    assert ended.returncode == 0, ended.stderr
    assert "waits for memory" in ended.stderr


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("megabytes", [10, 100])
def test_a_gpu_that_others_have_filled_is_waited_for(megabytes: int) -> None:
    """Room for nothing, and for the networks without an image."""
    with left_on_the_gpu(megabytes), pytest.raises(MemoryUnavailable, match="no memory"):
        load_networks("", "", "cuda")
    engine = load_networks("", "", "cuda")
    # The graph has all it needs: others may take the rest.
    with left_on_the_gpu(0):
        maps = engine.segment(np.zeros((3, engine.size, engine.size), np.float32))
    assert maps.lung.shape == (3, engine.size, engine.size)


@contextmanager
def left_on_the_gpu(megabytes: int) -> Iterator[None]:
    """So much for this process in all."""
    _, total = torch.cuda.mem_get_info()
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(megabytes * 2**20 / total)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
