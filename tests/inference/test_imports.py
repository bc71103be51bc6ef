"""What may be imported without torch: the listener asks for digests and must start at once."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "inference.weights",
        "inference.decode",
        "inference.analyze",
        "inference.networks",
        "inference.engines.normalise",
        "inference.evaluation.evaluate",
    ],
)
def test_torch_stays_out(module: str) -> None:
    code = f"import sys, {module}; print(sorted({{'torch', 'torchvision'}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_models_are_identified_without_torch_or_pydicom() -> None:
    code = """
import sys
from inference.findings import Task
from inference.weights import identify
identify(Task.LUNG)
print(sorted({'torch', 'pydicom', 'scipy'} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
