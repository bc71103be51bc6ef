"""`make bench`: the README's figures, measured on this machine and printed as its table."""

import os
import platform

from tests.bench.latency import latency_when_idle
from tests.bench.startup import startup_ratio


def main() -> None:
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}\n")
    latency_when_idle()
    startup_ratio()


if __name__ == "__main__":
    main()
