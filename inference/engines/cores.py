"""How many cores there are to share out, and who gets how many."""

import os


def cores() -> int:
    """Those this process may use: a container is often given fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_each(networks: int, processes: int) -> int:
    """For each of the networks that a process runs at once, beside others that do the same."""
    return max(1, cores() // (networks * processes))
