"""A worker keeps what one image took for the next: the kernel is not asked again, page by page."""

import subprocess
import sys

IMAGES = """
import resource
import numpy as np
from dicom_node.worker.memory import keep_freed_memory
{prepare}
def faults():
    for _ in range(10):
        [np.ones(4_000_000, np.float32) for _ in range(2)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
print(faults() - before)
"""


def faults(prepare: str) -> int:
    """Of twenty arrays of 16 MB, after as many."""
    program = IMAGES.format(prepare=prepare)
    # Pages of two megabytes, which numpy asks for, would hide what each costs.
    said = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True,
        env={"NUMPY_MADVISE_HUGEPAGE": "0"},
    )  # fmt: skip
    return int(said.stdout)


def test_what_is_freed_serves_again() -> None:
    assert faults("keep_freed_memory()") < 100
    assert faults("") > 10_000
