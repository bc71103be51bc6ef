"""What `cxr-node listen --help` costs beside an empty Python: the listener must not need torch."""

import resource
import statistics
import subprocess
import sys

RUNS = 7


def startup_ratio() -> None:
    """Print CPU seconds of both and their ratio."""
    empty = statistics.median(_cpu_s("-c", "pass") for _ in range(RUNS))
    listen = statistics.median(_cpu_s("-m", "dicom_node", "listen", "--help") for _ in range(RUNS))
    print(f"cxr-node listen --help: {listen:.2f} s CPU, {listen / empty:.1f} x an empty Python")


def _cpu_s(*arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
