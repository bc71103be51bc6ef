"""How many cores there are to share out."""

import os


def cores() -> int:
    """Those this process may use: a container is often given fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
