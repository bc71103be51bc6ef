"""How many workers and listeners a host has room for, by its cores and its memory."""

import os
from contextlib import suppress
from pathlib import Path

from dicom_node.config import Config
from inference.engines.cores import cores

#: What a worker takes at most, the networks and an 8-megapixel radiograph; 0.9 GB was measured
#: (deploy/FIGURES.md).
WORKER_BYTES = 2**30

_MEMINFO = Path("/proc/meminfo")
#: A container's own limit and use (Linux, control groups v2).
_LIMIT, _IN_USE = (Path(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))


def workers_of(config: Config) -> int:
    """How many processes of the worker a host runs that runs all parts."""
    asked = config.worker.processes
    if asked != "auto":
        return asked
    return max(1, min(cores(), free_memory() // WORKER_BYTES))


def listeners_of(config: Config) -> int:
    """How many processes of the listener a host runs that runs all parts."""
    asked = config.node.listeners
    return cores() if asked == "auto" else asked


def free_memory() -> int:
    """Bytes that this host, or the container this is in, could still give."""
    free = _free_on_host()
    with suppress(OSError, ValueError):  # no container, or one without a limit
        free = min(free, int(_LIMIT.read_text("ascii")) - int(_IN_USE.read_text("ascii")))
    return max(0, free)


def _free_on_host() -> int:
    with suppress(OSError):
        for line in _MEMINFO.read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    # Another system than Linux: all there is, which is too much.
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
